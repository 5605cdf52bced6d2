"""The pictures of an evaluation, as SVG text that an HTML page can carry inside itself."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from closedloop.plotting import plain_axes, svg
from closedloop.synthesis.evaluation.evaluate import Evaluation
from closedloop.synthesis.evaluation.predicting import LEVELS

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK, DOT, LINE, QUIET = "#1b2733", "#2f6db3", "#b3372f", "#9aa7b4"
# Thousands of circles as vectors would make the page slow; they become a picture inside the drawing.
_DPI = 140
_MOST_GROUPS = 12
_LEAST_IN_GROUP = 3
_BINS = 8


def compared(found: Sequence[Evaluation]) -> str:
    """MAE of each model with its confidence interval, the best on top."""
    ordered = sorted(found, key=lambda one: -one.overall.mae_nm)
    figure, axes = plain_axes(7.2, 0.9 + 0.34 * len(ordered))
    for place, one in enumerate(ordered):
        drawn = one.confidence_95["mae_nm"]
        if drawn:
            axes.plot(drawn, (place, place), "-", color=DOT, linewidth=2.5, solid_capstyle="round")
        axes.plot(one.overall.mae_nm, place, "o", color=INK)
    axes.set(yticks=range(len(ordered)), yticklabels=[one.model for one in ordered], xlabel="MAE, nm", xlim=(0, None))
    return _labelled(figure, "mean absolute error of each model")


def coverage(found: Sequence[Evaluation]) -> str:
    """Share of the true sizes inside the intervals against what they promise."""
    figure, axes = plain_axes(4.6, 4.2)
    axes.plot((0, 1), (0, 1), "--", color=QUIET, label="as promised")
    for one in found:
        axes.plot(LEVELS, list(one.coverage().values()), "o-", markersize=3, linewidth=1.2, label=one.model)
    axes.set(xlabel="nominal coverage", ylabel="share of true sizes inside", xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=7, frameon=False)
    return _labelled(figure, "coverage of intervals")


def predicted_against_true(one: Evaluation) -> str:
    """Both on logarithmic axes."""
    figure, axes = plain_axes(4.2, 3.9)
    true, said = one.scored.true, one.scored.said
    ends = (0.9 * min(true.min(), said.min()), 1.1 * max(true.max(), said.max()))
    axes.plot(ends, ends, "-", color=QUIET, linewidth=1)
    axes.plot(true, said, ".", color=DOT, markersize=4, alpha=0.4, rasterized=True)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, xlabel="true size, nm", ylabel="predicted size, nm")
    for axis in (axes.xaxis, axes.yaxis):
        _ticks(axis, *ends)
    return _labelled(figure, f"predicted against true size, {one.model}")


def residual_by_size(one: Evaluation) -> str:
    """Predicted minus true size against the true size, with the median of eight groups of equal number."""
    figure, axes = plain_axes(4.2, 3.9)
    true, error = one.scored.true, one.scored.said - one.scored.true
    axes.axhline(0, color=QUIET, linewidth=1)
    axes.plot(true, error, ".", color=DOT, markersize=4, alpha=0.4, rasterized=True)
    groups = [group for group in np.array_split(np.argsort(true), min(_BINS, len(true))) if len(group)]
    axes.plot(
        [np.median(true[group]) for group in groups],
        [np.median(error[group]) for group in groups],
        "o-",
        color=LINE,
        markersize=4,
        label="median",
    )
    axes.set(xscale="log", xlabel="true size, nm", ylabel="predicted − true, nm")
    axes.legend(fontsize=8, frameon=False)
    _ticks(axes.xaxis, true.min(), true.max())
    return _labelled(figure, f"residual by size, {one.model}")


def error_by_group(one: Evaluation, names: Sequence[str], what: str) -> str | None:
    """MAE of the groups with most experiments; ``names`` (n,) in the order of `Evaluation.tested`."""
    error = np.abs(one.scored.said - one.scored.true)
    groups: dict[str, list[float]] = {}
    for name, value in zip(names, error.tolist(), strict=True):
        groups.setdefault(name, []).append(value)
    large = sorted(
        ((name, values) for name, values in groups.items() if len(values) >= _LEAST_IN_GROUP),
        key=lambda item: len(item[1]),
    )[-_MOST_GROUPS:]
    if len(large) < 2:
        return None
    large.sort(key=lambda item: float(np.mean(item[1])))
    figure, axes = plain_axes(7.2, 0.9 + 0.28 * len(large))
    means = [float(np.mean(values)) for _, values in large]
    axes.barh(range(len(large)), means, color=DOT, height=0.65)
    axes.axvline(float(error.mean()), color=LINE, linewidth=1, label="all")
    labels = [f"{name[:44]} ({len(values)})" for name, values in large]
    axes.set(yticks=range(len(large)), yticklabels=labels, xlabel="MAE, nm", xlim=(0, None))
    axes.tick_params(axis="y", labelsize=8)
    axes.legend(fontsize=8, frameon=False)
    return _labelled(figure, f"error by {what}, {one.model}")


def of_model(one: Evaluation, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """All pictures of one model; ``groups``: what -> the name of each tested experiment's group."""
    made = [predicted_against_true(one), residual_by_size(one)]
    return made + [drawn for what, names in groups.items() if (drawn := error_by_group(one, names, what))]


def _ticks(axis: "Axis", low: float, high: float) -> None:
    """Plain numbers on a logarithmic axis, where a range of less than a decade would have none."""
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low > 5 else (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
    axis.set_major_locator(FixedLocator([step * 10.0**decade for decade in decades for step in steps]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _labelled(figure: "Figure", label: str) -> str:
    # Names of products are text, never mathematics.
    drawn = svg(figure, {"svg.hashsalt": label, "text.parse_math": False}, dpi=_DPI)
    return drawn.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
