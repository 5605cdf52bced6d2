"""When to stop: the campaign's own rules, hits that repeats confirm, and advice with its reason.

Decides from records and an outlook; makes nothing and loads no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from closedloop.campaign.same_recipe import groups
from closedloop.propose import Outlook
from closedloop.recipes import Evidence, Method, Outcome, Target
from closedloop.recipes.fields import Finite, Frozen, Whole
from closedloop.store import ExperimentRecord

# A campaign whose next experiments have less than this chance between them should be looked at by a person.
DOUBTFUL = 0.15
# Fewer results than this say little about what the chemicals cannot do.
_ENOUGH_RESULTS = 6
# A factor of the chance of a hit that no candidate exceeds is what stands in the way.
_IN_THE_WAY = 0.25


class NoHope(Frozen):
    """Give up when the chance that one of the next ``over`` experiments hits is below ``chance_below``."""

    chance_below: Annotated[Finite, Field(gt=0, lt=1)]
    over: Annotated[Whole, Field(ge=1, le=50)] = 8


class StoppingRules(Frozen):
    """``confirmed_by``: repeats that must hit as well before a hit counts."""

    confirmed_by: Annotated[Whole, Field(ge=0, le=10)] = 0
    no_hope: NoHope | None = None


class Action(StrEnum):
    """What a campaign is advised to do next."""

    GO_ON = "go on"
    STOP = "stop"
    WIDEN = "widen the space"
    CHANGE = "change the chemicals"


@dataclass(frozen=True)
class Advice:
    """An action and, in one sentence, why."""

    action: Action
    why: str


@dataclass(frozen=True)
class Tally:
    """How often one recipe was made: ``hits`` and ``misses`` among what is known, and runs still ``open``: those under
    way, and those of which too little is known to tell."""

    first: ExperimentRecord
    hits: int
    misses: int
    open: int


def tallies(records: Sequence[ExperimentRecord], target: Target) -> list[Tally]:
    """One for each recipe that has hit, in the order of the first hits."""
    runs: dict[int, list[ExperimentRecord]] = {}
    for record, number in zip(records, groups([record.recipe for record in records]), strict=True):
        runs.setdefault(number, []).append(record)
    found = []
    for same in runs.values():
        # Equipment and measurements that went wrong say nothing either way.
        measured = {r.id: r.outcome for r in same if r.outcome is not None and _is_measured(r.outcome)}
        # A provisional size decides nothing of what an image showed; where there are no images, it is all there is.
        firm = {id: outcome for id, outcome in measured.items() if not _is_provisional(outcome)}
        deciding = firm or measured
        hits = [r for r in same if r.id in deciding and target.is_met_by(deciding[r.id])]
        if hits:
            misses = sum(target.is_missed_by(outcome) for outcome in deciding.values())
            reached = sum(r.id in measured or r.state.is_open for r in same)
            found.append(Tally(hits[0], len(hits), misses, reached - len(hits) - misses))
    return sorted(found, key=lambda tally: tally.first.number)


def _is_measured(outcome: Outcome) -> bool:
    return outcome.success is False or (outcome.success is True and outcome.size_nm is not None)


def _is_provisional(outcome: Outcome) -> bool:
    """Whether an image may yet say otherwise; what names no method is the lab's own word."""
    return outcome.evidence is not None and outcome.evidence.rank < Evidence(method=Method.TEM).rank


def confirmed(found: Sequence[Tally], rules: StoppingRules) -> list[Tally]:
    """The recipes whose hits enough repeats bear out."""
    return [t for t in found if t.hits > rules.confirmed_by and t.hits > t.misses]


def repeats_due(found: Sequence[Tally], rules: StoppingRules) -> list[Tally]:
    """The recipes to make again, once for each entry; none for one whose repeats missed as often as it hit."""
    due: list[Tally] = []
    for tally in found:
        if tally.misses < tally.hits:
            due += [tally] * max(0, rules.confirmed_by + 1 - tally.hits - tally.open)
    return due


def hopeless(outlook: Outlook, rules: StoppingRules) -> str | None:
    """Why the rule ``no_hope`` ends the campaign, or ``None``."""
    rule = rules.no_hope
    if rule is None or not outlook.chances:
        return None
    chance = outlook.within(rule.over)
    if chance >= rule.chance_below:
        return None
    return (
        f"no hope: the chance that one of the next {rule.over} experiments hits is {100 * chance:.1f}%, "
        f"below the campaign's {100 * rule.chance_below:g}%"
    )


def advise(outlook: Outlook, target: Target, results: int) -> Advice:
    """What to do with a campaign that has not hit yet; ``results`` are the measured experiments behind the outlook."""
    n = len(outlook.chances)
    chance = outlook.within(n)
    said = f"the chance that one of the next {n} experiments hits is {100 * chance:.0f}%"
    if chance >= DOUBTFUL:
        return Advice(Action.GO_ON, said)
    low, high = target.band_nm
    small, large = outlook.reach_nm
    if high < small or low > large:
        where = f"at {'least' if high < small else 'most'} {small if high < small else large:.2g} nm is expected in it"
        ends = f"; widen {' and '.join(outlook.at_limits)}" if outlook.at_limits else ""
        return Advice(Action.WIDEN, f"{said}: the target lies outside of what the space reaches, {where}{ends}")
    factors = {
        "success": outlook.best_success,
        f"the shape {target.shape}": outlook.best_shape_chance,
        "a spread that is small enough": outlook.best_spread_chance,
    }
    worst = min(factors, key=lambda name: factors[name])
    if factors[worst] < _IN_THE_WAY and results >= _ENOUGH_RESULTS:
        why = f"{said}: no recipe of these chemicals has more than a {100 * factors[worst]:.0f}% chance of {worst}"
        return Advice(Action.CHANGE, why)
    if results < _ENOUGH_RESULTS:
        return Advice(Action.GO_ON, f"{said}, by a model that {results} results here have hardly corrected yet")
    if outlook.at_limits:
        ends = " and ".join(outlook.at_limits)
        return Advice(Action.WIDEN, f"{said}: what comes nearest to the target has {ends}")
    return Advice(Action.STOP, f"{said} after {results} results, and nothing in the space looks better")
