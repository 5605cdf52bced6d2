"""Why the model says what it says: shares of a recipe's parts, sweeps, and where the transformer looks."""

from closedloop.synthesis.explanation.attention import CAUTION, KINDS, Attention, attention
from closedloop.synthesis.explanation.contributions import Contribution, Explanation, Quantity, explain
from closedloop.synthesis.explanation.errors import (
    CannotDraw,
    ExplanationError,
    NoPrecedents,
    NothingToExplain,
    UnknownAxis,
)
from closedloop.synthesis.explanation.page import Page, check_place, write
from closedloop.synthesis.explanation.plots import heat_map, sweep_plot, waterfall
from closedloop.synthesis.explanation.sweep import Axis, Sweep, axis, parse_axis, sweep
from closedloop.synthesis.explanation.words import attention_page, explanation_page, sweep_page

__all__ = [
    "CAUTION",
    "KINDS",
    "Attention",
    "Axis",
    "CannotDraw",
    "Contribution",
    "Explanation",
    "ExplanationError",
    "NoPrecedents",
    "NothingToExplain",
    "Page",
    "Quantity",
    "Sweep",
    "UnknownAxis",
    "attention",
    "attention_page",
    "axis",
    "check_place",
    "explain",
    "explanation_page",
    "heat_map",
    "parse_axis",
    "sweep",
    "sweep_page",
    "sweep_plot",
    "waterfall",
    "write",
]
