"""How far off the literature's word is, and how far after five results here: `closedloop` on the tasks of gu2025.

A model is fitted on what is left of the literature once the pool, its sources and near copies are held out. Each run
picks six recipes and goes on after a hit, so that every run has a first and a sixth pick; errors are |expected /
published - 1| of the picked recipe, the median over seeds, then over tasks. Beside it the same without any literature.

    python benchmarks/literature_bias.py --gu2025 PATH --out FOLDER [--model extra-trees] [--only PbSe,Au] [--seeds 10]
"""

import argparse
import json
from pathlib import Path

import numpy as np
from conditions import conditions
from dryrun_suite import HELD_BACK, TUNED, size_targets

from closedloop.campaign.dryrun import Known, Plan, PoolTask, Shelf, literature_without, merits, prior_of, run_all
from closedloop.campaign.dryrun.merits import LATER
from closedloop.literature import load

Errors = tuple[float | None, float | None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gu2025", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("literature-bias"))
    parser.add_argument("--model", default="extra-trees")
    parser.add_argument("--only", default="", help="products, commas between")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--executor", default="local:1")
    given = parser.parse_args()
    print(conditions(f"0 to {given.seeds - 1}"), flush=True)
    shelf = Shelf(given.out)
    plan = Plan(("closedloop",), given.seeds, LATER + 1, all_hits=True)
    data = load("gu2025", given.gu2025, negatives=False).experiments
    rows: list[tuple[bool, dict[str, Errors]]] = []
    kept: list[dict[str, object]] = []
    for product in [one for one in (*TUNED, *HELD_BACK) if not given.only or one in given.only.split(",")]:
        prior = None
        for pool in size_targets(data, product):
            left = literature_without(pool, data)
            # The same for every target of the product: what is held out depends on the pool's recipes.
            prior = prior or prior_of(pool.view, left, lambda words: None, shelf.folder, given.model)
            told: dict[str, Errors] = {}
            for label, known in (("literature", Known(left.experiments, prior)), ("none", Known())):
                runs = run_all(PoolTask(pool, known), plan, executor=given.executor, shelf=shelf).runs["closedloop"]
                found = merits(pool.blind, runs)
                told[label] = found["first_error"], found[f"error_after_{LATER}"]
            name = f"{product} {pool.view.goal.value:g}"
            rows.append((product in TUNED, told))
            kept.append({"task": name, "tuned": product in TUNED, **told})
            said = "; ".join(f"{label} {_percent(a)} -> {_percent(b)}" for label, (a, b) in told.items())
            print(f"{name}: {said}", flush=True)
    for tuned, label in ((True, "tuned on"), (False, "held back")):
        for known_by in ("literature", "none"):
            pairs = [errors[known_by] for of_tuned, errors in rows if of_tuned is tuned]
            both = np.array([(a, b) for a, b in pairs if a is not None and b is not None], dtype=np.float64)
            if len(both):
                first, later = np.median(both, axis=0).tolist()
                ratio = float(np.median(both[:, 1] / both[:, 0]))
                print(
                    f"{label}, {known_by}: {len(both)} tasks, {first:.1%} -> {later:.1%} in the median, "
                    f"median ratio {ratio:.2f}, halved on {np.mean(both[:, 1] <= both[:, 0] / 2):.0%}"
                )
    (given.out / "bias.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


if __name__ == "__main__":
    main()
