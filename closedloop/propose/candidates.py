"""Where candidates come from: all over the space, the model's designs, precedents and results, and around the best.

Each is a recipe of the space that is new (or a repeat, and says so) and that the lab can make. Knows nothing of scores.
"""

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.propose.errors import RecipeOutsideSpace
from closedloop.propose.proposal import SizeModel
from closedloop.propose.quality import Arrays
from closedloop.propose.space import SearchSpace
from closedloop.recipes import ClosedloopError, Recipe, Target, TargetMissed

Array = NDArray[np.float64]
Filter = Callable[[Recipe], bool | Sequence[str]]

_log = logging.getLogger(__name__)

# How many of each; a prediction takes most of a proposal's time, so there are about a thousand.
_SPREAD, _AROUND_RESULTS, _AROUND_PRECEDENTS, _AROUND_DESIGNS, _AROUND_BEST = 448, 128, 96, 64, 256
_RESULTS, _PRECEDENTS, _REPEATS = 6, 24, 4
_STEPS = (0.02, 0.06, 0.18)


@dataclass(frozen=True)
class Candidates:
    """n recipes with their places in the cube (n, d), where they come from, and what the model says of them (``None``
    where there are none)."""

    recipes: list[Recipe]
    unit: Array
    origins: list[str]
    arrays: Arrays | None

    def __len__(self) -> int:
        return len(self.recipes)

    def __add__(self, other: "Candidates") -> "Candidates":
        if self.arrays is None or other.arrays is None:
            return other if self.arrays is None else self
        both = _Joined(self.arrays, other.arrays)
        return Candidates(
            self.recipes + other.recipes, np.vstack([self.unit, other.unit]), self.origins + other.origins, both
        )


class _Joined:
    """Two predictions, one after the other; what either lacks, both lack."""

    def __init__(self, first: Arrays, second: Arrays) -> None:
        for name in ("log_size_mean", "log_size_sd", "success_logit"):
            setattr(self, name, np.concatenate([getattr(first, name), getattr(second, name)]))
        for name in ("shape_probabilities", "relative_spread"):
            one, two = getattr(first, name, None), getattr(second, name, None)
            setattr(self, name, None if one is None or two is None else np.concatenate([one, two]))

    log_size_mean: NDArray[np.floating]
    log_size_sd: NDArray[np.floating]
    success_logit: NDArray[np.floating]


class Pool:
    """Draws candidates of one round and remembers them, so that none comes twice.

    ``seen`` are places (d,) of what was tried or is under way.
    """

    REPEAT = "a repeat of a result here"

    def __init__(
        self,
        space: SearchSpace,
        target: Target,
        model: SizeModel,
        seed: int,
        filter: Filter | None,
        seen: Iterable[Array],
        precedents: Sequence[Recipe],
    ) -> None:
        self.space, self.target, self.model, self.seed, self.filter = space, target, model, seed, filter
        self.rng = np.random.default_rng(seed)
        self.seen = {_place(unit) for unit in seen}
        self.objections: Counter[str] = Counter()
        self.precedents = self._near_precedents(precedents)

    def first(self, results: Array, again: Sequence[Recipe]) -> Candidates:
        """Candidates from every source; ``results`` (k, d) are the best of this campaign, ``again`` may be repeated."""
        space = self.space
        spread = space.sample(_SPREAD, self.seed)
        designed = self._designed(spread[0], results)
        drawn: list[tuple[str, list[Recipe]]] = [("from all over the space", spread)]
        for origin, centres, count in (
            ("near the model's own design", designed, _AROUND_DESIGNS),
            ("near a published recipe", self.precedents, _AROUND_PRECEDENTS),
            ("near a result here", results[:_RESULTS], _AROUND_RESULTS),
        ):
            if len(centres):
                drawn.append((origin, space.decode_many(centres) + self._moved(centres, count)))
        recipes = [recipe for _, some in drawn for recipe in some]
        origins = [origin for origin, some in drawn for _ in some]
        return self._kept(recipes, origins) + self._repeats(again)

    def around(self, centres: Array) -> Candidates:
        """More, near the rows of ``centres`` (k, d)."""
        recipes = self._moved(centres, _AROUND_BEST)
        return self._kept(recipes, ["near the best candidates"] * len(recipes))

    def scored(self, recipes: list[Recipe], unit: Array, origins: list[str] | None = None) -> Candidates:
        arrays = self.model.predict_arrays(recipes) if recipes else None
        return Candidates(recipes, unit, origins or [""] * len(recipes), arrays)

    def why_nothing(self) -> str:
        if not self.objections.total():
            return "every candidate of the search space was tried or is under way; widen the space"
        common = "; ".join(f"{text} ({times} times)" for text, times in self.objections.most_common(3))
        return f"none of the candidates can be made: {common}; change the search space or the lab"

    def _near_precedents(self, recipes: Sequence[Recipe]) -> Array:
        places = []
        for recipe in recipes[:_PRECEDENTS]:
            place = self.space.project(recipe)
            if place is not None:
                places.append(place)
        return np.array(places).reshape(-1, self.space.dimension)

    def _designed(self, start: Recipe, results: Array) -> Array:
        """The model's design in reverse, begun at the best result, at a precedent, or anywhere."""
        for centres in (results, self.precedents):
            if len(centres):
                start = self.space.decode(centres[0])
                break
        try:
            with warnings.catch_warnings():
                # A design that misses is a place to look from; what is proposed says what chance it has.
                warnings.simplefilter("ignore", TargetMissed)
                places = [self.space.encode(self.model.design_amounts(start, self.target))]
        except ClosedloopError as error:
            # One source of candidates among several; the others remain.
            _log.info("the model designs no amounts here: %s", error)
            places = []
        return np.array(places).reshape(-1, self.space.dimension)

    def _moved(self, centres: Array, count: int) -> list[Recipe]:
        """``count`` recipes near the rows of ``centres`` (k, d): steps of three lengths in some of the coordinates."""
        start = centres[np.arange(count) % len(centres)]
        length = np.array(_STEPS)[self.rng.integers(len(_STEPS), size=count)]
        return self.space.decode_many(self.space.moved(start, length, self.rng))

    def _repeats(self, again: Sequence[Recipe]) -> Candidates:
        recipes = [r for r in list(dict.fromkeys(again))[:_REPEATS] if self.space.contains(r) and self._is_makeable(r)]
        unit = np.array([self.space.encode(r) for r in recipes]).reshape(-1, self.space.dimension)
        return self.scored(recipes, unit, [self.REPEAT] * len(recipes))

    def _kept(self, recipes: list[Recipe], origins: list[str]) -> Candidates:
        """The recipes that are new and makeable."""
        kept, places, whence = [], [], []
        for recipe, origin in zip(recipes, origins, strict=True):
            try:
                unit = self.space.encode(recipe)
            except RecipeOutsideSpace:
                continue
            if (place := _place(unit)) in self.seen:
                continue
            self.seen.add(place)
            if not self._is_makeable(recipe):
                continue
            kept.append(recipe)
            places.append(unit)
            whence.append(origin)
        return self.scored(kept, np.array(places).reshape(-1, self.space.dimension), whence)

    def _is_makeable(self, recipe: Recipe) -> bool:
        answer = True if self.filter is None else self.filter(recipe)
        if isinstance(answer, bool):
            self.objections["the lab cannot make it"] += not answer
            return answer
        self.objections.update(answer)
        return not answer


def _place(unit: Array) -> tuple[float, ...]:
    return tuple(np.round(unit, 9).tolist())
