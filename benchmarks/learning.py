"""Does a campaign teach the model? Its size error on fresh recipes of the simulated lab, before and after.

    python benchmarks/learning.py [--experiments 20] [--fresh 100] [--seeds 3]

The fresh recipes are space-filling points of the campaign's space that no campaign has made; their true sizes come
from the reactor itself. Recipes that fail in the reactor have no size and are left out of the error.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from conditions import conditions

from closedloop.campaign import load_champion
from closedloop.campaign.reading import find_campaign, parse_campaign
from closedloop.recipes import Recipe
from closedloop.store import Store
from closedloop.synthesis import SynthesisModel
from sim.lab import shutdown
from sim.reactor import run

FRESH_SEED = 987_654


def fresh_recipes(count: int) -> tuple[list[Recipe], np.ndarray]:
    """Recipes of the default campaign's space that succeed in the reactor, and their true mean sizes in nm."""
    recipes = parse_campaign(find_campaign("cdse")[1], "cdse").space.sample(count, seed=FRESH_SEED)
    truths = [run(recipe, seed=FRESH_SEED + i) for i, recipe in enumerate(recipes)]
    kept = [
        (recipe, truth.mean_diameter_nm)
        for recipe, truth in zip(recipes, truths, strict=True)
        if truth.failure_cause is None
    ]
    return [recipe for recipe, _ in kept], np.array([size for _, size in kept])


def error_nm(model: SynthesisModel, recipes: list[Recipe], sizes: np.ndarray) -> float:
    """Mean absolute error of the model's size."""
    return float(np.mean(np.abs(np.array([p.size_nm for p in model.predict(recipes)]) - sizes)))


def one(seed: int, experiments: int, recipes: list[Recipe], sizes: np.ndarray) -> dict:
    """A campaign that goes on after its hits, and the champion that it leaves behind."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        content = yaml.safe_load(find_campaign("cdse")[1])
        unending = {"hits_wanted": experiments + 1, "budget": experiments + 1}
        (folder / "campaign.yaml").write_text(yaml.safe_dump(content | unending))
        subprocess.run(
            [
                str(Path(sys.executable).with_name("closedloop")), "run", str(folder / "campaign.yaml"),
                "--store", f"sqlite:///{folder}/lab.db", "--budget", str(experiments), "--seed", str(seed),
                "--report", f"{folder}/report.html",
            ],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        shutdown(folder / "lab.db.files" / "virtual-lab")
        store = Store.open(f"sqlite:///{folder}/lab.db", create=False)
        champion = store.champion()
        return {
            "seed": seed,
            "champion": champion.id if champion else "shipped",
            "before_nm": round(error_nm(SynthesisModel.default(), recipes, sizes), 3),
            "after_nm": round(error_nm(load_champion(store), recipes, sizes), 3),
            "retrainings": [f"{r.model_id}: {r.reason}" for r in store.retrainings()],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=20)
    parser.add_argument("--fresh", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    print(conditions(f"0 to {arguments.seeds - 1}, fresh recipes {FRESH_SEED}"), flush=True)
    recipes, sizes = fresh_recipes(arguments.fresh)
    guess = np.abs(sizes - np.median(sizes)).mean()
    print(f"{len(recipes)} of {arguments.fresh} fresh recipes succeed; guessing their median errs by {guess:.3f} nm")
    results = []
    for seed in range(arguments.seeds):
        results.append(one(seed, arguments.experiments, recipes, sizes))
        print(json.dumps(results[-1]), flush=True)
    before, after = (statistics.mean(result[key] for result in results) for key in ("before_nm", "after_nm"))
    print(f"mean absolute error before {before:.3f} nm, after {arguments.experiments} experiments {after:.3f} nm")


if __name__ == "__main__":
    main()
