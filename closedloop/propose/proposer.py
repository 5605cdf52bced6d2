"""Target, model and what was tried -> the next recipes. Draws candidates, scores them, and says why it chose them.

Leaves to others: the search space (`space`), the two corrections of the model (`residual`, `success`), the
acquisition function (`acquire`).
"""

import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.propose.errors import NothingToPropose, RecipeOutsideSpace, SearchSpaceError
from closedloop.propose.proposal import Arrays, Proposal, SizeModel
from closedloop.propose.space import SearchSpace
from closedloop.propose.success import corrected_logit
from closedloop.recipes import CauseKind, ClosedloopError, Experiment, Outcome, Recipe, Target

Array = NDArray[np.float64]
Filter = Callable[[Recipe], bool | Sequence[str]]

_log = logging.getLogger(__name__)

# Where candidates come from: all over the space, around the best tried, the model's own designs, and, once those are
# scored, around the best of them. About 2,000 in all.
_SPREAD, _AROUND_TRIED, _DESIGNED, _AROUND_BEST = 1024, 384, 4, 512
_BEST_TRIED, _BEST_SCORED, _SHORTLIST = 6, 16, 256
_STEPS = (0.02, 0.06, 0.18)
_Z90 = 1.6448536269514722


def propose(
    space: SearchSpace,
    target: Target,
    model: SizeModel,
    tried: Sequence[Experiment],
    pending: Sequence[Recipe],
    count: int,
    seed: int,
    *,
    filter: Filter | None = None,
) -> list[Proposal]:
    """``count`` distinct recipes of the space, best first; the same for the same arguments and seed.

    ``tried`` are this campaign's experiments, failures among them; ``pending`` are recipes under way. ``filter`` says
    of a recipe whether the lab can make it, or what it objects to (an empty list: nothing). A chemical failure lowers
    the chance of success nearby, and its size counts if it was measured; an experiment that failed for another cause
    teaches nothing, but is not proposed again.

    Raises `EmptySpaceError` where the target's limits leave nothing of the space, `SearchSpaceError` where the two are
    not about the same product, and `NothingToPropose` where no candidate is new and makeable.
    """
    if count < 1:
        raise NothingToPropose(f"{count} proposals were asked for; ask for at least one")
    if target.product != space.product:
        raise SearchSpaceError(f"the target is {target.product}, the search space makes {space.product}; change one")
    return _Round(space.within(target.limits), target, model, tried, pending, seed, filter).proposals(count)


@dataclass
class _Candidates:
    """Recipes with their places in the cube (n, d) and the model's numbers, success already corrected."""

    recipes: list[Recipe]
    unit: Array
    log_size: Array
    sd: Array
    logit: Array

    def __add__(self, other: "_Candidates") -> "_Candidates":
        return _Candidates(
            self.recipes + other.recipes,
            np.vstack([self.unit, other.unit]),
            np.concatenate([self.log_size, other.log_size]),
            np.concatenate([self.sd, other.sd]),
            np.concatenate([self.logit, other.logit]),
        )


class _Round:
    """One call of `propose`: what is known, once encoded, and the steps to the proposals."""

    def __init__(
        self,
        space: SearchSpace,
        target: Target,
        model: SizeModel,
        tried: Sequence[Experiment],
        pending: Sequence[Recipe],
        seed: int,
        filter: Filter | None,
    ) -> None:
        self.space, self.target, self.model, self.seed, self.filter = space, target, model, seed, filter
        self.rng = np.random.default_rng(seed)
        self.tried: list[Experiment] = []
        tried_unit = []
        self.outside = 0
        for experiment in tried:
            try:
                tried_unit.append(space.encode(experiment.recipe))
                self.tried.append(experiment)
            except RecipeOutsideSpace as error:
                self.outside += 1
                _log.info("experiment %s is not learned from: %s", experiment.id, error)
        self.tried_unit = np.array(tried_unit).reshape(-1, space.dimension)
        self.pending: list[Recipe] = []
        pending_unit = []
        for recipe in pending:
            try:
                pending_unit.append(space.encode(recipe))
                self.pending.append(recipe)
            except RecipeOutsideSpace as error:
                _log.info("a pending recipe is passed over: %s", error)
        self.pending_unit = np.array(pending_unit).reshape(-1, space.dimension)
        self.raw_tried = self._predict([experiment.recipe for experiment in self.tried])
        outcomes = [experiment.outcome for experiment in self.tried]
        self.judged = np.array([outcome.success is not None for outcome in outcomes], dtype=bool)
        self.succeeded = np.array([bool(outcome.success) for outcome in outcomes], dtype=bool)
        self.measured = np.array([_is_measured(outcome) for outcome in outcomes], dtype=bool)
        self.sizes = np.array([outcome.size_nm or math.nan for outcome in outcomes], dtype=np.float64)
        self.usable = self.measured & (self.succeeded | ~self.judged)
        self.seen = {_place(unit) for unit in [*self.tried_unit, *self.pending_unit]}
        self.objections: Counter[str] = Counter()

    def proposals(self, count: int) -> list[Proposal]:
        import torch

        from closedloop.propose import acquire
        from closedloop.propose.residual import Columns, fit, rows

        columns = Columns(self.space.dimension)
        tried = self._scored(self.raw_tried, self.tried_unit, [e.recipe for e in self.tried])
        pending = self._scored(self._predict(self.pending), self.pending_unit, self.pending)
        tried_rows = rows(tried.unit, tried.log_size, tried.sd, tried.logit)
        log_sizes = torch.from_numpy(np.log(self.sizes[self.measured]))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            size_model = fit(columns, tried_rows[torch.from_numpy(self.measured)], log_sizes)
            question = acquire.Question(
                columns=columns,
                size_model=size_model,
                size_nm=self.target.size_nm,
                half_width_nm=self.target.half_width_nm,
                baseline=tried_rows[torch.from_numpy(self.usable)],
                pending=rows(pending.unit, pending.log_size, pending.sd, pending.logit),
                only_failures=bool(self.judged.any() and not self.succeeded.any()),
                seed=self.seed,
            )
            pool = self._candidates(self._first_recipes())
            if pool.recipes:
                value = acquire.values(question, rows(pool.unit, pool.log_size, pool.sd, pool.logit))
                around = pool.unit[np.argsort(-value, kind="stable")[:_BEST_SCORED]]
                pool = pool + self._candidates(self._around(around, _AROUND_BEST))
            if not pool.recipes:
                raise NothingToPropose(self._why_nothing())
            x = rows(pool.unit, pool.log_size, pool.sd, pool.logit)
            shortlist = np.argsort(-acquire.values(question, x), kind="stable")[: max(_SHORTLIST, 4 * count)]
            chosen = [(int(shortlist[i]), value) for i, value in acquire.choose(question, x[shortlist.copy()], count)]
            mean, sd = size_model.moments(x[[index for index, _ in chosen]])
        picked = zip(chosen, mean.tolist(), sd.tolist(), strict=True)
        return [
            self._proposal(pool, index, value, m, s, question.basis, position)
            for position, ((index, value), m, s) in enumerate(picked)
        ]

    def _first_recipes(self) -> list[Recipe]:
        recipes = self.space.sample(_SPREAD, self.seed)
        distance = np.where(self.usable, np.abs(self.sizes - self.target.size_nm), math.inf)
        best = [index for index in np.argsort(distance, kind="stable")[:_BEST_TRIED] if self.usable[index]]
        designed = self._designed(recipes[:_DESIGNED])
        around = [self.tried_unit[index] for index in best] + designed
        if around:
            recipes += self.space.decode_many(np.array(designed).reshape(-1, self.space.dimension))
            recipes += self._around(np.array(around), _AROUND_TRIED)
        return recipes

    def _designed(self, recipes: list[Recipe]) -> list[Array]:
        places = []
        for recipe in recipes:
            try:
                places.append(self.space.encode(self.model.design_amounts(recipe, self.target)))
            except ClosedloopError as error:
                # One source of candidates among four; the others remain.
                _log.info("the model designs no amounts here: %s", error)
        return places

    def _around(self, centres: Array, count: int) -> list[Recipe]:
        """``count`` recipes near the rows of ``centres`` (k, d): steps of three lengths in some of the coordinates."""
        d = self.space.dimension
        start = centres[np.arange(count) % len(centres)]
        length = np.array(_STEPS)[self.rng.integers(len(_STEPS), size=count)]
        moved = self.rng.random((count, d)) < max(0.4, 1 / d)
        moved[np.arange(count), self.rng.integers(d, size=count)] = True
        return self.space.decode_many(start + moved * length[:, None] * self.rng.standard_normal((count, d)))

    def _candidates(self, recipes: list[Recipe]) -> _Candidates:
        """The recipes that are new and makeable, scored; remembers them, so that none comes twice."""
        kept, places = [], []
        for recipe in recipes:
            unit = self.space.encode(recipe)
            if (place := _place(unit)) in self.seen:
                continue
            self.seen.add(place)
            if not self._is_makeable(recipe):
                continue
            kept.append(recipe)
            places.append(unit)
        unit = np.array(places).reshape(-1, self.space.dimension)
        return self._scored(self._predict(kept), unit, kept)

    def _is_makeable(self, recipe: Recipe) -> bool:
        answer = True if self.filter is None else self.filter(recipe)
        if isinstance(answer, bool):
            self.objections["the lab cannot make it"] += not answer
            return answer
        self.objections.update(answer)
        return not answer

    def _predict(self, recipes: list[Recipe]) -> Arrays | None:
        return self.model.predict_arrays(recipes) if recipes else None

    def _scored(self, arrays: Arrays | None, unit: Array, recipes: list[Recipe]) -> _Candidates:
        if arrays is None:
            nothing = np.zeros(0)
            return _Candidates([], unit, nothing, nothing, nothing)
        raw = np.asarray(arrays.success_logit, dtype=np.float64)
        if self.raw_tried is None:
            tried_logit = np.zeros(0)
        else:
            tried_logit = np.asarray(self.raw_tried.success_logit, dtype=np.float64)
        judged = self.judged
        logit = corrected_logit(unit, raw, self.tried_unit[judged], tried_logit[judged], self.succeeded[judged])
        log_size = np.asarray(arrays.log_size_mean, dtype=np.float64)
        return _Candidates(recipes, unit, log_size, np.asarray(arrays.log_size_sd, dtype=np.float64), logit)

    def _proposal(
        self, pool: _Candidates, index: int, value: float, mean: float, sd: float, basis: str, position: int
    ) -> Proposal:
        low, high = self.target.band_nm
        inside = _below(math.log(high), mean, sd) - (_below(math.log(low), mean, sd) if low > 0 else 0.0)
        chance = 1 / (1 + math.exp(-float(pool.logit[index])))
        return Proposal(
            recipe=pool.recipes[index],
            predicted_size_nm=math.exp(mean),
            predicted_interval_nm=(math.exp(mean - _Z90 * sd), math.exp(mean + _Z90 * sd)),
            success_probability=chance,
            chance_of_hit=min(1.0, max(0.0, chance * inside)),
            acquisition_value=value,
            reason=self._reason(basis, math.exp(mean), math.exp(float(pool.log_size[index])), position),
        )

    def _reason(self, basis: str, expected_nm: float, literature_nm: float, position: int) -> str:
        from closedloop.propose.acquire import Basis

        target = self.target.size_nm
        if basis == Basis.BEST_MEASURED:
            best = float(self.sizes[self.usable][np.argmin(np.abs(self.sizes[self.usable] - target))])
            among = f"the best of {int(self.usable.sum())} measured ({best:.2f} nm, {abs(best - target):.2f} nm off)"
            parts = [f"largest expected improvement on {among}"]
        elif basis == Basis.FEASIBILITY:
            parts = ["nothing has succeeded yet: likely to succeed, and to come within the tolerance"]
        else:
            parts = ["nothing measured yet: largest expected closeness within the tolerance, by the model alone"]
        known = int(self.measured.sum())
        if known:
            change = 100 * (expected_nm / literature_nm - 1)
            parts.append(
                f"the model says {literature_nm:.2f} nm, corrected by {change:+.0f}% after {known} results here"
            )
        failures = int((self.judged & ~self.succeeded).sum())
        if failures:
            parts.append(f"kept away from {failures} chemical failure{'s' * (failures > 1)}")
        under_way = len(self.pending) + position
        if under_way:
            parts.append(f"chosen beside {under_way} under way")
        if self.outside:
            parts.append(f"{self.outside} tried outside this space not learned from")
        return "; ".join(parts)

    def _why_nothing(self) -> str:
        if not self.objections.total():
            return "every candidate of the search space was tried or is under way; widen the space"
        common = "; ".join(f"{text} ({times} times)" for text, times in self.objections.most_common(3))
        return f"none of the candidates can be made: {common}; change the search space or the lab"


def _is_measured(outcome: Outcome) -> bool:
    """Whether the size is that of the recipe: not of a run that a blocked syringe or a bad image spoiled."""
    cause = outcome.failure_cause
    return outcome.size_nm is not None and (cause is None or cause.kind is CauseKind.CHEMISTRY)


def _place(unit: Array) -> tuple[float, ...]:
    return tuple(np.round(unit, 9).tolist())


def _below(value: float, mean: float, sd: float) -> float:
    return 0.5 * (1 + math.erf((value - mean) / (sd * math.sqrt(2))))
