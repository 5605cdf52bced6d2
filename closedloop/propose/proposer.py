"""Target, model and what was tried -> the next recipes. Scores candidates and chooses.

Leaves to others: the search space (`space`), where candidates come from (`candidates`), the two corrections of the
model (`residual`, `quality`), the acquisition functions (`acquire`), what is expected of what was chosen
(`expectation`), and why it was (`reasons`).
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from closedloop.propose.candidates import Candidates, Filter, Pool
from closedloop.propose.errors import NothingToPropose, RecipeOutsideSpace, SearchSpaceError
from closedloop.propose.expectation import assessments, outlook
from closedloop.propose.noise import expected_noise, noise_of
from closedloop.propose.proposal import Assessment, Plan, Proposal, SizeModel
from closedloop.propose.quality import Judge, Quality
from closedloop.propose.reasons import Known, motive, reason
from closedloop.propose.space import SearchSpace
from closedloop.propose.usual import Informed
from closedloop.recipes import Experiment, Recipe, Target

if TYPE_CHECKING:
    from torch import Tensor

    from closedloop.propose.acquire import Choice

Array = NDArray[np.float64]

_log = logging.getLogger(__name__)

_BEST_SCORED, _SHORTLIST = 16, 384
# How many experiments the outlook looks ahead to.
HORIZON = 8
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
        self.space, self.target, self.seed = space.within(target.limits), target, seed
        model = self.model = Informed(model, self.space)
        known = [(place, e) for e in tried if (place := self._place(e.recipe, e.id)) is not None]
        self.tried = [e for _, e in known]
        waiting = [(place, r) for r in pending if (place := self._place(r, None)) is not None]
        self.pending = [r for _, r in waiting]
        d = self.space.dimension
        self.tried_unit = np.array([place for place, _ in known]).reshape(-1, d)
        self.pending_unit = np.array([place for place, _ in waiting]).reshape(-1, d)
        outcomes = [e.outcome for e in self.tried]
        arrays = model.predict_arrays([e.recipe for e in self.tried]) if self.tried else None
        self.judge = Judge(target, self.tried_unit, arrays, outcomes)
        self.sizes = np.array([outcome.learnable_size_nm or math.nan for outcome in outcomes], dtype=np.float64)
        self.measured = np.isfinite(self.sizes)
        self.usable = self.measured & (self.judge.succeeded | ~self.judge.judged)
        self.known = Known(
            measured=int(self.measured.sum()),
            failures=int((self.judge.judged & ~self.judge.succeeded).sum()),
            none_succeeded=bool(self.judge.judged.any() and not self.judge.succeeded.any()),
            outside=len(tried) - len(known),
            model_silent=self.model.is_silent,
        )
        self.columns = Columns(d, math.log(target.size_nm))
        measured = [outcome for outcome, told in zip(outcomes, self.measured, strict=True) if told]
        noise = noise_of(measured)
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
                torch.from_numpy(noise),
                expected_noise(noise),
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
        said = self._assessed([found.recipes[i] for i in numbers], x[numbers], quality.at(numbers))
        largest = float(acquire.values(replace(question, pending=x[:0]), x[shortlist]).max())
        proposals = [
            self._proposal(each, c, largest, found, i, len(self.pending) + position)
            for position, (each, c, i) in enumerate(zip(said, chosen, numbers, strict=True))
        ]
        chances = acquire.cumulative(question, x[shortlist], horizon) if horizon else []
        moments = self.size_model.moments(x)
        ahead = outlook(found.unit, self.space.labels, moments, quality, self.target, chances)
        return Plan(proposals=tuple(proposals), outlook=ahead)

    def assess(self, recipes: list[Recipe]) -> list[Assessment]:
        if not recipes:
            return []
        unit = np.array([self.space.encode(recipe) for recipe in recipes])
        scored = Candidates(recipes, unit, [""] * len(recipes), self.model.predict_arrays(recipes))
        x, quality = self._score(scored)
        return self._assessed(recipes, x, quality)

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

    def _assessed(self, recipes: list[Recipe], x: "Tensor", quality: Quality) -> list[Assessment]:
        return assessments(recipes, self.size_model.moments(x), quality, self.target) if recipes else []

    def _proposal(
        self, said: Assessment, choice: "Choice", largest: float, found: Candidates, i: int, under_way: int
    ) -> Proposal:
        """Candidate ``i`` as it was chosen, beside so many under way."""
        origin = found.origins[i]
        why = motive(origin, choice.chance, largest)
        by_model_nm = math.exp(float(np.asarray(found.arrays.log_size_mean)[i])) if found.arrays else math.nan
        return Proposal(
            **dict(said),
            gain=min(1.0, choice.gain),
            motive=why,
            origin=origin,
            acquisition_value=choice.value,
            reason=reason(
                why,
                said,
                choice,
                origin,
                largest=largest,
                by_model_nm=by_model_nm,
                known=self.known,
                under_way=under_way,
            ),
        )
