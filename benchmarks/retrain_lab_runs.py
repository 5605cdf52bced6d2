"""What runs of the simulated lab teach the model: generations of retraining, and how much a lab run should weigh.

The figures of docs/decisions/0061. Fresh recipes are drawn from the default campaign's space and scored against the
simulator's hidden truth; no model has seen them. Some minutes on one core; ``--weights`` adds the second table.

    python benchmarks/retrain_lab_runs.py [--seed 0] [--weights]
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from conditions import conditions

from closedloop.campaign import load_champion, read_campaign
from closedloop.literature import load_experiments
from closedloop.recipes import Experiment, Outcome
from closedloop.retrain import Retrainer, describe
from closedloop.store import State, Store
from closedloop.synthesis import SynthesisModel
from sim.reactor import run

GENERATIONS = (8, 20, 28)
FRESH = 60


def lab_runs(count: int, seed: int) -> list[Experiment]:
    """Recipes all over the campaign's space, and what the simulator knows of them."""
    definition = read_campaign("cdse")
    recipes = definition.space.within(definition.target.limits).sample(count, seed=seed)
    made = []
    for number, recipe in enumerate(recipes):
        truth = run(recipe, seed * 10_000 + number)
        outcome = Outcome(success=truth.success, failure_cause=truth.failure_cause, size_nm=truth.mean_diameter_nm)
        made.append(Experiment(recipe=recipe, outcome=outcome, source="lab:cdse"))
    return made


def score(model: SynthesisModel, fresh: Sequence[Experiment]) -> str:
    guesses = model.predict([one.recipe for one in fresh])
    sizes = [abs(g.size_nm - e.outcome.size_nm) for g, e in zip(guesses, fresh, strict=True) if e.outcome.size_nm]
    brier = [(g.success_probability - bool(e.outcome.success)) ** 2 for g, e in zip(guesses, fresh, strict=True)]
    return f"size error {np.mean(sizes):.3f} nm on {len(sizes)}, Brier score {np.mean(brier):.3f} on {len(brier)}"


def generations(lab: Sequence[Experiment], fresh: Sequence[Experiment], seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/lab.db") as store:
        store.save_campaign("cdse", "", "benchmark")
        trainer = Retrainer(store, load_experiments("cdse2022"), seed=seed)
        print(f"shipped: {score(load_champion(store), fresh)}", flush=True)
        known = 0
        for upto in GENERATIONS:
            for made in lab[known:upto]:
                id = store.add_experiment("cdse", made.recipe).id
                store.add_outcome(id, made.outcome)
                for state in (State.APPROVED, State.CHECKED, State.RUNNING, State.MEASURED, State.CLOSED):
                    store.move(id, state)
            known = upto
            spent_s = time.process_time()
            result = trainer.run(now=True)
            spent_s = time.process_time() - spent_s
            print(
                f"{upto} runs: {score(load_champion(store), fresh)}; {spent_s:.1f} s of one core; {describe(result)}",
                flush=True,
            )


def weights(lab: Sequence[Experiment], fresh: Sequence[Experiment]) -> None:
    literature = load_experiments("cdse2022")
    for weight in (1.0, 3.0, 10.0, 30.0):
        for seed in (0, 1):
            given = [1.0] * len(literature) + [weight] * len(lab)
            model = SynthesisModel.default().fine_tune([*literature, *lab], weights=given, seed=seed)
            print(f"weight {weight:g}, seed {seed}: {score(model, fresh)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(conditions(options.seed))
    lab, fresh = lab_runs(max(GENERATIONS), 2 * options.seed + 1), lab_runs(FRESH, 2 * options.seed + 2)
    generations(lab, fresh, options.seed)
    if options.weights:
        weights(lab[:20], fresh)


if __name__ == "__main__":
    main()
