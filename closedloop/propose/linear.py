"""Amounts and conditions as linear forms of the values that are searched. Knows neither names nor units."""

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
        self, row: Array, derived: Sequence[int], checks: Sequence[tuple[str, Mapping[Key, float], float]]
    ) -> dict[Key, float]:
        """Every value at the axes' values ``row`` (a,); what is ``derived`` is rounded down as far as the comparisons
        ``checks`` allow."""
        plain = row.tolist()
        values = {
            # One axis or none is most of them, and needs no sum.
            key: constant + (plain[axis] if axis is not None else 0.0)
            for key, (_, constant) in self._forms.items()
            for axis in [self._single.get(key)]
        }
        values |= {key: float(form @ row) + constant for key, (form, constant) in self._sums.items()}
        exact = {key: max(0.0, values[key]) for key in derived}
        for digits in range(_DIGITS, 16):
            for key in derived:
                values[key] = down(exact[key], digits)
            if all(sum(w * values[k] for k, w in weights.items()) <= bound for _, weights, bound in checks):
                return values
        return values | exact


def down(value: float, digits: int) -> float:
    """``value`` to so many significant digits, never more than it is."""
    near = float(f"{value:.{digits}g}")
    if near <= value:
        return near
    step = 10.0 ** (np.floor(np.log10(value)) - digits + 1)
    return max(0.0, float(f"{value - step / 2:.{digits}g}"))
