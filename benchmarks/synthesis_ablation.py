"""What each part of the synthesis model is worth: ``python benchmarks/synthesis_ablation.py --data gu2025=PATH``.

Fits the model on the training part of some folds and scores, on what was held out, each part alone, the model without
one of them, and the model without its gate; a part alone is scored where it has an answer. Nothing is chosen on what is
scored.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from conditions import conditions

from closedloop.literature import load_experiments, name_and_path, split
from closedloop.recipes import Recipe
from closedloop.synthesis import SynthesisModel
from closedloop.synthesis.blend import PARTS, Blend, Said
from closedloop.synthesis.part_weights import together
from closedloop.synthesis.training import ask


def said_by(model: SynthesisModel, recipes: Sequence[Recipe]) -> Said:
    arrays = model.vocabulary.encode(recipes)
    transformer = ask(model.network, arrays).size.mean(0)
    parts = model.learned.parts
    return parts.said(arrays, parts.columns(arrays), [recipe.product for recipe in recipes], transformer)[0]


def variants(blend: Blend, said: Said) -> dict[str, np.ndarray]:
    """Name -> standardised log sizes (n,)."""
    found = {f"{name} alone": said.means[:, i] for i, name in enumerate(PARTS)}
    for i, name in enumerate(PARTS):
        means = said.means.copy()
        means[:, i] = np.nan
        found[f"without {name}"] = blend.mean(replace(said, means=means))
    found["equal weights"] = np.nanmean(said.means, 1)
    found["without the gate"] = together(said.means, np.tile(blend.weights.mean(0), (len(said.means), 1)))
    return {**found, "the model": blend.mean(said)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="a data set's name, or NAME=PATH")
    parser.add_argument("--splits", default="paper,source,product")
    parser.add_argument("--folds", type=int, default=5, help="so many of the five folds")
    parser.add_argument("--max-size-nm", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    name, path = name_and_path(chosen.data)
    print(conditions(chosen.seed, Path(path).glob("*.csv") if path else ()), flush=True)
    loaded = load_experiments(name, path)
    experiments = [one for one in loaded if not one.outcome.is_negative_example]
    result: dict[str, dict[str, float]] = {}
    for by in chosen.splits.split(","):
        errors: dict[str, list[np.ndarray]] = {}
        limit = None if by == "paper" else chosen.max_size_nm
        for train, test in split(experiments, by, seed=chosen.seed, max_size_nm=limit)[: chosen.folds]:
            model = SynthesisModel.fit([experiments[i] for i in train], chosen.seed)
            true = np.array([experiments[i].outcome.size_nm for i in test])
            said = said_by(model, [experiments[i].recipe for i in test])
            for variant, standardised in variants(model.learned.blend, said).items():
                size = np.exp(model.scale.centre + model.scale.scale * standardised)
                errors.setdefault(variant, []).append(np.abs(size - true))
            result[by] = {variant: float(np.nanmean(np.concatenate(of))) for variant, of in errors.items()}
            print(by, json.dumps({key: round(value, 3) for key, value in result[by].items()}), flush=True)
    width = max(map(len, next(iter(result.values()))))
    print(f"\n{'MAE, nm':{width}}", *(f"{by:>9}" for by in result))
    for variant in next(iter(result.values())):
        print(f"{variant:{width}}", *(f"{result[by][variant]:9.3f}" for by in result))


if __name__ == "__main__":
    main()
