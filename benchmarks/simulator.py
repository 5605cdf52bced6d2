"""How hard and how real the simulated lab is: against literature CdSe, over the default campaign's space, and its cost.

    python benchmarks/simulator.py [--recipes 200] [--replicates 16] [--json]

Literature: the rows of cdse2022 made from cadmium oxide, oleic acid and octadecene whose every chemical the simulator
knows. Nothing is fitted here.
"""

import argparse
import json
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np
from conditions import conditions
from scipy.stats import spearmanr

from closedloop.campaign.reading import read_campaign
from closedloop.literature import load_experiments
from closedloop.propose import SearchSpace
from closedloop.propose.quantity import Range
from closedloop.recipes import Experiment, Reagent, Recipe
from sim.microscope import render
from sim.reactor import perform, run
from sim.reactor_product import Product

SYSTEM = {"cadmium oxide", "oleic acid", "1-octadecene"}
OTHERS = {"selenium", "trioctylphosphine", "hexadecylamine", "octadecylamine", "trioctylphosphine oxide"}
TARGET_NM, TOLERANCE_NM = 4.0, 0.2


def literature_rows() -> list[Experiment]:
    """Rows of the commonest CdSe system with a size; names are compared as the simulator itself resolves them."""
    from sim.reactor_chemistry import find

    rows = []
    for experiment in load_experiments("cdse2022"):
        known = [find(reagent.name) for reagent in experiment.recipe.reagents if reagent.amount_mmol != 0]
        names = {substance.name for substance in known if substance}
        if None not in known and names >= SYSTEM and names <= SYSTEM | OTHERS and experiment.outcome.size_nm:
            rows.append(experiment)
    return rows


def against_literature(rows: Sequence[Experiment]) -> dict[str, float]:
    truths = [run(row.recipe, 0) for row in rows]
    pairs = np.array(
        [
            (row.outcome.size_nm, truth.mean_diameter_nm)
            for row, truth in zip(rows, truths, strict=True)
            if truth.mean_diameter_nm is not None
        ]
    )
    difference = pairs[:, 1] - pairs[:, 0]
    return {
        "rows": len(rows),
        "with_particles": len(pairs),
        "spearman": round(float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic), 3),
        "mae_nm": round(float(np.abs(difference).mean()), 3),
        "bias_nm": round(float(difference.mean()), 3),
        "mae_of_their_median_nm": round(float(np.abs(pairs[:, 0] - np.median(pairs[:, 0])).mean()), 3),
    }


def within_papers(rows: Sequence[Experiment]) -> dict[str, float]:
    """Rank correlation within each paper that has at least four rows."""
    by_paper: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        made = run(row.recipe, 0).mean_diameter_nm
        if made is not None and row.outcome.size_nm is not None:
            by_paper.setdefault(row.source or "unknown", []).append((row.outcome.size_nm, made))
    return {
        paper: round(float(spearmanr(np.array(pairs)).statistic), 2)
        for paper, pairs in by_paper.items()
        if len(pairs) >= 4
    }


def evenly(space: SearchSpace, count: int, seed: int) -> list[Recipe]:
    """Uniform over the space's ranges; the reaction is never hotter than the injection."""
    generator = np.random.default_rng(seed)

    def draw(value: float | Range | None) -> float | None:
        return float(generator.uniform(value.low, value.high)) if isinstance(value, Range) else value

    recipes = []
    for _ in range(count):
        injection, reaction = draw(space.injection_temperature_c), draw(space.reaction_temperature_c)
        recipes.append(
            Recipe(
                product=space.product,
                reagents=tuple(
                    Reagent(name=r.name, amount_mmol=draw(r.amount_mmol), role=r.role, vessel=r.vessel)
                    for r in space.reagents
                ),
                injection_temperature_c=injection,
                reaction_temperature_c=min(value for value in (injection, reaction) if value is not None),
                heating_rate_c_per_min=draw(space.heating_rate_c_per_min),
                reaction_time_min=draw(space.reaction_time_min),
            )
        )
    return recipes


def over_the_space(recipes: Sequence[Recipe]) -> dict[str, object]:
    truths = [run(recipe, seed) for seed, recipe in enumerate(recipes)]
    good = [t.mean_diameter_nm for t in truths if t.success and t.mean_diameter_nm is not None]
    spreads = [t.std_diameter_nm / t.mean_diameter_nm for t in truths if t.mean_diameter_nm and t.std_diameter_nm]
    causes = Counter(t.failure_cause.value for t in truths if t.failure_cause)
    hits = sum(abs(size - TARGET_NM) <= TOLERANCE_NM for size in good)
    levels = (0.02, 0.25, 0.5, 0.75, 0.98)
    return {
        "recipes": len(recipes),
        "hit_fraction": round(hits / len(recipes), 3),
        "failed_fraction": round(1 - len(good) / len(recipes), 3),
        "failures": dict(causes),
        "size_quantiles_nm": {str(q): round(float(np.quantile(good, q)), 2) for q in levels},
        "median_relative_spread": round(statistics.median(spreads), 3),
    }


def scatter(recipe: Recipe, count: int) -> float:
    sizes = [run(recipe, 1000 + seed).mean_diameter_nm or float("nan") for seed in range(count)]
    return round(float(np.nanstd(sizes) / np.nanmean(sizes)), 4)


def cost(recipe: Recipe) -> dict[str, float]:
    """Processor seconds of an hour's synthesis and of a 1024 px picture."""
    hour = recipe.model_copy(update={"reaction_time_min": 60.0})
    times = []
    for seed in range(3):
        start = time.process_time()
        perform(hour, seed)
        times.append(time.process_time() - start)
    product = Product.ideal(4.0)
    pictures = []
    for seed in range(4):
        start = time.process_time()
        render(product, seed)
        pictures.append(time.process_time() - start)
    return {"hour_s": round(statistics.median(times), 3), "micrograph_s": round(statistics.median(pictures), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", type=int, default=200)
    parser.add_argument("--replicates", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    space = read_campaign("cdse").space
    recipes = space.sample(options.recipes, options.seed)
    rows = literature_rows()
    typical = sorted(recipes, key=lambda recipe: recipe.reaction_time_min or 0.0)[len(recipes) // 2]
    result = {
        "conditions": conditions(options.seed),
        "literature": against_literature(rows),
        "within_papers": within_papers(rows),
        "default_space": over_the_space(recipes),
        "default_space_uniform": over_the_space(evenly(space, options.recipes, options.seed)),
        "replicate_scatter": scatter(typical, options.replicates),
        "cost": cost(typical),
    }
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(name, value, sep=": ")


if __name__ == "__main__":
    main()
