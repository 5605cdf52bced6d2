"""Amounts and conditions as linear forms of the values that are searched. Knows neither names nor units."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Key = int | str

# A chemical that fills a vessel is measured to so many significant digits, and to more where a constraint needs it.
_DIGITS = 4
_SLACK = 1e-12


class Linear:
    """Key -> (coefficients of the axes, constant)."""

    def __init__(self, axes: int) -> None:
        self._axes = axes
        self._forms: dict[Key, tuple[Array, float]] = {}
        # Which of them are an axis itself, and which are sums.
        self._single: dict[Key, int] = {}
        self._sums: dict[Key, tuple[Array, float]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._forms

    def set_constant(self, key: Key, value: float) -> None:
        self._forms[key] = (np.zeros(self._axes), float(value))

    def set_axis(self, key: Key, axis: int) -> None:
        self._forms[key] = (np.eye(self._axes)[axis], 0.0)
        self._single[key] = axis

    def set_sum(self, key: Key, weights: Mapping[int, float], constant: float, *, scale: float) -> None:
        """``scale * (constant + sum of weights)``."""
        coefficients, rest = self.combine(weights)
        self._forms[key] = self._sums[key] = (scale * coefficients, scale * (constant + rest))

    def combine(self, weights: Mapping[Key, float] | Mapping[int, float]) -> tuple[Array, float]:
        """Coefficients and constant of a weighted sum."""
        coefficients, size, rest = np.zeros(self._axes), np.zeros(self._axes), 0.0
        for key, weight in weights.items():
            form, constant = self._forms[key]
            coefficients = coefficients + weight * form
            size = size + np.abs(weight * form)
            rest += weight * constant
        # What cancels must be gone: a sum that a filled vessel makes constant has no direction to move along.
        return np.where(np.abs(coefficients) <= _SLACK * size, 0.0, coefficients), rest

    def rounded(
        self, rows: Array, derived: Sequence[int], checks: Sequence[tuple[str, Mapping[Key, float], float]]
    ) -> dict[Key, list[float]]:
        """Every value, n each, at the axes' values ``rows`` (n, a); what is ``derived`` is rounded down as far as the
        comparisons ``checks`` allow."""
        values: dict[Key, Array] = {}
        for key, (form, constant) in self._forms.items():
            if key in self._sums:
                values[key] = rows @ form + constant
            elif key in self._single:
                # One axis or none is most of them, and needs no sum.
                values[key] = constant + rows[:, self._single[key]]
            else:
                values[key] = np.full(len(rows), constant)
        exact = {key: np.maximum(0.0, values[key]) for key in derived}
        values |= {key: value.copy() for key, value in exact.items()}
        left = np.arange(len(rows))
        for digits in range(_DIGITS, 16):
            for key in derived:
                values[key][left] = [down(value, digits) for value in exact[key][left].tolist()]
            left = left[~_kept({key: value[left] for key, value in values.items()}, checks, len(left))]
            if not len(left):
                break
        for key in derived:
            values[key][left] = exact[key][left]
        return {key: value.tolist() for key, value in values.items()}


def _kept(
    values: Mapping[Key, Array], checks: Sequence[tuple[str, Mapping[Key, float], float]], count: int
) -> NDArray[np.bool_]:
    """Which of the rows keep every comparison, (count,); summed in the order in which others sum them."""
    kept = np.ones(count, dtype=bool)
    for _, weights, bound in checks:
        total = np.zeros(count)
        for key, weight in weights.items():
            total = total + weight * values[key]
        kept &= total <= bound
    return kept


def down(value: float, digits: int) -> float:
    """``value`` to so many significant digits, never more than it is."""
    near = float(f"{value:.{digits}g}")
    if near <= value:
        return near
    step = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    return max(0.0, float(f"{value - step / 2:.{digits}g}"))
