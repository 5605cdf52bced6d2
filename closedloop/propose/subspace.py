"""A space with one choice of its chemicals, as numbers: what varies, how all else follows from it, and what bounds it.

Leaves to others: which choices there are (`couplings`), the arithmetic (`linear`, `geometry`), recipes (`places`).
"""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from closedloop.propose.checks import comparison_of
from closedloop.propose.couplings import Masks
from closedloop.propose.errors import EmptySpaceError
from closedloop.propose.geometry import Axis, Geometry, Inequality
from closedloop.propose.linear import Key, Linear
from closedloop.propose.quantity import Range, high_of, low_of
from closedloop.propose.reagent import CONDITIONS
from closedloop.propose.volumes import ml_per_mmol

if TYPE_CHECKING:
    from closedloop.propose.space import SearchSpace


class Subspace:
    """The part of ``space`` with those of the optional chemicals that are in ``mask`` (k,), and no others of them."""

    def __init__(self, space: "SearchSpace", mask: Masks) -> None:
        self._space = space
        self._mask = mask.copy()

    def has(self, index: int) -> bool:
        """Whether the chemical of this number is there."""
        optional = self._space.optional
        return index not in optional or bool(self._mask[optional[index]])

    @cached_property
    def axes(self) -> dict[Key, Range]:
        """What varies, a of them in the order of the cube's coordinates: a chemical's number or a condition's field."""
        found: dict[Key, Range] = {}
        for key in self._space.columns:
            value = self._space.quantity_of(key)
            if isinstance(value, Range) and (not isinstance(key, int) or self.has(key)):
                found[key] = value
        return found

    @property
    def geometry(self) -> Geometry:
        """The axes and what bounds them, as arrays. Raises `EmptySpaceError` where the constraints leave nothing."""
        if isinstance(self._geometry, EmptySpaceError):
            raise self._geometry
        return self._geometry

    @property
    def is_open(self) -> bool:
        """Whether some recipe is in it."""
        return not isinstance(self._geometry, EmptySpaceError)

    @cached_property
    def _geometry(self) -> Geometry | EmptySpaceError:
        try:
            axes = tuple(
                Axis(self._space.label_of(key), value.low, value.high, is_log(key, value))
                for key, value in self.axes.items()
            )
            geometry = Geometry(axes, tuple(self._inequalities()))
            _ = geometry.centre
        except EmptySpaceError as error:
            return error
        return geometry

    @cached_property
    def linear(self) -> Linear:
        """Every amount and condition as a linear form of the axes."""
        space, numbers = self._space, {key: axis for axis, key in enumerate(self.axes)}
        linear = Linear(len(numbers))
        for i, reagent in enumerate(space.reagents):
            if reagent.fill_to_ml is not None:
                continue
            if not self.has(i):
                linear.set_constant(i, 0.0)
            elif i in numbers:
                linear.set_axis(i, numbers[i])
            else:
                linear.set_constant(i, low_of(reagent.amount_mmol or 0.0))
        for field in CONDITIONS:
            value = getattr(space, field)
            if field in numbers:
                linear.set_axis(field, numbers[field])
            elif value is not None:
                linear.set_constant(field, value)
        for i, reagent in enumerate(space.reagents):
            if reagent.fill_to_ml is not None:
                beside = [
                    j for j, r in enumerate(space.reagents) if j != i and j in linear and reagent.shares_vessel(r)
                ]
                volumes = {j: -ml_per_mmol(space.reagents[j].name) for j in beside}
                linear.set_sum(i, volumes, reagent.fill_to_ml, scale=1 / ml_per_mmol(reagent.name))
        return linear

    def _inequalities(self) -> list[Inequality]:
        found: list[Inequality] = []
        for text, weights, bound in self.comparisons:
            coefficients, rest = self.linear.combine(weights)
            if np.any(coefficients != 0):
                found.append(Inequality(text, tuple(coefficients.tolist()), bound - rest))
            elif bound - rest < -1e-9 * max(1.0, abs(bound), abs(rest)):
                raise EmptySpaceError(f"the constraint {text!r} is broken by the fixed values; change one of them")
        return found

    @cached_property
    def comparisons(self) -> list[tuple[str, dict[Key, float], float]]:
        """(text, weights, bound): each says that the weighted sum of amounts and conditions is at most the bound."""
        space = self._space
        found = [(text, *comparison_of(space, text)) for text in space.constraints]
        for coupling in space.couplings:
            if coupling.ratio is None or coupling.between is None:
                continue
            above, below = ([i for i in space.members(name) if self.has(i)] for name in coupling.ratio)
            if not above or not below:
                continue
            low, high = coupling.between
            # A chemical may be on both sides: oleic acid in a ratio of all ligands to oleic acid.
            both = [(key, key in above, key in below) for key in dict.fromkeys([*above, *below])]
            found.append((coupling.text, {key: low * under - over for key, over, under in both}, 0.0))
            found.append((coupling.text, {key: over - high * under for key, over, under in both}, 0.0))
        for i, reagent in enumerate(space.reagents):
            if (text := reagent.filling) is None:
                continue
            bounds = reagent.amount_mmol
            found.append((text, {i: -1.0}, 0.0 if bounds is None else -low_of(bounds)))
            if bounds is not None:
                found.append((text, {i: 1.0}, high_of(bounds)))
        if space.max_volume_ml is not None:
            every: dict[Key, float] = {i: ml_per_mmol(r.name) for i, r in enumerate(space.reagents)}
            found.append((f"max_volume_ml {space.max_volume_ml:g}", every, space.max_volume_ml))
        return found


def is_log(key: Key, value: Range) -> bool:
    """Whether a range is even in its logarithm; times are, where the range does not say."""
    if value.scale is None:
        return key == "reaction_time_min" and value.low > 0
    return value.scale == "log"
