"""Boxes with linear constraints as plain arrays: unit cube to physical values and back. Knows nothing of chemistry.

The feasible set is convex in physical values, so a point outside it is pulled along a straight line towards the
set's Chebyshev centre; rounding that leaves the set is mended in the same way.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from closedloop.propose.errors import EmptySpaceError

Array = NDArray[np.float64]

SIGNIFICANT_DIGITS = 3
_LEAST_RADIUS = 1e-6
_LOG_ABSENT = math.log(1e3)


@dataclass(frozen=True)
class Axis:
    """One value that varies, in its own unit; ``log`` spaces it evenly in its logarithm."""

    label: str
    low: float
    high: float
    log: bool = False


def unit_of(value: float, low: float, high: float, log: bool) -> float:
    """The coordinate of a physical value in the unit cube; outside [0, 1] for one outside its range."""
    if not log:
        return (value - low) / (high - low)
    # A chemical that is absent has no logarithm; it is placed as if a thousandth of the least amount were there.
    placed = max(math.log(value), math.log(low) - _LOG_ABSENT) if value > 0 else math.log(low) - _LOG_ABSENT
    return (placed - math.log(low)) / (math.log(high) - math.log(low))


@dataclass(frozen=True)
class Inequality:
    """``coefficients @ values <= bound``; ``text`` is what the chemist wrote."""

    text: str
    coefficients: tuple[float, ...]
    bound: float


@dataclass(frozen=True)
class Geometry:
    """``axes`` (d of them) and inequalities between their values."""

    axes: tuple[Axis, ...]
    inequalities: tuple[Inequality, ...] = ()

    @cached_property
    def _low(self) -> Array:
        return np.array([axis.low for axis in self.axes], dtype=np.float64)

    @cached_property
    def _high(self) -> Array:
        return np.array([axis.high for axis in self.axes], dtype=np.float64)

    @cached_property
    def _log(self) -> NDArray[np.bool_]:
        return np.array([axis.log for axis in self.axes], dtype=bool)

    @cached_property
    def _matrix(self) -> Array:
        return np.array([i.coefficients for i in self.inequalities], dtype=np.float64).reshape(-1, len(self.axes))

    @cached_property
    def _bound(self) -> Array:
        return np.array([inequality.bound for inequality in self.inequalities], dtype=np.float64)

    @cached_property
    def _scale(self) -> Array:
        """Size of each inequality's terms, (m,), against which a float's rounding is judged."""
        return np.abs(self._matrix) @ np.maximum(np.abs(self._low), np.abs(self._high)) + np.abs(self._bound)

    @cached_property
    def centre(self) -> Array:
        """Centre (d,) of the largest ball inside, with every axis scaled to its range.

        Raises `EmptySpaceError` where the inequalities leave no room, naming one that does so alone if there is one.
        """
        if not self.inequalities:
            return (self._low + self._high) / 2
        centre = self._chebyshev(self.inequalities)
        if centre is None:
            for inequality in self.inequalities:
                if self._chebyshev((inequality,)) is None:
                    raise EmptySpaceError(
                        f"the constraint {inequality.text!r} cannot be met within the ranges given; "
                        "widen them or drop it"
                    )
            texts = "; ".join(repr(inequality.text) for inequality in self.inequalities)
            raise EmptySpaceError(
                f"the constraints {texts} leave no recipe together; widen a range or drop one of them"
            )
        return centre

    def _chebyshev(self, inequalities: tuple[Inequality, ...]) -> Array | None:
        from scipy.optimize import linprog

        d, width = len(self.axes), self._high - self._low
        matrix = np.array([i.coefficients for i in inequalities], dtype=np.float64) * width
        bound = np.array([i.bound for i in inequalities]) - (matrix / width) @ self._low
        norms = np.linalg.norm(matrix, axis=1, keepdims=True)
        walls = np.vstack([np.hstack([np.eye(d), np.ones((d, 1))]), np.hstack([-np.eye(d), np.ones((d, 1))])])
        result = linprog(
            np.append(np.zeros(d), -1.0),
            A_ub=np.vstack([np.hstack([matrix, norms]), walls]),
            b_ub=np.concatenate([bound, np.ones(d), np.zeros(d)]),
            bounds=[(0, 1)] * d + [(0, 0.5)],
        )
        solution = result.x
        if not result.success or solution is None or solution[-1] < _LEAST_RADIUS:
            return None
        return np.asarray(self._low + width * solution[:d], dtype=np.float64)

    def to_values(self, unit: Array) -> Array:
        """The unit cube (..., d) to physical values; coordinates outside the cube are moved to its wall."""
        unit = np.clip(unit, 0.0, 1.0)
        low, high = self._low, self._high
        linear = low + unit * (high - low)
        safe_low = np.where(self._log, low, 1.0)
        safe_high = np.where(self._log, high, 2.0)
        first, last = np.log(safe_low), np.log(safe_high)
        logarithmic = np.exp(first + unit * (last - first))
        return np.clip(np.where(self._log, logarithmic, linear), low, high)

    def are_inside(self, values: Array, slack: float = 1e-9) -> NDArray[np.bool_]:
        """Which rows of ``values`` (n, d) keep every range and inequality; ``slack`` is relative."""
        room = slack * np.maximum(np.abs(self._low), np.abs(self._high))
        boxed = np.all((values >= self._low - room) & (values <= self._high + room), axis=-1)
        kept = np.all(values @ self._matrix.T <= self._bound + slack * self._scale, axis=-1)
        return np.asarray(boxed & kept)

    def pull_inside(self, values: Array, share: float | Array = 0.999) -> Array:
        """Moves the rows of ``values`` (n, d) that break an inequality towards the centre, to ``share`` of the way back
        to where that line leaves the set; the others stay as they are."""
        if not self.inequalities:
            return values
        centre = self.centre
        slack = self._bound - self._matrix @ centre
        step = values - centre
        demand = step @ self._matrix.T
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(demand > slack, slack / demand, 1.0).min(axis=-1)
        fraction = np.where(reach < 1.0, reach * share, 1.0)
        return np.asarray(centre + fraction[:, None] * step)

    def rounded(self, values: Array) -> Array:
        """Rows (n, d) as a person would weigh and set them: three significant digits, and still inside.

        Where rounding breaks an inequality the row moves towards the centre; where the set is too thin for three
        digits more are kept.
        """
        rows = self._round_rows(self.pull_inside(values), SIGNIFICANT_DIGITS)
        if not self.inequalities:
            return rows
        # A thousandth of the float's own rounding error would do; strict, so that a check elsewhere agrees.
        broken = np.flatnonzero(~self._strictly_inside(rows))
        for index in broken:
            rows[index] = self._mended(values[index])
        return rows

    def _mended(self, row: Array) -> Array:
        start = self.pull_inside(row[None])[0]
        for digits in range(SIGNIFICANT_DIGITS, 13):
            for share in (0.01, 0.02, 0.05, 0.1, 0.2):
                trial = self._round_rows((start + share * (self.centre - start))[None], digits)
                if self._strictly_inside(trial)[0]:
                    return np.asarray(trial[0])
        return self.centre

    def _strictly_inside(self, rows: Array) -> NDArray[np.bool_]:
        return np.asarray(np.all(rows @ self._matrix.T <= self._bound - 1e-12 * self._scale, axis=-1))

    def _round_rows(self, rows: Array, digits: int) -> Array:
        rounded = np.array([[float(f"{value:.{digits}g}") for value in row] for row in rows], dtype=np.float64)
        return np.clip(rounded.reshape(rows.shape), self._low, self._high)

    def sobol(self, count: int, seed: int) -> Array:
        """``count`` space-filling rows of physical values (count, d) that keep every inequality.

        Points that break one are passed over as long as enough others are found; where the feasible part is small the
        rest are drawn along lines from its centre.
        """
        from scipy.stats import qmc

        d = len(self.axes)
        power = max(1, math.ceil(math.log2(max(1, count))))
        sampler = qmc.Sobol(d + 1, scramble=True, rng=np.random.default_rng(seed))
        unit = sampler.random_base2(power + (3 if self.inequalities else 0))
        values = self.to_values(unit[:, :d])
        if not self.inequalities:
            return values[:count]
        inside = self.are_inside(values)
        kept = values[inside][:count]
        missing = count - len(kept)
        if not missing:
            return kept
        # The volume of a ball grows as radius**d, so this share spreads the points evenly along the line.
        share = np.maximum(unit[~inside, d], 1e-6) ** (1.0 / d) * 0.999
        return np.vstack([kept, self.pull_inside(values[~inside][:missing], share[:missing])])
