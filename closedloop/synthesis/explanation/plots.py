"""Explanations as figures: shares as a waterfall, attention as a heat map, a sweep as maps or lines."""

from typing import TYPE_CHECKING, Any

import numpy as np

from closedloop.recipes import Shape
from closedloop.synthesis.explanation.attention import KINDS, Attention
from closedloop.synthesis.explanation.contributions import Explanation
from closedloop.synthesis.explanation.sweep import Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MORE, LESS, QUIET, BAND = "#1b2733", "#2f6db3", "#c2571a", "#9aa7b4", "#d3e1f0"
# One for each `Shape`; Paul Tol's bright and medium-contrast schemes, which the colour-blind can tell apart.
SHAPE_COLOURS = (
    *("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377"),
    *("#bbbbbb", "#994455", "#997700", "#6699cc", "#004488"),
)


def waterfall(explanation: Explanation) -> "Figure":
    """From the precedents' mean to the prediction, the largest share first; thin lines span the single precedents."""
    shown = sorted((c for c in explanation.contributions if c.low or c.high), key=lambda c: -abs(c.value))
    figure = _figure(8.2, 1.5 + 0.36 * (len(shown) + 2))
    axes = _axes(figure)
    scale, unit = _scale(explanation)
    at = explanation.reference * scale
    axes.plot(at, 0, "o", color=QUIET)
    labels = [f"mean of {explanation.precedents} precedents"]
    for row, one in enumerate(shown, 1):
        value = one.value * scale
        axes.barh(row, value, left=at, height=0.62, color=MORE if value > 0 else LESS)
        axes.plot([at + one.low * scale, at + one.high * scale], [row, row], color=INK, linewidth=0.7, alpha=0.6)
        axes.plot([at + value] * 2, [row, row + 1], color=QUIET, linewidth=0.6)
        axes.annotate(
            f"{value:+.2f}" if unit == "nm" else f"{value:+.1f}",
            (1.0, row),
            xycoords=("axes fraction", "data"),
            va="center",
            ha="left",
            fontsize=8.5,
            color=INK,
        )
        labels.append(f"{one.name}: {one.yours}")
        at += value
    axes.plot(explanation.prediction * scale, len(shown) + 1, "D", color=INK)
    labels.append(f"this recipe: {explanation.prediction * scale:.3g} {unit}")
    axes.set_yticks(range(len(labels)), labels, fontsize=8.5)
    axes.invert_yaxis()
    axes.set_xlabel(f"predicted {explanation.quantity}, {unit}")
    return figure


def heat_map(attention: Attention) -> "Figure":
    """What CLS looks at, by layer: the share of its attention, and what a single token gets against an even share."""
    rows = np.flatnonzero(attention.present > 0)
    layers = attention.share.shape[1]
    figure = _figure(4.2 + 1.3 * layers, 1.4 + 0.32 * len(rows))
    left, right = figure.subplots(1, 2, sharey=True)
    panels: tuple[tuple[Any, np.ndarray, str, str, str, dict[str, float]], ...] = (
        (left, attention.share[rows] * 100, "Blues", "share of attention, %", "{:.0f}", {"vmin": 0}),
        (right, attention.per_token[rows], "PuOr_r", "per token, 1 = even", "{:.2f}", {"vmin": 0, "vmax": 2}),
    )
    for axes, values, colours, title, form, limits in panels:
        axes.imshow(values, aspect="auto", cmap=colours, **limits)
        for (i, j), value in np.ndenumerate(values):
            dark = abs(value - (1 if "vmax" in limits else 0)) > 0.6 * (1 if "vmax" in limits else values.max())
            axes.text(j, i, form.format(value), ha="center", va="center", fontsize=8, color="white" if dark else INK)
        axes.set_xticks(range(layers), [str(layer + 1) for layer in range(layers)])
        axes.set_xlabel("layer")
        axes.set_title(title, fontsize=9.5)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    left.set_yticks(range(len(rows)), [KINDS[row] for row in rows])
    return figure


def sweep_plot(sweep: Sweep) -> "Figure":
    """Size, how far it is known, and (where the model has learned them) the likeliest shape and the chance of
    success; a star is the recipe itself."""
    return _lines(sweep) if sweep.y is None else _maps(sweep)


def _maps(sweep: Sweep) -> "Figure":
    assert sweep.y is not None
    doubt = 50 * (sweep.high_nm - sweep.low_nm) / sweep.size_nm
    panels = [
        ("size, nm", sweep.size_nm, "viridis"),
        ("doubt: half of the 90% interval, % of the size", doubt, "magma"),
    ]
    if sweep.success is not None:
        panels.append(("chance of success, %", 100 * sweep.success, "cividis"))
    count = len(panels) + (sweep.shapes is not None)
    columns = count if count <= 3 else 2
    lines = -(-count // columns)
    figure = _figure(4.6 * columns, 3.7 * lines)
    grid = figure.subplots(lines, columns, squeeze=False)
    for spare in grid.flat[count:]:
        spare.set_visible(False)
    x, y = np.array(sweep.x.values), np.array(sweep.y.values)
    for axes, (title, values, colours) in zip(grid.flat, panels, strict=False):
        mesh = axes.pcolormesh(x, y, values, cmap=colours, shading="nearest", rasterized=values.size > 2000)
        figure.colorbar(mesh, ax=axes)
        # Contours of a constant would be none, and matplotlib warns of them.
        if title.startswith("size") and np.ptp(values) > 1e-6:
            axes.clabel(axes.contour(x, y, values, 6, colors="white", linewidths=0.7), fontsize=7)
        axes.set_title(title, fontsize=9.5)
    if sweep.likeliest is not None:
        _shape_map(grid.flat[count - 1], sweep, x, y)
    for axes in list(grid.flat)[:count]:
        axes.set(xlabel=sweep.x.label, ylabel=sweep.y.label, xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
        if sweep.x.own is not None and sweep.y.own is not None:
            axes.plot(sweep.x.own, sweep.y.own, "*", color="white", markeredgecolor=INK, markersize=13)
    return figure


def _shape_map(axes: "Axes", sweep: Sweep, x: np.ndarray, y: np.ndarray) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    assert sweep.likeliest is not None
    found = np.unique(sweep.likeliest)
    colours = ListedColormap(list(SHAPE_COLOURS))
    axes.pcolormesh(x, y, sweep.likeliest, cmap=colours, vmin=-0.5, vmax=len(SHAPE_COLOURS) - 0.5, shading="nearest")
    handles = [Patch(color=SHAPE_COLOURS[i], label=str(list(Shape)[i])) for i in found]
    axes.legend(handles=handles, fontsize=7.5, loc="upper right")
    axes.set_title("likeliest shape", fontsize=9.5)


def _lines(sweep: Sweep) -> "Figure":
    chances: list[tuple[str, np.ndarray, str]] = []
    if sweep.success is not None:
        chances.append(("success", sweep.success[0], INK))
    if sweep.shapes is not None:
        likely = np.flatnonzero(sweep.shapes[0].max(0) > 0.05)
        chances += [(str(list(Shape)[i]), sweep.shapes[0, :, i], SHAPE_COLOURS[i]) for i in likely]
    figure = _figure(7.2, 5.4 if chances else 3.2)
    grid = figure.subplots(2 if chances else 1, 1, sharex=True, squeeze=False)[:, 0]
    x = np.array(sweep.x.values)
    grid[0].fill_between(x, sweep.low_nm[0], sweep.high_nm[0], color=BAND, linewidth=0, label="90% interval")
    grid[0].plot(x, sweep.size_nm[0], color=MORE, label="predicted")
    if sweep.x.own is not None and x[0] <= sweep.x.own <= x[-1]:
        grid[0].axvline(sweep.x.own, color=QUIET, linestyle=":", label="this recipe")
    grid[0].set(ylabel="mean diameter, nm", ylim=(0, None))
    grid[0].legend(fontsize=8, frameon=False)
    for name, values, colour in chances:
        grid[1].plot(x, 100 * values, color=colour, label=name)
    if chances:
        grid[1].set(ylabel="chance, %", ylim=(-2, 102))
        grid[1].legend(fontsize=8, frameon=False)
    grid[-1].set_xlabel(sweep.x.label)
    for axes in grid:
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _scale(explanation: Explanation) -> tuple[float, str]:
    """Chances are shown in per cent."""
    return (1.0, explanation.unit) if explanation.unit else (100.0, "%")


def _axes(figure: "Figure") -> "Axes":
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return axes


def _figure(width_in: float, height_in: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained")
