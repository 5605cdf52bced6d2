"""Recipes as one row of numbers each, for trees: the kinds of chemicals and how much of each, the product, under what
conditions. No chemical has a column of its own, for trees would tell papers by it rather than chemistry
(docs/decisions/0081).

Everything is read from `tokens.Arrays`, so that a stored model sees a chemical as it did in training, and the order of
the reagents cannot matter. Which columns are kept is learned once, from the training recipes.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from closedloop.chemistry.descriptors import ELEMENTS, atoms_per_formula
from closedloop.synthesis.tokens import AMOUNT_SLOPE, KNOWN, ROLES, Arrays

# What is added (mmol) before a ratio's logarithm.
_FLOOR = 1e-3
_NONMETALS = frozenset(["H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "Te", "I"])
# Of a product's nonmetals, those that a precursor must bring; carbon and hydrogen come with any solvent.
_ANIONS = frozenset(["N", "O", "F", "P", "S", "Cl", "As", "Se", "Br", "Sb", "Te", "I"])
_IS_METAL = np.array([symbol not in _NONMETALS for symbol in ELEMENTS])
_IS_ANION = np.array([symbol in _ANIONS for symbol in ELEMENTS])


@dataclass(frozen=True)
class Columns:
    """``kept`` (d,): which of all columns are used; ``typical_mmol`` stands for an unknown amount."""

    kept: np.ndarray
    typical_mmol: float

    @classmethod
    def of(cls, arrays: Arrays, typical_mmol: float) -> Self:
        """Learned from the training recipes."""
        everything = cls(np.empty(0, dtype=np.int64), typical_mmol)._all(arrays)
        kept = np.flatnonzero(np.ptp(everything, axis=0) > 1e-6)
        # Trees need a column, even if all recipes are one and the same.
        return cls(kept if len(kept) else np.zeros(1, dtype=np.int64), typical_mmol)

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
        product = arrays.product_table[arrays.product].astype(float)
        conditions = np.where(arrays.condition_known, arrays.conditions, 0.0)
        groups = [
            conditions,
            conditions[:, 1:2] - conditions[:, :1],
            arrays.condition_known,
            self._sums(arrays, amount, mmol, product),
            np.log1p(AMOUNT_SLOPE * (mmol @ arrays.group_table)),
            product,
            arrays.known_product[arrays.product][:, None],
        ]
        return np.concatenate(groups, 1).astype(np.float32)

    def _sums(self, arrays: Arrays, amount: np.ndarray, mmol: np.ndarray, product: np.ndarray) -> np.ndarray:
        """Amounts by role and of the product's elements; logarithms of mmol and of ratios, and how many reagents."""
        inventory = mmol @ atoms_per_formula(arrays.chemical_table.astype(float))
        n, rows = len(arrays), np.arange(len(arrays))[:, None]
        wanted = product[:, : len(ELEMENTS)] > 0
        metal = (inventory * (wanted & _IS_METAL)).sum(1)
        anion = (inventory * (wanted & _IS_ANION)).sum(1)
        roles = np.zeros((n, len(ROLES)))
        np.add.at(roles, (rows, arrays.role), amount)
        total = amount.sum(1)
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
        ]
        return np.stack(sums, 1)


def _log(mmol: np.ndarray) -> np.ndarray:
    logs: np.ndarray = np.log(mmol + _FLOOR)
    return logs
