"""Experiments to the first hit of every strategy on the benchmark's tasks: ``python benchmarks/dryrun_suite.py``.

cdse2022 (four sizes), gu2025 (ten products, three sizes each), pbs2019 (three first excitons), agnp2021 (its loss) and,
with ``--simulator virtual``, three products that it makes (five sizes each); every task has 1 to 8% of its pool, or of
blind recipes, within tolerance but those whose target is fixed beforehand. What was tuned on is marked; nothing else
was looked at before. Prints the conditions, a line for each task, and the ratios.

    python benchmarks/dryrun_suite.py --gu2025 PATH --pbs2019 PATH --simulator virtual --out FOLDER [--seeds 20]
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
    DESIGNERS,
    NAMES,
    SETTINGS,
    Aim,
    Blind,
    Goal,
    Known,
    Plan,
    Pool,
    PoolTask,
    Prior,
    Run,
    Shelf,
    SimulatedTask,
    Study,
    Surveyed,
    calibration,
    check_designers,
    check_strategies,
    definition_for,
    literature_without,
    merits,
    prior_of,
    run_all,
)
from closedloop.literature import load, source_key
from closedloop.recipes import Experiment

TUNED = ("PbSe", "PbS", "Pd", "InP", "Cu2S")
HELD_BACK = ("Au", "Ag", "Cu", "Cs3Cu2I5", "Ag2S")
SHARES = (0.01, 0.08)
QUANTILES = (0.15, 0.5, 0.85)
AGNP_QUANTILE = 0.05
SIMULATED = ("CdSe", "PbS", "PbSe")
SIMULATED_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SURVEYED = 512
SIMULATED_BUDGET = 25
# Targets of one product are further apart than this.
APART = 0.05


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


def simulated_tasks(
    simulator: str, model: str, executor: str, shelf: Shelf
) -> Iterator[tuple[SimulatedTask, Surveyed]]:
    """For each product the sizes nearest to five quantiles of what blind recipes give that 1 to 8% of them hit."""
    for product in SIMULATED:
        probe = SimulatedTask(simulator, definition_for(simulator, product=product, size_nm=5.0), model)
        surveyed = probe.survey(SURVEYED, executor=executor, shelf=shelf)
        sizes = sorted(one.size_nm for one in surveyed if one.success and one.size_nm)
        chosen: list[float] = []
        for quantile in SIMULATED_QUANTILES:
            for size in sorted(sizes, key=lambda value: abs(np.searchsorted(sizes, value) / len(sizes) - quantile)):
                rounded = float(f"{size:.3g}")
                task = SimulatedTask(simulator, definition_for(simulator, product=product, size_nm=rounded), model)
                blind = task.blind(surveyed)
                far = all(abs(math.log(rounded / one)) > APART for one in chosen)
                if far and SHARES[0] <= blind.hits / blind.draws <= SHARES[1]:
                    chosen.append(rounded)
                    yield task, blind
                    break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gu2025", type=Path)
    parser.add_argument("--pbs2019", type=Path)
    parser.add_argument("--out", type=Path, default=Path("dryrun-suite"))
    parser.add_argument("--simulator", help="also campaigns in this simulator, such as virtual")
    parser.add_argument("--no-pools", action="store_true", help="campaigns in the simulator alone")
    parser.add_argument("--model", default="shipped", help="in the simulator, what closedloop knows: shipped or none")
    parser.add_argument("--strategies", default="closedloop,random,nearest,gp,extra-trees")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=80)
    parser.add_argument("--executor", default="local:1")
    parser.add_argument("--only", default="", help="tasks whose name contains this")
    parser.add_argument("--held-back", action="store_true", help="only tasks that nothing was tuned on")
    parser.add_argument("--cold", action="store_true", help="fit no model of the literature")
    given = parser.parse_args()
    print(conditions(f"0 to {given.seeds - 1}"), flush=True)
    shelf = Shelf(given.out)
    names = [name.strip() for name in given.strategies.split(",")]
    rows: list[dict[str, object]] = []
    runs: list[Run] = []
    if not given.no_pools:
        _on_pools(
            given, shelf, check_strategies(",".join(n for n in names if n in NAMES or n not in DESIGNERS)), rows, runs
        )
    if given.simulator:
        plan = Plan(
            check_designers(",".join(n for n in names if n in DESIGNERS or n not in NAMES)),
            given.seeds,
            SIMULATED_BUDGET,
        )
        for task, blind in simulated_tasks(given.simulator, given.model, given.executor, shelf):
            name = f"simulator {task.target.product} {task.target.size_nm:g}"
            if given.only not in name:
                continue
            study = run_all(task, plan, executor=given.executor, shelf=shelf)
            about = f"{blind.hits} of {blind.draws} blind recipes hit"
            rows.append(_row(name, about, blind, study, None, tuned=False))
            runs += study.runs.get("closedloop", [])
    if runs:
        for tuned in (True, False):
            for simulated in (False, True):
                chosen = [
                    r for r in rows if r["tuned"] is tuned and str(r["task"]).startswith("simulator") is simulated
                ]
                label = "simulator" if simulated else "tuned on" if tuned else "held back"
                _summary(chosen, label, given.budget)
        stated = calibration(runs)
        print(f"calibration error of closedloop over {stated.picks} picks: {stated.error}")
    (given.out / "suite.json").write_text(json.dumps(rows, indent=1, default=str), encoding="utf-8")


def _row(
    name: str, about: str, blind: Blind, study: Study, sources: Sequence[str | None] | None, *, tuned: bool
) -> dict[str, object]:
    """The figures of one task, which are printed as well."""
    found = {strategy: merits(blind, one, sources) for strategy, one in study.runs.items()}
    medians = "  ".join(f"{strategy} {_shown(one['median'])}" for strategy, one in found.items())
    print(f"{'tuned on ' * tuned}{name}: {about}, blind {_shown(blind.median)}; {medians}", flush=True)
    return {"task": name, "tuned": tuned, "strategies": found}


def _on_pools(
    given: argparse.Namespace, shelf: Shelf, names: tuple[str, ...], rows: list[dict[str, object]], runs: list[Run]
) -> None:
    plan = Plan(names, given.seeds, given.budget)
    priors: dict[str, Prior | None] = {}
    for task, data in tasks(given.gu2025, given.pbs2019):
        if given.only not in task.name or (given.held_back and task.tuned):
            continue
        literature = literature_without(task.pool, data)
        known = Known(literature.experiments)
        if not given.cold and "closedloop" in plan.strategies:
            place = f"{task.data} {task.pool.product}"
            if place not in priors:
                priors[place] = prior_of(task.pool.view, literature, print, shelf.folder)
            known = Known(literature.experiments, priors[place])
        study = run_all(PoolTask(task.pool, known), plan, executor=given.executor, shelf=shelf)
        sources = [source_key(data[members[0]].source) for members in task.pool.members]
        about = f"{len(task.pool.hits)} of {len(task.pool)} hit"
        row = _row(task.name, about, task.pool.blind, study, sources, tuned=task.tuned)
        rows.append(row | literature.as_json())
        runs += study.runs.get("closedloop", [])


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
