"""What the synthesis model scores on cdse2022, and what it costs: ``python benchmarks/synthesis_cdse2022.py``.

Prints the conditions and one line for each split and model, then the times of one fit and one fine-tuning, and how many
recipes a second are predicted, on the threads that torch is given (``--threads``, default 2).
"""

import argparse
import time
from pathlib import Path

import torch
from conditions import conditions

import closedloop.literature
from closedloop.literature import load_experiments, split
from closedloop.synthesis import SynthesisModel
from closedloop.synthesis.baselines import check_models
from closedloop.synthesis.evaluation import evaluate

SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", default="all", help="names with commas between, or all")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    models = check_models(given.models)
    data = Path(closedloop.literature.__file__).parent / "data" / "cdse2022.csv"
    print(conditions(SEED, [data]), flush=True)
    experiments = load_experiments("cdse2022")
    for name in ("rows", "random", "source"):
        for model in models:
            scores = evaluate(experiments, split(experiments, name, seed=SEED), model, seed=SEED).overall
            r2 = "-" if scores.r2 is None else f"{scores.r2:.3f}"
            print(
                f"{name:8} {model:14} MAE {scores.mae_nm:.3f} nm, RMSE {scores.rmse_nm:.3f} nm, R² {r2}, "
                f"90% intervals hold {scores.coverage_90:.1%}, width {scores.width_90_nm:.2f} nm (n = {scores.n})",
                flush=True,
            )
    started = time.perf_counter()
    model_ = SynthesisModel.fit(experiments, SEED)
    print(f"fit: {time.perf_counter() - started:.1f} s")
    started = time.perf_counter()
    model_.fine_tune([*experiments, *experiments[:20]], weights=[1.0] * len(experiments) + [5.0] * 20)
    print(f"fine-tune with 20 more: {time.perf_counter() - started:.1f} s")
    recipes = [experiment.recipe for experiment in experiments] * 20
    started = time.perf_counter()
    model_.predict_arrays(recipes)
    print(f"predict: {len(recipes) / (time.perf_counter() - started):.0f} recipes/s")


if __name__ == "__main__":
    main()
