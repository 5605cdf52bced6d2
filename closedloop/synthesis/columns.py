"""Recipes as one row of numbers each, for trees: what was used and how much, what it brings, under what conditions.

Everything is read from `tokens.Arrays`, so that a stored model sees a chemical as it did in training, and the order of
the reagents cannot matter. Which columns are kept is learned once, from the training recipes.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from closedloop.chemistry.descriptors import ELEMENTS, GRAPH_SIZE, atoms_per_formula
from closedloop.synthesis.tokens import AMOUNT_SLOPE, KNOWN, ROLES, Arrays

# A chemical used in fewer training recipes than this has no column of its own: its descriptors speak for it.
_LEAST_USES = 3
# What is added (mmol) before a ratio's logarithm.
_FLOOR = 1e-3
_LARGEST = 4
_NONMETALS = frozenset(["H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "Te", "I"])
# Of a product's nonmetals, those that a precursor must bring; carbon and hydrogen come with any solvent.
_ANIONS = frozenset(["N", "O", "F", "P", "S", "Cl", "As", "Se", "Br", "Sb", "Te", "I"])
_IS_METAL = np.array([symbol not in _NONMETALS for symbol in ELEMENTS])
_IS_ANION = np.array([symbol in _ANIONS for symbol in ELEMENTS])


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
        level = np.log1p(AMOUNT_SLOPE * amount)
        mmol, levels = np.zeros((2, n, len(arrays.chemical_table)))
        np.add.at(mmol, (rows, arrays.chemical), amount)
        np.add.at(levels, (rows, arrays.chemical), level)
        of_role = np.zeros((len(ROLES), n, len(arrays.chemical_table)))
        np.add.at(of_role, (arrays.role, rows, arrays.chemical), level)
        vectors = arrays.chemical_table.astype(float)
        own = np.zeros((n, 1 + max(int(arrays.identity.max(initial=0)), int(self.chemicals.max(initial=0)))))
        np.add.at(own, (rows, arrays.identity), level * listed)
        product = arrays.product_table[arrays.product].astype(float)
        conditions = np.where(arrays.condition_known, arrays.conditions, 0.0)
        sums, supply = self._sums(arrays, amount, mmol @ atoms_per_formula(vectors), product)
        groups = [
            conditions,
            conditions[:, 1:2] - conditions[:, :1],
            arrays.condition_known,
            own[:, self.chemicals],
            sums,
            supply,
            _mean(levels, vectors),
            _mean(mmol, vectors),
            *(_mean(share, vectors[:, : 1 + GRAPH_SIZE]) for share in of_role[1:]),
            product,
            arrays.known_product[arrays.product][:, None],
        ]
        return np.concatenate(groups, 1).astype(np.float32)

    def _sums(
        self, arrays: Arrays, amount: np.ndarray, inventory: np.ndarray, product: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Amounts by role and of the product's elements, and each element's; logarithms of mmol and of ratios."""
        n, rows = len(arrays), np.arange(len(arrays))[:, None]
        wanted = product[:, : len(ELEMENTS)] > 0
        metal = (inventory * (wanted & _IS_METAL)).sum(1)
        anion = (inventory * (wanted & _IS_ANION)).sum(1)
        roles = np.zeros((n, len(ROLES)))
        np.add.at(roles, (rows, arrays.role), amount)
        total = amount.sum(1)
        largest = np.zeros((n, _LARGEST))
        top = -np.sort(-np.log1p(AMOUNT_SLOPE * amount), axis=1)[:, :_LARGEST]
        largest[:, : top.shape[1]] = top
        sums = [
            _log(total),
            _log(metal),
            _log(anion),
            _log(metal) - _log(anion),
            _log(metal) - _log(total),
            *_log(roles).T,
            *(_log(roles) - _log(metal)[:, None]).T,
            (arrays.chemical > 0).sum(1),
            ((arrays.chemical > 0) & (arrays.state != KNOWN)).sum(1),
            *largest.T,
        ]
        supply = np.c_[np.log1p(AMOUNT_SLOPE * inventory), _log(inventory) - _log(metal)[:, None]]
        return np.stack(sums, 1), supply


def _mean(weight: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """(n, u) and (u, s) -> weighted means (n, s); zeros where nothing has weight."""
    mean: np.ndarray = (weight @ vectors) / np.maximum(weight.sum(1, keepdims=True), 1e-9)
    return mean


def _log(mmol: np.ndarray) -> np.ndarray:
    logs: np.ndarray = np.log(mmol + _FLOOR)
    return logs
