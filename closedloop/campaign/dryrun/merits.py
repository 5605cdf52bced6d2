"""What the runs of a strategy on one task amount to: experiments to a hit, regret, hits, factors, calibration.

Acceleration and enhancement factor as PV-Lab's Benchmarking defines them (Liang et al., npj Comput. Mater. 2021, 7,
188): how many times fewer experiments than random choice for the same share of hits, and how many times more hits
after the same number of experiments. What random choice needs is `blind`'s to say. Leaves running to others.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.campaign.dryrun.blind import Blind
from closedloop.campaign.dryrun.replay import Run

RESAMPLES = 1000
BINS = 10
# After so many results a second look is taken at how far off the expected values are.
LATER = 5
# Numbers of experiments at which hits, regret and enhancement are told.
CHECKPOINTS = (1, 2, 5, 10, 20, 50, 100)


def median(counts: Sequence[int | None]) -> float | None:
    """The median, a run without a hit counting as endless; ``None`` where that is endless too."""
    if not counts:
        return None
    middle = float(np.median([math.inf if one is None else float(one) for one in counts]))
    return middle if math.isfinite(middle) else None


@dataclass(frozen=True)
class Calibration:
    """``error``: mean gap between stated chance and share that hit over ten equal bins, weighted by how many picks
    are in each; ``bins``: (mean stated chance, share that hit, picks)."""

    error: float | None
    bins: tuple[tuple[float, float, int], ...]
    picks: int


def calibration(runs: Sequence[Run]) -> Calibration:
    """Of every pick whose chance was stated."""
    said = [(step.chance, step.hit) for run in runs for step in run.steps if step.chance is not None]
    if not said:
        return Calibration(None, (), 0)
    chance = np.array([one for one, _ in said])
    hit = np.array([one for _, one in said], dtype=np.float64)
    place = np.minimum((chance * BINS).astype(int), BINS - 1)
    bins = [
        (float(chance[here].mean()), float(hit[here].mean()), int(here.sum()))
        for here in (place == one for one in range(BINS))
        if here.any()
    ]
    error = sum(count * abs(stated - happened) for stated, happened, count in bins) / len(said)
    return Calibration(error, tuple(bins), len(said))


def merits(
    blind: Blind, runs: Sequence[Run], sources: Sequence[str | None] | None = None, seed: int = 0
) -> dict[str, Any]:
    """Every figure as JSON; each in ``confidence_95`` with the middle 95% of draws of sources and seeds, which
    says what other seeds would give on the same task.

    ``sources[i]`` is where the pool's recipe i is from: runs that hit in one source stand or fall together. A run
    without a hit, and without ``sources`` every run, stands for itself.
    """
    counts = [run.experiments_to_hit for run in runs]
    limit = max(len(run.steps) for run in runs)
    places = [n for n in CHECKPOINTS if n <= max(limit, 1)]
    found: dict[str, Any] = {
        "experiments_to_hit": counts,
        "median": median(counts),
        "random_expected_median": blind.median,
        "share_that_hit": sum(count is not None for count in counts) / len(counts),
        "acceleration_factor": _acceleration(blind, runs),
        "enhancement_factor": {str(n): _enhancement(blind, runs, n) for n in places},
        "hits_within": {str(n): float(np.mean([_hits(run, n) for run in runs])) for n in places},
        "simple_regret": {str(n): _regret(runs, n) for n in places},
        "first_error": _error(runs, 0),
        "first_error_of_those_that_got_to_the_later": _error(runs, 0, LATER),
        f"error_after_{LATER}": _error(runs, LATER),
        "seconds_per_recommendation": sum(run.seconds for run in runs) / max(sum(len(r.steps) for r in runs), 1),
    }
    stated = calibration(runs)
    found["calibration_error"] = stated.error
    found["calibration_bins"] = [list(one) for one in stated.bins]
    drawn = _drawn(runs, sources, seed)
    last = places[-1]
    figures: dict[str, Callable[[Sequence[Run]], float | None]] = {
        "median": lambda chosen: median([run.experiments_to_hit for run in chosen]),
        "acceleration_factor": lambda chosen: _acceleration(blind, chosen),
        f"enhancement_factor at {last}": lambda chosen: _enhancement(blind, chosen, last),
        f"hits_within at {last}": lambda chosen: float(np.mean([_hits(run, last) for run in chosen])),
        f"simple_regret at {last}": lambda chosen: _regret(chosen, last),
    }
    found["confidence_95"] = {name: _interval(figure, runs, drawn) for name, figure in figures.items()}
    return found


def _hits(run: Run, tried: int) -> int:
    return sum(step.hit for step in run.steps[:tried])


def _reached(runs: Sequence[Run], tried: int) -> float:
    """Share of the runs that had hit."""
    return float(np.mean([_hits(run, tried) > 0 for run in runs]))


def _acceleration(blind: Blind, runs: Sequence[Run]) -> float | None:
    """Random choice's median over the strategy's; ``None`` where half of the runs never hit."""
    own, by_chance = median([run.experiments_to_hit for run in runs]), blind.median
    return None if own is None or by_chance is None else by_chance / own


def _enhancement(blind: Blind, runs: Sequence[Run], tried: int) -> float | None:
    """Share of runs that hit within so many experiments over random choice's."""
    by_chance = blind.within(tried)
    return None if by_chance is None else _reached(runs, tried) / by_chance


def _regret(runs: Sequence[Run], tried: int) -> float | None:
    """Median over runs of how far, relative to the target, the best of so many results was; a run that had hit has
    nothing more to regret than its hit."""
    best = []
    for run in runs:
        best.append(min((step.regret for step in run.steps[:tried] if step.regret is not None), default=math.inf))
    middle = float(np.median(best))
    return middle if math.isfinite(middle) else None


def _error(runs: Sequence[Run], place: int, reached: int | None = None) -> float | None:
    """Median of |expected / measured - 1| of the pick after ``place`` results, over the runs that got as far as
    ``reached``."""
    errors = [
        abs(step.expected / step.value - 1)
        for run in runs
        if len(run.steps) > max(place, reached or 0)
        and (step := run.steps[place]).expected is not None
        and step.value is not None
    ]
    return float(np.median(errors)) if errors else None


def _drawn(runs: Sequence[Run], sources: Sequence[str | None] | None, seed: int) -> list[NDArray[np.int64]]:
    """Runs drawn with replacement: first groups, each as likely as any other, then as many runs of a group as it has.

    A group is what hit in one source. A run without a hit shares its outcome with none and stands for itself, as every
    run does without ``sources`` (docs/decisions/0130).
    """
    groups: dict[object, list[int]] = {}
    for place, run in enumerate(runs):
        hit = next((step.index for step in run.steps if step.hit), None)
        group = place if sources is None or hit is None else (sources[hit],)
        groups.setdefault(group, []).append(place)
    rng = np.random.default_rng(seed)
    members = np.concatenate([np.array(group, dtype=np.int64) for group in groups.values()])
    size = np.array([len(group) for group in groups.values()])
    start = np.cumsum(size) - size
    drawn = []
    for _ in range(RESAMPLES):
        chosen = rng.integers(len(size), size=len(size))
        within = rng.integers(np.repeat(size[chosen], size[chosen]))
        drawn.append(members[np.repeat(start[chosen], size[chosen]) + within])
    return drawn


def _interval(
    figure: Callable[[Sequence[Run]], float | None], runs: Sequence[Run], drawn: Sequence[NDArray[np.int64]]
) -> list[float | None]:
    """The middle 95%; ``None`` for an end that lies where the figure is endless."""
    values = np.array([math.inf if (value := figure([runs[k] for k in places])) is None else value for places in drawn])
    ends = np.quantile(values, [0.025, 0.975], method="nearest")
    return [float(end) if math.isfinite(end) else None for end in ends]
