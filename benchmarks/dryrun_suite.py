"""Experiments to the first hit of every strategy on the benchmark's tasks: ``python benchmarks/dryrun_suite.py``.

cdse2022 (four sizes), gu2025 (ten products, three sizes each), pbs2019 (three first excitons) and agnp2021 (its loss);
every task has 1 to 8% of its pool within tolerance but those whose target is fixed beforehand. What was tuned on is
marked; nothing else was looked at before. Prints the conditions, a line for each task, and the ratios.

    python benchmarks/dryrun_suite.py --gu2025 PATH --pbs2019 PATH --out FOLDER [--strategies a,b] [--seeds 20]
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from conditions import conditions

from closedloop.campaign.dryrun import (
    SETTINGS,
    Aim,
    Goal,
    Known,
    Plan,
    Pool,
    Prior,
    Run,
    Shelf,
    calibration,
    check_strategies,
    literature_without,
    merits,
    prior_of,
    run_study,
)
from closedloop.literature import load
from closedloop.recipes import Experiment

TUNED = ("PbSe", "PbS", "Pd", "InP", "Cu2S")
HELD_BACK = ("Au", "Ag", "Cu", "Cs3Cu2I5", "Ag2S")
SHARES = (0.01, 0.08)
QUANTILES = (0.15, 0.5, 0.85)
AGNP_QUANTILE = 0.05


@dataclass(frozen=True)
class Task:
    """One pool with one goal; ``tuned``: settings of closedloop were chosen while looking at it."""

    data: str
    pool: Pool
    tuned: bool

    @property
    def name(self) -> str:
        return f"{self.data} {self.pool.product} {self.pool.view.goal.value:g}"


def size_targets(data: Sequence[Experiment], product: str) -> Iterator[Pool]:
    """Pools whose target is the published size nearest to a quantile that 1 to 8% of the pool are within 5% of."""
    sizes = sorted(one.outcome.size_nm for one in data if one.recipe.product == product and one.outcome.size_nm)
    for quantile in QUANTILES:
        for size in sorted(set(sizes), key=lambda value: abs(np.searchsorted(sizes, value) / len(sizes) - quantile)):
            pool = Pool.of(data, product, Goal(size))
            if SHARES[0] <= len(pool.hits) / len(pool) <= SHARES[1]:
                yield pool
                break


def tasks(gu2025: Path | None, pbs2019: Path | None) -> Iterator[tuple[Task, Sequence[Experiment]]]:
    """Every task with the data that it is made of; a data set that is not at hand is left out."""
    cdse = load("cdse2022").experiments
    for size in (1.6, 2.0, 2.5, 5.0):
        yield Task("cdse2022", Pool.of(cdse, "CdSe", Goal(size)), True), cdse
    if gu2025 is not None:
        gu = load("gu2025", gu2025, negatives=False).experiments
        for product in (*TUNED, *HELD_BACK):
            for pool in size_targets(gu, product):
                yield Task("gu2025", pool, product in TUNED), gu
    if pbs2019 is not None:
        pbs = load("pbs2019", pbs2019).experiments
        for peak in (950.0, 1300.0, 1550.0):
            goal = Goal(peak, 0.01, quantity="first_exciton_nm")
            yield Task("pbs2019", Pool.of(pbs, "PbS", goal, SETTINGS["pbs2019"]), False), pbs
    agnp = load("agnp2021").experiments
    any_goal = Goal(1e3, quantity="spectral_loss", aim=Aim.AT_MOST)
    losses = [one.value for one in Pool.of(agnp, "Ag", any_goal, SETTINGS["agnp2021"]).results if one.value]
    bound = float(np.quantile(losses, AGNP_QUANTILE))
    goal = Goal(bound, quantity="spectral_loss", aim=Aim.AT_MOST)
    yield Task("agnp2021", Pool.of(agnp, "Ag", goal, SETTINGS["agnp2021"]), False), agnp


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gu2025", type=Path)
    parser.add_argument("--pbs2019", type=Path)
    parser.add_argument("--out", type=Path, default=Path("dryrun-suite"))
    parser.add_argument("--strategies", default="closedloop,random,nearest,gp,extra-trees")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=80)
    parser.add_argument("--executor", default="local:1")
    parser.add_argument("--only", default="", help="tasks whose name contains this")
    parser.add_argument("--cold", action="store_true", help="fit no model of the literature")
    given = parser.parse_args()
    print(conditions(f"0 to {given.seeds - 1}"), flush=True)
    shelf = Shelf(given.out)
    plan = Plan(check_strategies(given.strategies), given.seeds, given.budget)
    priors: dict[str, Prior | None] = {}
    rows, runs = [], list[Run]()
    for task, data in tasks(given.gu2025, given.pbs2019):
        if given.only not in task.name:
            continue
        literature = literature_without(task.pool, data)
        known = Known(literature.experiments)
        if not given.cold and "closedloop" in plan.strategies:
            place = f"{task.data} {task.pool.product}"
            if place not in priors:
                priors[place] = prior_of(task.pool.view, literature, print, shelf.folder)
            known = Known(literature.experiments, priors[place])
        study = run_study(task.pool, known, plan, executor=given.executor, shelf=shelf)
        sources = [data[members[0]].source for members in task.pool.members]
        found = {name: merits(task.pool, one, sources) for name, one in study.runs.items()}
        runs += study.runs.get("closedloop", [])
        rows.append({"task": task.name, "tuned": task.tuned, "strategies": found} | literature.as_json())
        medians = "  ".join(f"{name} {_shown(one['median'])}" for name, one in found.items())
        by_chance = next(iter(found.values()))["random_expected_median"]
        mark = "tuned on " if task.tuned else ""
        print(f"{mark}{task.name}: {len(task.pool.hits)} of {len(task.pool)} hit, blind {by_chance:g}; {medians}")
    if runs:
        for tuned in (True, False):
            _summary([row for row in rows if row["tuned"] is tuned], "tuned on" if tuned else "held back", given.budget)
        print(f"calibration error of closedloop over {calibration(runs).picks} picks: {calibration(runs).error}")
    (given.out / "suite.json").write_text(json.dumps(rows, indent=1, default=str), encoding="utf-8")


def _summary(rows: Sequence[dict[str, object]], label: str, budget: int) -> None:
    """Ratios of medians; a strategy that does not hit in half of its runs counts as the budget and one."""
    against_random, against_best = [], []
    for row in rows:
        found: dict[str, dict[str, float | None]] = row["strategies"]  # type: ignore[assignment]
        medians = {name: budget + 1.0 if one["median"] is None else one["median"] for name, one in found.items()}
        against_random.append(medians["closedloop"] / (found["closedloop"]["random_expected_median"] or math.nan))
        others = [value for name, value in medians.items() if name not in ("closedloop", "random")]
        if others:
            against_best.append(medians["closedloop"] / min(others))
    if not against_random:
        return
    print(f"{label}: {len(rows)} tasks, median ratio against random {np.median(against_random):.2f}", end="")
    if against_best:
        not_more = np.mean([ratio <= 1 for ratio in against_best])
        print(f"; against the best other {np.median(against_best):.2f}, not more on {not_more:.0%}", end="")
    print()


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


if __name__ == "__main__":
    main()
