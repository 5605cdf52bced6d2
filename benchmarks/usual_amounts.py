"""Amounts in reverse by precedents alone: ``python benchmarks/usual_amounts.py --data gu2025=PATH [--split paper]``.

What is usual before any search and without the network, for recipes that were held out: with all amounts unknown, and
with one unknown at a time; by the distance of precedents, and by the trees that learned which amounts go together.
Everything is learned on the training part of a fold. What no training recipe uses is not asked for.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from conditions import conditions

from closedloop.literature import load_experiments, name_and_path, split
from closedloop.recipes import Experiment
from closedloop.synthesis.amount_choice import AmountChoice
from closedloop.synthesis.network import SHAPES
from closedloop.synthesis.past_amounts import PastAmounts, Wish
from closedloop.synthesis.precedents import group_features
from closedloop.synthesis.tokens import CONDITIONS, Arrays, Vocabulary


def past_of(words: Vocabulary, arrays: Arrays, experiments: Sequence[Experiment]) -> PastAmounts:
    features = group_features(arrays, len(words.chemicals))
    return PastAmounts(
        features["amounts"][:, : len(words.chemicals)],
        features["conditions"][:, : len(CONDITIONS)],
        [one.recipe.product for one in experiments],
        features["product"],
        np.log([one.outcome.size_nm or np.nan for one in experiments]),
        np.array([-1 if one.outcome.shape is None else SHAPES.index(one.outcome.shape) for one in experiments]),
    )


def questions(asked: PastAmounts, arrays: Arrays, row: int, *, all_unknown: bool) -> Iterator[tuple[list[int], Wish]]:
    listed = np.flatnonzero(asked.used[row])
    new = int((arrays.identity[row][arrays.chemical[row] > 0] == 0).sum())
    for columns in [listed] if all_unknown else listed[:, None]:
        wish = asked.wish(row, np.setdiff1d(listed, columns))
        yield columns.tolist(), replace(wish, row=None, new=new)


def median(values: np.ndarray, weight: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(np.exp(values[order][np.searchsorted(reached, reached[-1] / 2)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="a data set's name, or NAME=PATH")
    parser.add_argument("--split", default="paper")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    name, path = name_and_path(chosen.data)
    print(conditions(chosen.seed, Path(path).glob("*.csv") if path else ()), flush=True)
    experiments = [one for one in load_experiments(name, path) if one.outcome.size_nm is not None]
    slots: dict[str, list[tuple[float, float, float]]] = {"all unknown": [], "one unknown": []}
    for train, test in split(experiments, chosen.split, seed=chosen.seed):
        known, held_out = [experiments[i] for i in train], [experiments[i] for i in test]
        words = Vocabulary.of([one.recipe for one in known])
        past = past_of(words, words.encode([one.recipe for one in known]), known)
        arrays = words.encode([one.recipe for one in held_out])
        asked, choice = past_of(words, arrays, held_out), AmountChoice.fit(past, chosen.seed)
        for kind, into in slots.items():
            for row in range(len(held_out)):
                for columns, wish in questions(asked, arrays, row, all_unknown=kind == "all unknown"):
                    for column, found in zip(columns, past.candidates(wish, columns), strict=True):
                        if found is None:
                            continue
                        said = [median(found.log_mmol, w) for w in (found.weight, choice.weights(found))]
                        into.append((float(np.exp(asked.logs[row, column])), said[0], said[1]))
        print(f"{len(slots['all unknown'])} amounts", flush=True)
    for kind, into in slots.items():
        true, *each = np.array(into).T
        for how, said in zip(("by distance", "by what goes together"), each, strict=True):
            r2 = 1 - ((said - true) ** 2).sum() / ((true - true.mean()) ** 2).sum()
            figures = {"amounts": len(true), "mae_mmol": float(np.abs(said - true).mean()), "r2": float(r2)}
            print(json.dumps({"unknown": kind, "how": how, **figures}), flush=True)


if __name__ == "__main__":
    main()
