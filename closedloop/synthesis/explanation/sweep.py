"""What the model says while one or two things of a recipe are varied and all else is held, as in figure 3d and e of Gu
et al., ACS Nano 2025, 19, 39025 (oleic acid against oleylamine)."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from closedloop.chemistry import UnknownChemical, canonical_name, resolve
from closedloop.recipes import Recipe, Shape
from closedloop.recipes.fields import ABSOLUTE_ZERO_C
from closedloop.synthesis.explanation.errors import UnknownAxis
from closedloop.synthesis.explanation.substitution import LABELS, UNITS

if TYPE_CHECKING:
    from closedloop.synthesis.model import SynthesisModel

STEPS, MOST_STEPS = 21, 201
COVERAGE = 0.9
_CHUNK = 2048
_RANGE = re.compile(r"\s*(?P<name>.+?)\s*=\s*(?P<low>[^:]+):(?P<high>[^:]+)(?::(?P<steps>[^:]+))?\s*")


@dataclass(frozen=True)
class Axis:
    """``name`` as a person wrote it, ``unit``; ``values`` in order. One of ``field`` (a condition) and ``chemical`` (a
    canonical name) is given. ``own`` is the recipe's own value, ``None`` where it is unknown."""

    name: str
    unit: str
    values: tuple[float, ...]
    field: str | None
    chemical: str | None
    own: float | None

    def applied(self, recipe: Recipe, value: float) -> Recipe:
        """The recipe with this value; an amount is shared between vessels as the recipe shares it."""
        if self.field is not None:
            return recipe.model_copy(update={self.field: value})
        places = _places(recipe, self.chemical or "")
        amounts = [recipe.reagents[i].amount_mmol or 0.0 for i in places]
        total = sum(amounts)
        shares = [amount / total if total else 1 / len(places) for amount in amounts]
        reagents = list(recipe.reagents)
        for i, share in zip(places, shares, strict=True):
            reagents[i] = reagents[i].model_copy(update={"amount_mmol": value * share})
        return recipe.model_copy(update={"reagents": tuple(reagents)})

    @property
    def label(self) -> str:
        return f"{self.name}, {self.unit}"

    def to_json(self) -> dict[str, object]:
        return {"name": self.name, "unit": self.unit, "values": list(self.values), "own": self.own}


@dataclass(frozen=True)
class Sweep:
    """Grids are (y, x), or (1, x) without a second axis. ``low_nm`` and ``high_nm`` hold the size with a probability
    of 90%. ``success`` (y, x) and ``shapes`` (y, x, 11, in the order of `Shape`) are ``None`` where the model only has
    a prior for them."""

    recipe: Recipe
    x: Axis
    y: Axis | None
    size_nm: np.ndarray
    low_nm: np.ndarray
    high_nm: np.ndarray
    success: np.ndarray | None
    shapes: np.ndarray | None
    notes: tuple[str, ...]

    @property
    def likeliest(self) -> np.ndarray | None:
        """Index of the likeliest shape in the order of `Shape`, (y, x)."""
        return None if self.shapes is None else self.shapes.argmax(-1)

    def to_json(self) -> dict[str, object]:
        shapes = self.shapes
        return {
            "x": self.x.to_json(),
            "y": None if self.y is None else self.y.to_json(),
            "size_nm": self.size_nm.tolist(),
            "low_nm": self.low_nm.tolist(),
            "high_nm": self.high_nm.tolist(),
            "success": None if self.success is None else self.success.tolist(),
            "shapes": None if shapes is None else {one.value: shapes[..., i].tolist() for i, one in enumerate(Shape)},
            "notes": list(self.notes),
        }


def parse_axis(text: str, recipe: Recipe) -> Axis:
    """ "oleic acid=0:20" or "reaction temperature=200:300:11" -> an axis of this recipe. Raises `UnknownAxis`."""
    found = _RANGE.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        low, high = float(found["low"]), float(found["high"])
        steps = int(found["steps"] or STEPS)
    except ValueError:
        raise UnknownAxis(
            f"{text!r} is no axis; write NAME=FROM:TO or NAME=FROM:TO:STEPS, as in 'oleic acid=0:20:21'"
        ) from None
    return axis(recipe, found["name"], np.linspace(low, high, _checked(text, low, high, steps)))


def axis(recipe: Recipe, name: str, values: Sequence[float] | np.ndarray) -> Axis:
    """A condition (under its field's name or in words) or a chemical of the recipe (under any of its names), over
    these values in °C, °C/min, min or mmol. Raises `UnknownAxis`."""
    numbers = tuple(float(value) for value in values)
    field = _conditions().get(_plain(name))
    least = ABSOLUTE_ZERO_C if field and field.endswith("temperature_c") else 0.0
    if not numbers or not all(math.isfinite(value) and value >= least for value in numbers):
        raise UnknownAxis(f"{name}: every value must be a finite number of at least {least:g}; correct the range")
    if field is not None:
        return Axis(LABELS[field], UNITS[field], numbers, field, None, getattr(recipe, field))
    chemical = canonical_name(name)
    places = _places(recipe, chemical)
    if not places:
        raise UnknownAxis(_advice(recipe, name))
    amounts = [recipe.reagents[i].amount_mmol for i in places]
    known = [amount for amount in amounts if amount is not None]
    return Axis(name, "mmol", numbers, None, chemical, sum(known) if len(known) == len(amounts) else None)


def sweep(
    model: "SynthesisModel",
    recipe: Recipe,
    x: Axis,
    y: Axis | None = None,
    *,
    progress: Callable[[float, str], None] | None = None,
) -> Sweep:
    """Ask the model at every point of the grid. Raises `UnknownAxis` where both axes are one and the same."""
    if y is not None and (y.field, y.chemical) == (x.field, x.chemical):
        raise UnknownAxis(f"both axes are {x.name}; vary something else along one of them")
    rows = [recipe] if y is None else [y.applied(recipe, value) for value in y.values]
    grid = [x.applied(row, value) for row in rows for value in x.values]
    predictions = []
    for start in range(0, len(grid), _CHUNK):
        if progress:
            progress(start / len(grid), f"predicting {len(grid)} recipes")
        predictions += model.predict(grid[start : start + _CHUNK])
    shape = (len(rows), len(x.values))
    bounds = np.array([p.size_interval(COVERAGE) for p in predictions])
    priors = model.priors
    return Sweep(
        recipe,
        x,
        y,
        np.array([p.size_nm for p in predictions]).reshape(shape),
        bounds[:, 0].reshape(shape),
        bounds[:, 1].reshape(shape),
        None if priors.success is not None else np.array([p.success_probability for p in predictions]).reshape(shape),
        None
        if priors.shape is not None
        else np.array([[p.shape_probabilities[one] for one in Shape] for p in predictions]).reshape(*shape, -1),
        predictions[0].warnings,
    )


def _checked(text: str, low: float, high: float, steps: int) -> int:
    if not 2 <= steps <= MOST_STEPS:
        raise UnknownAxis(f"{text!r}: {steps} steps; give 2 to {MOST_STEPS}")
    if not (low < high and math.isfinite(high - low)):
        raise UnknownAxis(f"{text!r}: the range must go from a smaller to a larger number, both finite")
    return steps


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]+", " ", name.casefold()).strip()


def _conditions() -> dict[str, str]:
    """Every way to write a condition -> its field."""
    return {_plain(way): field for field, label in LABELS.items() for way in (field, label)}


def _places(recipe: Recipe, chemical: str) -> list[int]:
    return [i for i, reagent in enumerate(recipe.reagents) if canonical_name(reagent.name) == chemical]


def _advice(recipe: Recipe, name: str) -> str:
    """Why this name is no axis of this recipe, and what would be."""
    listed = [reagent.name for reagent in recipe.reagents]
    ways = [*LABELS.values(), *listed]
    close = get_close_matches(name, ways, n=1, cutoff=0.7)
    hint = f"did you mean {close[0]!r}?" if close else f"vary one of {', '.join(ways)}"
    try:
        resolve(name)
    except UnknownChemical:
        return f"{name!r} is neither a condition nor a chemical of the recipe; {hint}"
    return f"{name} is not in the recipe; list it among the reagents (with 0 mmol if it is not to be used) or {hint}"
