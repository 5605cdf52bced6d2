"""What dry runs cost: seconds for a recommendation on a pool and in a mixed continuous space, closedloop and BayBE on
the same task, and how long 600 campaigns of 25 experiments in the simulator take, by strategy.

A study's time is extrapolated from a few whole campaigns: processor time of one thread, strategy and simulator
together, divided by two cores. Strategies whose library is missing are left out and named.

    python benchmarks/dryrun_cost.py [--seeds 2] [--campaigns 2] [--strategies closedloop,random,gp]
"""

import argparse
import json
import statistics
import time
from dataclasses import dataclass

from conditions import conditions
from threadpoolctl import threadpool_limits

from closedloop.campaign.dryrun import (
    Goal,
    Known,
    Plan,
    Pool,
    PoolTask,
    SimulatedTask,
    StrategyNotInstalled,
    Task,
    check_designers,
    definition_for,
)
from closedloop.campaign.dryrun.designers import Brief, find
from closedloop.campaign.dryrun.designers.base import Scored
from closedloop.campaign.dryrun.simulators import find_simulator
from closedloop.literature import load

CAMPAIGNS, EXPERIMENTS, CORES = 600, 25, 2
POOL_NM, PRODUCT, SIZE_NM = 2.5, "PbS", 6.0
RESULTS = 12


@dataclass(frozen=True)
class Timed:
    """Wall and processor seconds; ``wall_s`` of the strategy alone, for each of ``experiments``."""

    experiments: int
    wall_s: float
    processor_s: float


def timed(task: Task, strategy: str, seeds: int, budget: int, *, to_the_hit: bool = False) -> Timed:
    """Whole campaigns on one thread."""
    plan = Plan((strategy,), seeds, budget, all_hits=not to_the_hit)
    experiments, wall, busy = 0, 0.0, time.process_time()
    with threadpool_limits(1):
        for seed in range(seeds):
            run = task.run(strategy, seed, plan)
            experiments += len(run.steps)
            wall += run.seconds
    return Timed(experiments, wall, time.process_time() - busy)


def recommendation_s(task: SimulatedTask, strategy: str, seeds: int) -> float:
    """Median wall seconds for one recommendation after the same ``RESULTS`` blind results, failures among them."""
    recipes = task.definition.search_space.sample(RESULTS, 0)
    outcomes = [find_simulator(task.simulator).make(recipe, number) for number, recipe in enumerate(recipes)]
    brief = Brief(task.definition.search_space, task.target, task.model)
    spent = []
    with threadpool_limits(1):
        for seed in range(seeds + 1):
            campaign = find(strategy).begin(brief, seed)
            if isinstance(campaign, Scored):
                # It draws blindly until it has chosen so many itself.
                campaign.chosen = RESULTS
            for recipe, outcome in zip(recipes, outcomes, strict=True):
                campaign.learn(recipe, outcome)
            started = time.perf_counter()
            campaign.pick(1)
            spent.append(time.perf_counter() - started)
    # The first one loads what is loaded once.
    return statistics.median(spent[1:])


def study_minutes(task: Task, strategy: str, campaigns: int, *, to_the_hit: bool) -> tuple[float, float]:
    """Minutes for all campaigns, and the experiments of one."""
    spent = timed(task, strategy, campaigns, EXPERIMENTS, to_the_hit=to_the_hit)
    return spent.processor_s / campaigns * CAMPAIGNS / CORES / 60, spent.experiments / campaigns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--strategies", default="closedloop,random,gp,extra-trees,baybe,ax")
    parser.add_argument("--seeds", type=int, default=2, help="how often each recommendation is timed")
    parser.add_argument("--campaigns", type=int, default=2, help="campaigns that a study's time is extrapolated from")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    names: list[str] = []
    for name in given.strategies.split(","):
        try:
            names += check_designers(name)
        except StrategyNotInstalled as error:
            print(f"left out: {error}")
    cdse = load("cdse2022").experiments
    pool = PoolTask(Pool.of(cdse, "CdSe", Goal(POOL_NM)), Known())
    definition = definition_for("virtual", product=PRODUCT, size_nm=SIZE_NM)
    # Seven dimensions and one chemical that may be left out.
    free = {model: SimulatedTask("virtual", definition, model) for model in ("shipped", "none")}
    report: dict[str, object] = {"conditions": conditions(f"0 to {given.seeds - 1}")}
    print(report["conditions"], flush=True)
    for strategy in names:
        spent = {}
        if strategy != "ax":
            # What is loaded once is loaded before.
            timed(pool, strategy, 1, 4)
            taken = timed(pool, strategy, given.seeds, 10)
            spent["pool"] = taken.wall_s / taken.experiments
            for model, task in free.items():
                if model == "none" or strategy == "closedloop":
                    spent[f"mixed, {model}"] = recommendation_s(task, strategy, given.seeds)
        for label, seconds in spent.items():
            report[f"{strategy}, {label}"] = {"wall_s_per_recommendation": round(seconds, 4)}
            print(f"{strategy}, {label}: {seconds:.4f} s a recommendation", flush=True)
    for strategy in names:
        if not given.campaigns:
            break
        for to_the_hit in (False, True):
            minutes, long = study_minutes(free["none"], strategy, given.campaigns, to_the_hit=to_the_hit)
            label = f"{strategy}, {CAMPAIGNS} campaigns {'to the first hit' if to_the_hit else 'of 25 experiments'}"
            report[label] = {"minutes_on_two_cores": round(minutes, 1), "experiments_each": long}
            print(f"{label}: {minutes:.1f} min on two cores ({long:g} experiments each)", flush=True)
    if given.json:
        print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
