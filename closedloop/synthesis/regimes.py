"""How new a recipe is: of a known series, from a source nobody has seen, or for a product (as named) nobody has seen.

Held-out errors mean something only for recipes that are as new as those held out, so every part of the model is tested
in each regime (docs/decisions/0028). Leaves what to make of the errors to `blend`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from closedloop.literature import one_spelling
from closedloop.recipes import Experiment

FOLDS = 5
SIBLING = "sibling"
# With fewer groups than this, leaving some out would say nothing of new ones.
_LEAST_GROUPS = 2 * FOLDS
_LEAST_ALONE = 3
# Pairs of networks that leave out the same experiments, and which share of each regime's groups a pair leaves out.
PAIRS = 3
_LEFT_OUT = 0.1
_MOST_LEFT_OUT = 0.6


def _row(experiment: Experiment) -> str:
    return experiment.model_dump_json()


def _product(experiment: Experiment) -> str:
    # As named, phases apart. Groups are left out by a hash of this: with formulas in its place a stored model that is
    # trained further would count as left out what its network has learned from.
    return experiment.recipe.product


_SOURCE = "source"
_REGIMES = (SIBLING, _SOURCE, "product")


def _names(experiments: Sequence[Experiment], regime: str) -> list[str]:
    """What each experiment's group is called. A source under several spellings has one of them; one that has no other
    keeps its own, for groups are left out by a hash of it."""
    if regime == _SOURCE:
        return [source or "" for source in one_spelling([e.source for e in experiments])]
    return [_row(e) if regime == SIBLING else _product(e) for e in experiments]


def groups_of(experiments: Sequence[Experiment], regime: str) -> np.ndarray:
    """(n,): the number of the group (row, source, product) that each experiment would be left out with."""
    groups: np.ndarray = np.unique(_names(experiments, regime), return_inverse=True)[1]
    return groups


def regimes_of(experiments: Sequence[Experiment]) -> tuple[str, ...]:
    """The regimes in which something can be left out of these experiments."""
    return tuple(name for name in _REGIMES if len(np.unique(groups_of(experiments, name))) >= _LEAST_GROUPS)


def folds_of(experiments: Sequence[Experiment], regime: str) -> np.ndarray:
    """Folds (n,) of about equal size that keep the regime's groups together; of few groups each is a fold."""
    from sklearn.model_selection import GroupKFold

    groups = groups_of(experiments, regime)
    if len(np.unique(groups)) < _LEAST_GROUPS:
        return groups
    folds = np.empty(len(groups), dtype=np.int64)
    for number, (_, tested) in enumerate(GroupKFold(FOLDS).split(groups, groups=groups)):
        folds[tested] = number
    return folds


@dataclass(frozen=True)
class LeftOut:
    """Which experiments a pair of networks leaves out. From a hash of the name of an experiment's group, so that a
    model that is trained further leaves the same ones out."""

    regimes: tuple[str, ...]
    seed: int

    @classmethod
    def of(cls, experiments: Sequence[Experiment], seed: int) -> Self:
        return cls(regimes_of(experiments), seed)

    def tried(self, experiments: Sequence[Experiment]) -> tuple[str, ...]:
        """The regimes that these experiments can try; not those of too few groups: a lab's own are one source. Where
        they can try none, each experiment is left out by itself, if two others remain."""
        possible = regimes_of(experiments)
        found = tuple(name for name in self.regimes if name in possible)
        if found or len(np.unique(groups_of(experiments, SIBLING))) < _LEAST_ALONE:
            return found
        return (SIBLING,)

    def pairs(self, experiments: Sequence[Experiment], regime: str) -> np.ndarray:
        """(n,): the pair that leaves the experiment out in this regime, -1 for none."""
        return np.array([_pair(f"{self.seed} {regime} {name}") for name in _names(experiments, regime)], dtype=np.int64)

    def members(self, experiments: Sequence[Experiment], members: int) -> np.ndarray:
        """(k, n): true where a network may not learn from an experiment; the two of a pair follow each other."""
        held_out = np.zeros((members, len(experiments)), dtype=bool)
        pair_of_member = np.arange(members) // 2
        for regime in self.regimes:
            held_out |= pair_of_member[:, None] == self.pairs(experiments, regime)[None]
        # A pair must have something to learn from, however few groups there are.
        held_out[held_out.mean(1) > _MOST_LEFT_OUT] = False
        return held_out


def _pair(text: str) -> int:
    part = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
    return int(part / _LEFT_OUT) if part < PAIRS * _LEFT_OUT else -1


def seen_before(experiments: Sequence[Experiment], folds: np.ndarray) -> np.ndarray:
    """How many experiments outside its own fold make the same product, (n,)."""
    products = np.array([e.recipe.product for e in experiments])
    _, place = np.unique(products, return_inverse=True)
    table = np.zeros((int(place.max(initial=0)) + 1, int(folds.max(initial=0)) + 1))
    np.add.at(table, (place, folds), 1)
    counts: np.ndarray = (table.sum(1)[place] - table[place, folds]).astype(float)
    return counts
