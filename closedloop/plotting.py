"""Figures as SVG text that an HTML page can carry inside itself; belongs to no room."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plain_axes(width_in: float, height_in: float) -> "tuple[Figure, Axes]":
    """A figure of one pair of axes, open at the top and on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def svg(
    figure: "Figure",
    settings: Mapping[str, Any] | None = None,
    dpi: float | None = None,
    creator: str = "closedloop",
) -> str:
    """The ``<svg>`` element, the same for the same figure. ``settings`` of matplotlib hold while it is drawn; ``dpi``
    is for what is a picture inside the drawing; ``creator`` stands in its metadata."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    # A fixed salt: names inside the drawing depend on what is drawn alone.
    with rc_context({"svg.hashsalt": "closedloop"} | dict(settings or {})):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": creator}, dpi=dpi or "figure")
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def standing_alone(svg: str) -> str:
    """The ``<svg>`` element as a file of its own."""
    return f'<?xml version="1.0" encoding="utf-8"?>\n{svg}'
