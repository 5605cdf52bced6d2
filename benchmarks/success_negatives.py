"""How well the success model tells real recipes from hard negatives of each kind, with products and chemicals unseen.

``python benchmarks/success_negatives.py --data gu2025=PATH`` holds out a fifth of the products in each of five folds,
and of the rest every recipe that uses the rarest of their chemicals; what is scored are the held-out recipes that use
one of these, against hard negatives made from them. Beside it stands a random forest that sees the conditions alone
and is trained on the same recipes. ``--ablation`` leaves each kind, then each variant, out of the training in turn: a
hint of how the model does on failures that were made in another way. The table goes to standard error, JSON to standard
output.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from conditions import conditions
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from closedloop.chemistry import canonical_name
from closedloop.chemistry.formula import without_phase
from closedloop.literature import load_experiments, name_and_path
from closedloop.recipes import Experiment, Recipe
from closedloop.synthesis.hard_negatives import VARIANTS, Kind, make
from closedloop.synthesis.success import EACH, SuccessModel
from closedloop.synthesis.tokens import condition_values

FOLDS = 5
# Hiding chemicals may cost the training this share of its recipes.
MOST_HIDDEN_SHARE = 0.15
RESAMPLES = 100
TEST_SEED = 99


@dataclass
class Scores:
    """What was scored so far: real or made, its kind and variant, its product, and a score by each model."""

    product: list[str] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)
    variant: list[str] = field(default_factory=list)
    model: list[float] = field(default_factory=list)
    forest: list[float] = field(default_factory=list)

    def auroc(self, chosen: np.ndarray, seed: int) -> dict[str, Any]:
        """Area under the ROC of the real recipes against the chosen ones, over all folds, with the 95% interval of a
        bootstrap over products."""
        real = np.array(self.kind) == ""
        used = np.flatnonzero(real | chosen)
        label, product = real[used], np.array(self.product)[used]
        names, place = np.unique(product, return_inverse=True)
        rng = np.random.default_rng(seed)
        result: dict[str, Any] = {"negatives": int(chosen.sum())}
        draws = [np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names)) for _ in range(RESAMPLES)]
        for name, scores in (("model", self.model), ("conditions_forest", self.forest)):
            if not scores:
                continue
            score = np.array(scores)[used]
            areas = [
                roc_auc_score(label, score, sample_weight=weight)
                for draw in draws
                if (weight := draw[place])[label].any() and weight[~label].any()
            ]
            result[name] = round(float(roc_auc_score(label, score)), 4)
            result[f"{name}_95"] = [round(float(value), 4) for value in np.percentile(areas, [2.5, 97.5])]
        return result


def held_out(recipes: Sequence[Recipe], seed: int) -> Iterator[tuple[list[int], list[int]]]:
    """Training and test places of each fold; no test recipe's product was trained on, nor all its chemicals."""
    rng = np.random.default_rng(seed)
    products = [without_phase(recipe.product) for recipe in recipes]
    used = [{canonical_name(reagent.name) for reagent in recipe.reagents} for recipe in recipes]
    counts, load, fold_of = Counter(products), np.zeros(FOLDS), {}
    for product in sorted((sorted(counts)[i] for i in rng.permutation(len(counts))), key=lambda name: -counts[name]):
        fold_of[product] = int(load.argmin())
        load[fold_of[product]] += counts[product]
    for fold in range(FOLDS):
        test = [i for i, product in enumerate(products) if fold_of[product] == fold]
        train = [i for i, product in enumerate(products) if fold_of[product] != fold]
        uses = Counter(name for i in train for name in used[i])
        hidden: set[str] = set()
        lost: set[int] = set()
        for name in sorted({name for i in test for name in used[i]}, key=lambda name: (uses[name], name)):
            more = lost | {i for i in train if name in used[i]}
            if len(more) > MOST_HIDDEN_SHARE * len(train):
                break
            hidden, lost = hidden | {name}, more
        yield [i for i in train if i not in lost], [i for i in test if used[i] & hidden]


def score(
    experiments: Sequence[Experiment], failures: Sequence[Experiment], seed: int, folds: int, **narrowed: Any
) -> Scores:
    """All folds; with ``narrowed`` hard negatives the forest is left out."""
    scores = Scores()
    recipes = [one.recipe for one in experiments]
    for number, (train, test) in enumerate(held_out(recipes, seed)):
        if number == folds:
            break
        learned = [experiments[i] for i in train] + list(failures)
        started = time.perf_counter()
        model = SuccessModel.fit(
            [one.recipe for one in learned],
            [bool(one.outcome.success) for one in learned],
            groups=[one.source for one in learned],
            seed=seed,
            **narrowed,
        )
        fitted = time.perf_counter() - started
        real = [recipes[i] for i in test]
        made = make(real, seed=TEST_SEED, each=max(map(len, VARIANTS.values())))
        judged = real + [one.recipe for one in made]
        scores.product += [without_phase(real[i].product) for i in (*range(len(real)), *(one.origin for one in made))]
        scores.kind += [""] * len(real) + [one.kind.value for one in made]
        scores.variant += [""] * len(real) + [one.variant for one in made]
        started = time.perf_counter()
        logits = model.logits(judged)
        rate = len(judged) / (time.perf_counter() - started)
        scores.model += logits.tolist()
        if not narrowed:
            scores.forest += _conditions_forest(learned, judged, seed).tolist()
        print(
            f"fold {number + 1}: trained on {len(train)} recipes and {len(failures)} failures in {fitted:.1f} s; "
            f"scored {len(real)} recipes and {len(made)} negatives, {rate:.0f} recipes/s; mean chance of the real ones "
            f"{expit(logits[: len(real)]).mean():.2f}",
            file=sys.stderr,
            flush=True,
        )
    return scores


def _conditions_forest(learned: Sequence[Experiment], judged: Sequence[Recipe], seed: int) -> np.ndarray:
    """(n,) chances of success by temperatures, rate and time alone, learned from the same recipes and negatives."""
    good = [one.recipe for one in learned if one.outcome.success]
    bad = [one.recipe for one in learned if not one.outcome.success]
    bad += [one.recipe for one in make(good, seed=seed, each=EACH)]
    inputs = np.array([condition_values(recipe) for recipe in good + bad])
    forest = RandomForestClassifier(100, min_samples_leaf=3, class_weight="balanced", random_state=seed, n_jobs=1)
    forest.fit(np.nan_to_num(inputs, nan=-300.0), np.arange(len(inputs)) < len(good))
    asked = np.array([condition_values(recipe) for recipe in judged])
    return np.asarray(forest.predict_proba(np.nan_to_num(asked, nan=-300.0))[:, 1])


def ablation(
    experiments: Sequence[Experiment], failures: Sequence[Experiment], seed: int, folds: int
) -> dict[str, Any]:
    """Areas for each kind and variant by a model that was not trained on it."""
    kinds, variants = {}, {}
    for kind in Kind:
        print(f"without the kind {kind.value!r}", file=sys.stderr)
        scores = score(experiments, failures, seed, folds, kinds=[other for other in Kind if other is not kind])
        kinds[kind.value] = scores.auroc(np.array(scores.kind) == kind.value, seed)
        for name in VARIANTS[kind]:
            print(f"without the variant {name!r}", file=sys.stderr)
            scores = score(experiments, failures, seed, folds, leave_out=[name])
            chosen = np.array(scores.variant) == name
            if chosen.any():
                variants[name] = scores.auroc(chosen, seed)
    return {"kind_left_out": kinds, "variant_left_out": variants}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="NAME=PATH, as in gu2025=PATH")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the five folds to run")
    parser.add_argument("--without-failures", action="store_true", help="leave the data set's own failures out")
    parser.add_argument("--ablation", action="store_true", help="also leave out each kind and variant in turn")
    chosen = parser.parse_args()
    name, path = name_and_path(chosen.data)
    everything = load_experiments(name, path=path)
    experiments = [one for one in everything if one.outcome.success]
    failures = [] if chosen.without_failures else [one for one in everything if one.outcome.success is False]
    said = conditions(chosen.seed, sorted(Path(path).glob("*.csv")) if path else [])
    print(said, file=sys.stderr, flush=True)
    scores = score(experiments, failures, chosen.seed, chosen.folds)
    kinds, variants = np.array(scores.kind), np.array(scores.variant)
    result: dict[str, Any] = {
        "conditions": said,
        "real": int((kinds == "").sum()),
        "failures_given": len(failures),
        "kinds": {kind.value: scores.auroc(kinds == kind.value, chosen.seed) for kind in Kind if kind.value in kinds},
        "variants": {
            variant: scores.auroc(variants == variant, chosen.seed)
            for listed in VARIANTS.values()
            for variant in listed
            if variant in variants
        },
    }
    if chosen.ablation:
        result |= ablation(experiments, failures, chosen.seed, min(chosen.folds, 1))
    for part in ("kinds", "variants", "kind_left_out", "variant_left_out"):
        for label, row in result.get(part, {}).items():
            forest = f", conditions alone {row['conditions_forest']:.3f}" if "conditions_forest" in row else ""
            low, high = row["model_95"]
            print(
                f"{part:17} {label:28} {row['model']:.3f} ({low:.3f} to {high:.3f}){forest}, n = {row['negatives']}",
                file=sys.stderr,
            )
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
