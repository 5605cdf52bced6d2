"""Recipes as one row of numbers each, for trees: what was used and how much, what kind of chemical it is, which
elements it brings, for which product, under what conditions (docs/decisions/0081).

Everything is read from `tokens.Arrays`, so that a stored model sees a chemical as it did in training, and the order of
the reagents cannot matter. Which columns are kept is learned once, from the training recipes.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from closedloop.chemistry.descriptors import atoms_per_formula
from closedloop.synthesis.tokens import AMOUNT_SLOPE, KNOWN, ROLES, Arrays

# A chemical used in fewer training recipes than this has no column of its own: its kind and elements speak for it.
_LEAST_USES = 10


@dataclass(frozen=True)
class Columns:
    """``chemicals`` (c,): places in the vocabulary that have a column; ``kept`` (d,): which of all columns are used;
    ``typical_mmol`` stands for an unknown amount."""

    chemicals: np.ndarray
    kept: np.ndarray
    typical_mmol: float

    @classmethod
    def of(cls, arrays: Arrays, vocabulary: int, typical_mmol: float) -> Self:
        """Learned from the training recipes; ``vocabulary``: how many chemicals it has."""
        uses = np.bincount(arrays.identity[arrays.chemical > 0], minlength=vocabulary + 1)
        chemicals = np.flatnonzero(uses[1:] >= _LEAST_USES) + 1
        everything = cls(chemicals, np.empty(0, dtype=np.int64), typical_mmol)._all(arrays)
        kept = np.flatnonzero(np.ptp(everything, axis=0) > 1e-6)
        # Trees need a column, even if all recipes are one and the same.
        return cls(chemicals, kept if len(kept) else np.zeros(1, dtype=np.int64), typical_mmol)

    def __call__(self, arrays: Arrays) -> np.ndarray:
        """(n, d) float32, all finite."""
        return np.ascontiguousarray(self._all(arrays)[:, self.kept])

    def _all(self, arrays: Arrays) -> np.ndarray:
        n, rows = len(arrays), np.arange(len(arrays))[:, None]
        listed = arrays.chemical > 0
        known = (arrays.state == KNOWN) & listed
        amount = np.where(known, np.exp(arrays.log_amount), self.typical_mmol) * listed
        mmol = np.zeros((n, len(arrays.chemical_table)))
        np.add.at(mmol, (rows, arrays.chemical), amount)
        of_role = np.zeros((n, len(ROLES)))
        np.add.at(of_role, (rows, arrays.role), amount)
        own = np.zeros((n, 1 + max(int(arrays.identity.max(initial=0)), int(self.chemicals.max(initial=0)))))
        np.add.at(own, (rows, arrays.identity), amount)
        conditions = np.where(arrays.condition_known, arrays.conditions, 0.0)
        groups = [
            conditions,
            conditions[:, 1:2] - conditions[:, :1],
            arrays.condition_known,
            _level(own[:, self.chemicals]),
            _level(of_role),
            _level(mmol @ arrays.group_table),
            _level(mmol @ atoms_per_formula(arrays.chemical_table.astype(float))),
            (listed & (arrays.state != KNOWN)).sum(1)[:, None],
            arrays.product_table[arrays.product],
            arrays.known_product[arrays.product][:, None],
        ]
        return np.concatenate(groups, 1).astype(np.float32)


def _level(mmol: np.ndarray) -> np.ndarray:
    level: np.ndarray = np.log1p(AMOUNT_SLOPE * mmol)
    return level
