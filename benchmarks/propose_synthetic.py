"""Experiments to the first hit in a synthetic lab: the proposer against random search, and the time of a batch.

The lab's size law differs from the model's by a factor, a slope and a local bump, scatters by 3%, and has a corner
where nothing forms that the model does not know of. Prints the machine, the commit and the seeds; ``--json`` for
programs.

    python benchmarks/propose_synthetic.py [--seeds 10] [--budget 40] [--batch 1]
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from conditions import conditions
from numpy.typing import NDArray

from closedloop.propose import SearchSpace, propose
from closedloop.recipes import Experiment, FailureCause, Outcome, Recipe, Target

SPACE = SearchSpace.model_validate(
    {
        "product": "CdSe",
        "reagents": [
            {"name": "cadmium oxide", "amount_mmol": [0.1, 0.6], "role": "cation precursor", "vessel": "flask"},
            {"name": "oleic acid", "amount_mmol": [1.6, 8.0], "role": "ligand", "vessel": "flask"},
            {"name": "1-octadecene", "amount_mmol": 40, "role": "solvent", "vessel": "flask"},
            {"name": "selenium", "amount_mmol": [0.1, 1.2], "role": "anion precursor", "vessel": "syringe"},
            {"name": "trioctylphosphine", "amount_mmol": [2.6, 6.0], "role": "ligand", "vessel": "syringe"},
        ],
        "injection_temperature_c": [220, 310],
        "reaction_temperature_c": [180, 290],
        "reaction_time_min": [0.5, 45],
        "constraints": [
            "oleic acid >= 4 * cadmium oxide",
            "reaction_temperature_c <= injection_temperature_c",
        ],
    }
)
TARGETS = tuple(Target(product="CdSe", size_nm=size) for size in (2.2, 3.0, 4.0, 5.0))


@dataclass(frozen=True)
class Numbers:
    log_size_mean: NDArray[np.float64]
    log_size_sd: NDArray[np.float64]
    success_logit: NDArray[np.float64]


def _unit(recipes: Sequence[Recipe]) -> NDArray[np.float64]:
    return np.array([SPACE.encode(recipe) for recipe in recipes])


class Literature:
    """A model that knows the trend (hotter and longer is larger) and nothing of this lab."""

    def predict_arrays(self, recipes: Sequence[Recipe]) -> Numbers:
        u = _unit(recipes) - 0.5
        log_size = np.log(3.0) + 0.5 * u[:, 6] + 0.35 * u[:, 5] - 0.2 * u[:, 1] + 0.1 * u[:, 2]
        return Numbers(log_size, np.full(len(u), 0.22), np.full(len(u), 1.5))

    def design_amounts(self, recipe: Recipe, target: Target) -> Recipe:
        """The best of a few amounts at these conditions, by the model."""
        start = SPACE.encode(recipe)
        trials = np.tile(start, (32, 1))
        trials[:, :4] = np.random.default_rng(0).random((32, 4))
        recipes = SPACE.decode_many(trials)
        error = np.abs(self.predict_arrays(recipes).log_size_mean - np.log(target.size_nm))
        return recipes[int(np.argmin(error))]


class Ignorant(Literature):
    """A model without literature for the product: one size for everything, and not sure of it."""

    def predict_arrays(self, recipes: Sequence[Recipe]) -> Numbers:
        n = len(recipes)
        return Numbers(np.full(n, np.log(4.0)), np.full(n, 0.5), np.zeros(n))


class Flat:
    """A model for any space: one size for everything, not sure of it, and no designs of its own."""

    def predict_arrays(self, recipes: Sequence[Recipe]) -> Numbers:
        n = len(recipes)
        return Numbers(np.full(n, np.log(4.0)), np.full(n, 0.5), np.zeros(n))

    def design_amounts(self, recipe: Recipe, target: Target) -> Recipe:
        return recipe


def true_size_nm(recipe: Recipe) -> float:
    u = _unit([recipe])[0] - 0.5
    bump = 0.15 * np.exp(-8 * ((u[4] - 0.2) ** 2 + (u[2] + 0.2) ** 2))
    return float(3.0 * 1.2 * np.exp(0.75 * u[6] + 0.45 * u[5] - 0.35 * u[1] + 0.25 * u[0] * u[2] - bump))


def make(recipe: Recipe, rng: np.random.Generator) -> Outcome:
    u = _unit([recipe])[0]
    if u[5] + u[6] < 0.35:
        return Outcome(success=False, failure_cause=FailureCause.NOTHING_FORMED)
    return Outcome(success=True, size_nm=true_size_nm(recipe) * float(np.exp(0.03 * rng.standard_normal())))


Strategy = Callable[[Target, list[Experiment], int, int], list[Recipe]]


def random_search(target: Target, tried: list[Experiment], count: int, seed: int) -> list[Recipe]:
    return SPACE.sample(256, seed)[len(tried) : len(tried) + count]


def closed_loop(model: Literature) -> Strategy:
    def strategy(target: Target, tried: list[Experiment], count: int, seed: int) -> list[Recipe]:
        return [p.recipe for p in propose(SPACE, target, model, tried, [], count, 1000 * seed + len(tried))]

    return strategy


STRATEGIES: dict[str, Strategy] = {
    "random": random_search,
    "closedloop": closed_loop(Literature()),
    "closedloop without literature": closed_loop(Ignorant()),
}


def experiments_to_hit(strategy: Strategy, target: Target, seed: int, budget: int, batch: int) -> int:
    """The number of the first experiment that hit; ``budget + 1`` where none did."""
    rng = np.random.default_rng(seed)
    tried: list[Experiment] = []
    while len(tried) < budget:
        for recipe in strategy(target, tried, min(batch, budget - len(tried)), seed):
            outcome = make(recipe, rng)
            tried.append(Experiment(recipe=recipe, outcome=outcome))
            if target.is_met_by(outcome):
                return len(tried)
    return budget + 1


def seconds_per_batch(observations: int = 20, count: int = 4) -> float:
    """Wall time of one batch of ``count``, model and libraries loaded, on one thread."""
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    tried = [Experiment(recipe=recipe, outcome=make(recipe, rng)) for recipe in SPACE.sample(observations, 0)]
    propose(SPACE, TARGETS[2], Literature(), tried, [], 1, 0)
    started = time.perf_counter()
    propose(SPACE, TARGETS[2], Literature(), tried, [], count, 1)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report: dict[str, object] = {
        "conditions": conditions(f"0 to {options.seeds - 1}"),
        "budget": options.budget,
        "batch": options.batch,
        "seconds_per_batch_of_4": round(seconds_per_batch(), 2),
    }
    medians: dict[str, dict[str, float]] = {}
    for target in TARGETS:
        row = {}
        for name, strategy in STRATEGIES.items():
            hits = [
                experiments_to_hit(strategy, target, seed, options.budget, options.batch)
                for seed in range(options.seeds)
            ]
            row[name] = statistics.median(hits)
        medians[f"{target.size_nm:g} nm"] = row
        if not options.json:
            listed = "; ".join(f"{name} {median:g}" for name, median in row.items())
            print(f"{target.size_nm:g} nm: {listed}", flush=True)
    report["median_experiments_to_hit"] = medians
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        print({key: value for key, value in report.items() if key != "median_experiments_to_hit"})


if __name__ == "__main__":
    main()
