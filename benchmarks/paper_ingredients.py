"""Are the paper's ways to train worth it here? ``python benchmarks/paper_ingredients.py --data gu2025=PATH``.

The transformer alone, in the same number of steps: as it is trained here; with the tolerance of Gu et al. (an error
within 15% costs nothing where fewer than 300 particles were counted); with their Huber loss, and with both; and trained
for half of the steps on recipes in which two reagents have become one intermediate "A@B", then on the recipes.
Folds of another seed than the reported ones; nothing else is looked at.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from conditions import conditions
from torch import Tensor

from closedloop.literature import load_experiments, name_and_path, split
from closedloop.recipes import Experiment
from closedloop.synthesis import training
from closedloop.synthesis.members import doubts, labels, scale_of
from closedloop.synthesis.network import Heads, Network, Settings
from closedloop.synthesis.tokens import KNOWN, Arrays, Vocabulary
from closedloop.synthesis.training import Labels, Schedule, ask, train

TOLERANCE = float(np.log(1.15))
# How a size from few particles is marked in `Labels.success`, which the loss of the size does not use otherwise.
_FEW = 2.0
_PAIRS_OF_ONE = 2
_CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a data set's name, or NAME=PATH")
    parser.add_argument("--splits", default="source,random")
    parser.add_argument("--folds", type=int, default=2, help="so many of the five folds of each split")
    parser.add_argument("--max-size-nm", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    name, path = name_and_path(chosen.data)
    print(conditions(chosen.seed, Path(path).glob("*.csv") if path else ()), flush=True)
    experiments = [one for one in load_experiments(name, path) if not one.outcome.is_negative_example]
    for by in chosen.splits.split(","):
        errors: dict[str, list[np.ndarray]] = {}
        for known, asked in split(experiments, by, seed=chosen.seed, max_size_nm=chosen.max_size_nm)[: chosen.folds]:
            own, others = [experiments[i] for i in known], [experiments[i] for i in asked]
            for way in WAYS:
                errors.setdefault(way, []).append(_errors(way, own, others, chosen.seed))
            means = {way: round(float(np.concatenate(of).mean()), 3) for way, of in errors.items()}
            print(by, f"{len(errors['as here'])} folds, MAE in nm:", means, flush=True)


def _errors(way: str, own: Sequence[Experiment], others: Sequence[Experiment], seed: int) -> np.ndarray:
    words, scale = Vocabulary.of([one.recipe for one in own]), scale_of(own)
    arrays, told = words.encode([one.recipe for one in own]), labels(own, np.ones(len(own)), scale)
    told = replace(told, success=np.where(doubts(own) > 1, _FEW, told.success).astype(np.float32))
    torch.manual_seed(seed)
    network = Network(Settings(), len(words.chemicals), words.amount_centre, words.amount_scale)
    WAYS[way](network, arrays, told, Schedule.of(len(own)), seed, scale.scale)
    network.eval()
    said = ask(network, words.encode([one.recipe for one in others])).size.mean(0)
    true = np.array([one.outcome.size_nm for one in others])
    wrong: np.ndarray = np.abs(np.exp(scale.centre + scale.scale * said) - true)
    return wrong


def _plain(network: Network, arrays: Arrays, told: Labels, schedule: Schedule, seed: int, scale: float) -> None:
    nothing = np.zeros((network.settings.members, len(arrays)), dtype=bool)
    train(network, arrays, told, nothing, seed=seed, schedule=schedule, device=_CPU)


def _with_loss(tolerant: bool, huber: bool) -> Callable[..., None]:
    def learn(network: Network, arrays: Arrays, told: Labels, schedule: Schedule, seed: int, scale: float) -> None:
        usual = training._outcome_loss

        def loss(heads: Heads, outcome: dict[str, Tensor], schedule: Schedule) -> Tensor:
            size = outcome["size"]
            has_size = torch.isfinite(size)
            away = (torch.where(has_size, size, heads.size.detach()) - heads.size).abs()
            if tolerant:
                away = torch.where(outcome["success"] == _FEW, (away - TOLERANCE / scale).clamp_min(0), away)
            # Huber's loss is the square near nought and a line beyond one.
            squared = torch.where(away < 1, away.square(), 2 * away - 1) if huber else away.square()
            likelihood = 0.5 * (squared * (-heads.log_variance).exp() + heads.log_variance)
            likelihood = likelihood * (0.5 * heads.log_variance.detach()).exp()
            others = usual(heads, outcome | {"size": torch.full_like(size, torch.nan)}, schedule)
            return others + training._mean(likelihood, has_size * outcome["weight"])

        with mock.patch.object(training, "_outcome_loss", loss):
            _plain(network, arrays, told, schedule, seed, scale)

    return learn


def _pretrained(network: Network, arrays: Arrays, told: Labels, schedule: Schedule, seed: int, scale: float) -> None:
    half = replace(schedule, steps=schedule.steps // 2)
    rows = np.repeat(np.arange(len(arrays)), _PAIRS_OF_ONE)
    _plain(network, joined(arrays.rows(rows), np.random.default_rng(seed)), told.rows(rows), half, seed, scale)
    _plain(network, arrays, told, half, seed, scale)


def joined(arrays: Arrays, rng: np.random.Generator) -> Arrays:
    """In each recipe of two reagents or more, two of them are one: what lies between them, and as much as both."""
    chemical, identity, state = arrays.chemical.copy(), arrays.identity.copy(), arrays.state.copy()
    role, vessel, amount = arrays.role.copy(), arrays.vessel.copy(), arrays.log_amount.copy()
    rows: dict[tuple[int, int], int] = {}
    vectors, known = list(arrays.chemical_table), list(arrays.known_chemical)
    groups = list(arrays.group_table)
    for i in range(len(arrays)):
        there = np.flatnonzero(chemical[i] > 0)
        if len(there) < 2:
            continue
        a, b = sorted(rng.choice(there, 2, replace=False).tolist())
        first, second = sorted((int(chemical[i, a]), int(chemical[i, b])))
        if (first, second) not in rows:
            rows[first, second] = len(vectors)
            vectors.append((vectors[first] + vectors[second]) / 2)
            known.append(bool(known[first] and known[second]))
            groups.append(groups[first] | groups[second])
        both = state[i, a] == KNOWN and state[i, b] == KNOWN
        amount[i, a] = np.logaddexp(amount[i, a], amount[i, b]) if both else 0.0
        state[i, a] = state[i, a] if both else max(state[i, a], state[i, b])
        chemical[i, a], identity[i, a], role[i, a] = rows[first, second], 0, 0
        vessel[i, a] = vessel[i, a] if vessel[i, a] == vessel[i, b] else 0
        chemical[i, b] = identity[i, b] = 0
    return replace(
        arrays,
        chemical=chemical,
        identity=identity,
        state=state,
        role=role,
        vessel=vessel,
        log_amount=amount,
        chemical_table=np.stack(vectors),
        known_chemical=np.array(known),
        group_table=np.stack(groups),
    )


WAYS: dict[str, Callable[..., None]] = {
    "as here": _plain,
    "tolerance": _with_loss(True, False),
    "Huber": _with_loss(False, True),
    "both": _with_loss(True, True),
    "A@B first": _pretrained,
}


if __name__ == "__main__":
    main()
