"""The pictures of a dry run, as SVG text that an HTML page can carry inside itself."""

from collections.abc import Mapping, Sequence

import numpy as np

from closedloop.campaign.dryrun.blind import Blind
from closedloop.campaign.dryrun.merits import calibration
from closedloop.campaign.dryrun.replay import Run
from closedloop.campaign.plots import INK, PREDICTED
from closedloop.plotting import plain_axes, svg

_COLOURS = ("#2f6db3", "#b3372f", "#1a7f4b", "#c98a1b", "#7a4fa3", "#3aa6a6", "#6b6b6b")


def hits_so_far(blind: Blind, runs: Mapping[str, Sequence[Run]]) -> str:
    """Share of campaigns that had hit after each experiment; and what blind choice would have, where that is known."""
    figure, axes = plain_axes(7.2, 3.6)
    longest = max(len(run.steps) for own in runs.values() for run in own)
    tried = np.arange(1, longest + 1)
    by_chance = [known for n in tried.tolist() if (known := blind.within(n)) is not None]
    if by_chance:
        axes.plot(tried, by_chance, "--", color=PREDICTED, label="blind choice")
    for colour, (name, own) in zip(_COLOURS, runs.items(), strict=False):
        counts = [run.experiments_to_hit for run in own]
        share = [np.mean([count is not None and count <= n for count in counts]) for n in tried.tolist()]
        axes.step(tried, share, where="post", color=colour, label=name)
    axes.set(xlabel="experiments", ylabel="share of campaigns that hit", ylim=(0, 1.02), xlim=(1, max(longest, 2)))
    axes.legend(fontsize=8, frameon=False)
    return svg(figure)


def regret_so_far(runs: Mapping[str, Sequence[Run]]) -> str:
    """Median over campaigns of the relative distance of the best result so far to the target."""
    figure, axes = plain_axes(7.2, 3.0)
    for colour, (name, own) in zip(_COLOURS, runs.items(), strict=False):
        longest = max(len(run.steps) for run in own)
        best = np.array([_best(run, longest) for run in own])
        axes.plot(np.arange(1, longest + 1), 100 * np.median(best, axis=0), color=colour, label=name)
    axes.set(xlabel="experiments", ylabel="best so far, % off the target", ylim=(0, None))
    axes.legend(fontsize=8, frameon=False)
    return svg(figure)


def chances(runs: Mapping[str, Sequence[Run]]) -> str | None:
    """Stated chance of a hit against the share that hit; ``None`` where no strategy stated one."""
    told = {name: calibration(own) for name, own in runs.items()}
    told = {name: one for name, one in told.items() if one.bins}
    if not told:
        return None
    figure, axes = plain_axes(4.6, 4.2)
    axes.plot((0, 1), (0, 1), "--", color=PREDICTED, label="as stated")
    for colour, name in zip(_COLOURS, runs, strict=False):
        if name in told:
            stated, happened, counts = (np.array(column) for column in zip(*told[name].bins, strict=True))
            axes.plot(stated, happened, "-", color=colour, linewidth=1, label=name)
            axes.scatter(stated, happened, s=8 + 60 * counts / counts.max(), color=colour)
    axes.set(xlabel="stated chance of a hit", ylabel="share that hit", xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=8, frameon=False, labelcolor=INK)
    return svg(figure)


def _best(run: Run, length: int) -> list[float]:
    """Regret after each experiment; after the run's end what it had then, before any result the whole target."""
    values = np.minimum.accumulate([1.0 if one.regret is None else min(one.regret, 1.0) for one in run.steps])
    return [float(values[min(place, len(values) - 1)]) for place in range(length)]
