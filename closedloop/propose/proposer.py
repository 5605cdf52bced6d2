"""Target, model and what was tried -> the next recipes. Scores candidates, chooses, and says why.

Leaves to others: the search space (`space`), where candidates come from (`candidates`), the two corrections of the
model (`residual`, `quality`), the acquisition functions (`acquire`).
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, ndtr

from closedloop.propose.candidates import Candidates, Filter, Pool
from closedloop.propose.errors import NothingToPropose, RecipeOutsideSpace, SearchSpaceError
from closedloop.propose.proposal import Assessment, Outlook, Plan, Proposal, SizeModel
from closedloop.propose.quality import Judge, Quality
from closedloop.propose.space import SearchSpace
from closedloop.recipes import CauseKind, Experiment, Outcome, Recipe, Target

if TYPE_CHECKING:
    from torch import Tensor

    from closedloop.propose.acquire import Choice

Array = NDArray[np.float64]

_log = logging.getLogger(__name__)

_BEST_SCORED, _SHORTLIST = 16, 384
# How many experiments the outlook looks ahead to.
HORIZON = 8
# A recipe whose chance is at least this share of the largest is chosen for its chance, another for what it teaches.
_NEARLY_BEST = 0.8
# Particles that the next sample is expected to show, where none has been measured yet.
_USUAL_COUNT = 150
_Z90 = 1.6448536269514722
# Of the candidates that come nearest to the target, how many are looked at for values at the end of their ranges.
_NEAREST, _AT_WALL, _MOST = 16, 0.05, 0.5
_NO_CHANCE = 1e-9


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
    precedents: Sequence[Recipe] = (),
) -> list[Proposal]:
    """``count`` distinct recipes of the space, best first; the same for the same arguments and seed.

    ``tried`` are this campaign's experiments, failures among them; ``pending`` are recipes under way. ``filter`` says
    of a recipe whether the lab can make it, or what it objects to (an empty list: nothing). ``precedents`` are
    published recipes whose neighbourhood is worth a look. A chemical failure lowers the chance of success nearby, and
    its size counts if it was measured; an experiment that failed for another cause teaches nothing, but is not proposed
    again. One that worked and missed may be: where its true size is likelier in the band than its neighbours' are.

    Raises `EmptySpaceError` where the target's limits leave nothing of the space, `SearchSpaceError` where the two are
    not about the same product, and `NothingToPropose` where no candidate is new and makeable.
    """
    found = plan(space, target, model, tried, pending, count, seed, filter=filter, precedents=precedents, horizon=0)
    return list(found.proposals)


def plan(
    space: SearchSpace,
    target: Target,
    model: SizeModel,
    tried: Sequence[Experiment],
    pending: Sequence[Recipe],
    count: int,
    seed: int,
    *,
    filter: Filter | None = None,
    precedents: Sequence[Recipe] = (),
    horizon: int = HORIZON,
) -> Plan:
    """As `propose`, with the outlook over the next ``horizon`` experiments; ``count`` 0 asks for the outlook alone."""
    if count < 1 and not horizon:
        raise NothingToPropose(f"{count} proposals were asked for; ask for at least one")
    return _Round(space, target, model, tried, pending, seed).plan(max(count, 0), horizon, filter, precedents)


def assess(
    space: SearchSpace,
    target: Target,
    model: SizeModel,
    tried: Sequence[Experiment],
    recipes: Sequence[Recipe],
    seed: int = 0,
) -> list[Assessment]:
    """What is expected of recipes that someone else chose, by the same model and results as a proposal.

    Raises `RecipeOutsideSpace` for one that the space has no place for; one outside its limits has a place.
    """
    return _Round(space, target, model, tried, [], seed).assess(list(recipes))


class _Round:
    """One look at a campaign: what is known, once encoded, and the model of size that follows from it."""

    def __init__(
        self,
        space: SearchSpace,
        target: Target,
        model: SizeModel,
        tried: Sequence[Experiment],
        pending: Sequence[Recipe],
        seed: int,
    ) -> None:
        import torch

        from closedloop.propose.residual import Columns, fit, rows

        if target.product != space.product:
            raise SearchSpaceError(
                f"the target is {target.product}, the search space makes {space.product}; change one"
            )
        self.space, self.target, self.model, self.seed = space.within(target.limits), target, model, seed
        known = [(place, e) for e in tried if (place := self._place(e.recipe, e.id)) is not None]
        self.tried = [e for _, e in known]
        self.outside = len(tried) - len(known)
        waiting = [(place, r) for r in pending if (place := self._place(r, None)) is not None]
        self.pending = [r for _, r in waiting]
        d = self.space.dimension
        self.tried_unit = np.array([place for place, _ in known]).reshape(-1, d)
        self.pending_unit = np.array([place for place, _ in waiting]).reshape(-1, d)
        outcomes = [e.outcome for e in self.tried]
        arrays = model.predict_arrays([e.recipe for e in self.tried]) if self.tried else None
        self.judge = Judge(target, self.tried_unit, arrays, outcomes)
        self.measured = np.array([_is_measured(outcome) for outcome in outcomes], dtype=bool)
        self.sizes = np.array([outcome.size_nm or math.nan for outcome in outcomes], dtype=np.float64)
        self.usable = self.measured & (self.judge.succeeded | ~self.judge.judged)
        self.columns = Columns(d, math.log(target.size_nm))
        counting = np.array([_counting(outcome) for outcome in outcomes], dtype=np.float64)[self.measured]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if arrays is None:
                x = torch.zeros((0, d + 3), dtype=torch.double)
            else:
                nothing = np.zeros(len(self.tried))
                every = rows(self.tried_unit, np.asarray(arrays.log_size_mean), np.asarray(arrays.log_size_sd), nothing)
                x = every[torch.from_numpy(self.measured)]
            self.size_model = fit(
                self.columns,
                x,
                torch.from_numpy(np.log(self.sizes[self.measured])),
                torch.from_numpy(counting),
                float(np.median(counting)) if len(counting) else _counting(Outcome()),
            )

    def _place(self, recipe: Recipe, name: str | None) -> Array | None:
        try:
            return self.space.encode(recipe)
        except RecipeOutsideSpace as error:
            _log.info("%s is not learned from: %s", f"experiment {name}" if name else "a pending recipe", error)
            return None

    def plan(self, count: int, horizon: int, filter: Filter | None, precedents: Sequence[Recipe]) -> Plan:
        from closedloop.propose import acquire

        distance = np.where(self.usable, np.abs(self.sizes - self.target.size_nm), math.inf)
        best = [int(i) for i in np.argsort(distance, kind="stable") if self.usable[i]]
        pool = Pool(
            self.space, self.target, self.model, self.seed, filter, [*self.tried_unit, *self.pending_unit], precedents
        )
        under_way = {tuple(np.round(unit, 9).tolist()) for unit in self.pending_unit}
        again = [
            self.tried[i].recipe
            for i in best
            if not self.target.is_met_by(self.tried[i].outcome)
            and tuple(np.round(self.tried_unit[i], 9).tolist()) not in under_way
        ]
        waiting = self._score(pool.scored(self.pending, self.pending_unit))
        question = acquire.Question(self.columns, self.size_model, self.target.band_nm, waiting[0], self.seed)
        found = pool.first(self.tried_unit[best], again)
        if len(found):
            x, _ = self._score(found)
            # Where nothing has a chance yet, what comes nearest to the size leads to where something may.
            off = np.abs(self.size_model.moments(x)[0] - math.log(self.target.size_nm))
            value = np.maximum(acquire.values(question, x), _NO_CHANCE)
            found = found + pool.around(found.unit[np.lexsort((off, -value))[:_BEST_SCORED]])
        if not len(found):
            raise NothingToPropose(pool.why_nothing())
        x, quality = self._score(found)
        shortlist = np.argsort(-acquire.values(question, x), kind="stable")[: max(_SHORTLIST, 4 * count)].copy()
        chosen = acquire.choose(question, x[shortlist], count)
        numbers = [int(shortlist[c.index]) for c in chosen]
        said = self._assessments([found.recipes[i] for i in numbers], x[numbers], quality, numbers)
        largest = float(acquire.values(replace(question, pending=x[:0]), x[shortlist]).max())
        proposals = [
            Proposal(
                **dict(each),
                gain=min(1.0, c.gain),
                motive=(motive := _motive(found.origins[i], c.chance, largest)),
                origin=found.origins[i],
                acquisition_value=c.value,
                reason=self._reason(motive, each, c, largest, found, i, position),
            )
            for position, (each, c, i) in enumerate(zip(said, chosen, numbers, strict=True))
        ]
        chances = acquire.cumulative(question, x[shortlist], horizon) if horizon else []
        return Plan(proposals=tuple(proposals), outlook=self._outlook(found, x, quality, chances))

    def assess(self, recipes: list[Recipe]) -> list[Assessment]:
        if not recipes:
            return []
        unit = np.array([self.space.encode(recipe) for recipe in recipes])
        scored = Candidates(recipes, unit, [""] * len(recipes), self.model.predict_arrays(recipes))
        x, quality = self._score(scored)
        return self._assessments(recipes, x, quality, list(range(len(recipes))))

    def _score(self, found: Candidates) -> "tuple[Tensor, Quality]":
        """Input rows (n, d + 3) of candidates, the last column holding the odds of all but the size."""
        import torch

        from closedloop.propose.residual import rows

        if found.arrays is None:
            nothing = np.zeros(0)
            empty = Quality(nothing, nothing, nothing, nothing, nothing)
            return torch.zeros((0, self.columns.d + 3), dtype=torch.double), empty
        quality = self.judge.of(found.unit, found.arrays)
        log_size, sd = np.asarray(found.arrays.log_size_mean), np.asarray(found.arrays.log_size_sd)
        return rows(found.unit, log_size, sd, logit(quality.chance)), quality

    def _assessments(
        self, recipes: list[Recipe], x: "Tensor", quality: Quality, numbers: list[int]
    ) -> list[Assessment]:
        if not recipes:
            return []
        mean, sd = self.size_model.moments(x)
        low, high = self.target.band_nm
        said = []
        for recipe, i, m, s in zip(recipes, numbers, mean.tolist(), sd.tolist(), strict=True):
            inside = _below(math.log(high), m, s) - (_below(math.log(low), m, s) if low > 0 else 0.0)
            spread, spread_sd = float(quality.log_spread[i]), float(quality.log_spread_sd[i])
            success, wide, shape = (
                min(1.0, max(0.0, float(each[i]))) for each in (quality.success, quality.spread, quality.shape)
            )
            said.append(
                Assessment(
                    recipe=recipe,
                    predicted_size_nm=math.exp(m),
                    predicted_interval_nm=(math.exp(m - _Z90 * s), math.exp(m + _Z90 * s)),
                    relative_spread=math.exp(spread),
                    relative_spread_interval=(math.exp(spread - _Z90 * spread_sd), math.exp(spread + _Z90 * spread_sd)),
                    success_probability=success,
                    size_chance=min(1.0, max(0.0, inside)),
                    spread_chance=wide,
                    shape_chance=shape,
                    chance_of_hit=min(1.0, max(0.0, success * wide * shape * inside)),
                )
            )
        return said

    def _outlook(self, found: Candidates, x: "Tensor", quality: Quality, chances: list[float]) -> Outlook:
        mean, sd = self.size_model.moments(x)
        low, high = self.target.band_nm
        first = np.log(low) if low > 0 else -np.inf
        inside = ndtr((np.log(high) - mean) / sd) - ndtr((first - mean) / sd)
        off = np.abs(mean - math.log(self.target.size_nm))
        nearest = found.unit[np.argsort(off, kind="stable")[:_NEAREST]]
        walls = []
        for column, label in enumerate(self.space.labels):
            values = nearest[:, column]
            if np.mean(values > 1 - _AT_WALL) >= _MOST:
                walls.append(f"{label} at the upper end of its range")
            elif np.mean((values < _AT_WALL) & (values > -_AT_WALL)) >= _MOST:
                walls.append(f"{label} at the lower end of its range")
        return Outlook(
            chances=tuple(chances),
            best_size_chance=_share(inside),
            best_success=_share(quality.success),
            best_spread_chance=_share(quality.spread),
            best_shape_chance=_share(quality.shape),
            reach_nm=(float(np.exp(mean.min())), float(np.exp(mean.max()))),
            at_limits=tuple(walls),
        )

    def _reason(
        self, motive: str, said: Assessment, choice: "Choice", largest: float, found: Candidates, i: int, position: int
    ) -> str:
        hit = f"{_percent(said.chance_of_hit)} chance of a hit"
        if motive == "repeat":
            parts = [f"a repeat: its noise matters more than its distance ({hit})"]
        elif motive == "exploitation":
            parts = [f"{hit}, the largest or nearly so"]
        else:
            parts = [f"{hit} (the largest is {_percent(largest)}), made for what it teaches"]
            if choice.gain >= 0.005:
                parts[0] += f": the best chance after it should be {_percent(choice.gain)} higher"
        parts.append(found.origins[i])
        known, count = int(self.measured.sum()), int((self.judge.judged & ~self.judge.succeeded).sum())
        if not known:
            parts.append("nothing measured yet: by the model alone")
        else:
            literature = math.exp(float(np.asarray(found.arrays.log_size_mean)[i])) if found.arrays else math.nan
            change = 100 * (said.predicted_size_nm / literature - 1)
            parts.append(f"the model says {literature:.2f} nm, corrected by {change:+.0f}% after {known} results here")
        if self.judge.judged.any() and not self.judge.succeeded.any():
            parts.append("nothing has succeeded yet")
        if count:
            parts.append(f"kept away from {count} chemical failure{'s' * (count > 1)}")
        under_way = len(self.pending) + position
        if under_way:
            parts.append(f"chosen beside {under_way} under way")
        if self.outside:
            parts.append(f"{self.outside} tried outside this space not learned from")
        return "; ".join(parts)


def _motive(origin: str, chance: float, largest: float) -> str:
    if origin == Pool.REPEAT:
        return "repeat"
    return "exploitation" if chance >= _NEARLY_BEST * largest else "exploration"


def _is_measured(outcome: Outcome) -> bool:
    """Whether the size is that of the recipe: not of a run that a blocked syringe or a bad image spoiled."""
    cause = outcome.failure_cause
    return outcome.size_nm is not None and (cause is None or cause.kind is CauseKind.CHEMISTRY)


def _counting(outcome: Outcome) -> float:
    """Variance of the logarithm of a mean size that rests on so many particles: (spread / √count)²."""
    spread = outcome.relative_spread or 0.12
    return spread**2 / max(1, outcome.particle_count or _USUAL_COUNT)


def _share(values: Array) -> float:
    return float(min(1.0, max(0.0, np.max(values))))


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.1 else f"{100 * share:.1f}%"


def _below(value: float, mean: float, sd: float) -> float:
    return 0.5 * (1 + math.erf((value - mean) / (sd * math.sqrt(2))))
