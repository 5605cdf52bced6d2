"""Explanations in words and rows, for a page or a terminal."""

import numpy as np

from closedloop.recipes import Shape
from closedloop.synthesis.explanation.attention import CAUTION, KINDS, Attention
from closedloop.synthesis.explanation.contributions import Explanation
from closedloop.synthesis.explanation.page import Page
from closedloop.synthesis.explanation.sweep import Sweep


def explanation_page(found: Explanation) -> Page:
    """Every part with its share, the largest first; chances in per cent."""
    factor, unit = (1.0, " nm") if found.unit == "nm" else (100.0, "%")
    rows = [
        (
            one.name,
            one.yours,
            one.instead,
            f"{one.value * factor:+.2f}",
            f"{one.low * factor:+.2f} to {one.high * factor:+.2f}",
        )
        for one in sorted(found.contributions, key=lambda one: -abs(one.value))
    ]
    said, reference = (f"{value * factor:.2f}{unit}" for value in (found.prediction, found.reference))
    method = "exactly" if found.exact else f"by random orders (standard error up to {_error(found) * factor:.2g}{unit})"
    basis = (
        f"Predicted {found.quantity}: {said}. On average {reference} for {found.precedents} precedents, which span the "
        f"{found.candidates} to compare with. The shares add up to the difference; they were computed {method} from "
        f"{found.predicted} predictions."
    )
    honest = "They explain the model, not the chemistry: what always goes together in its data, it cannot tell apart."
    header = ("part", "this recipe", "precedents (at this batch size)", f"share,{unit}", "against single ones")
    return Page(f"Why a {found.quantity} of {said}?", (basis, honest, *found.notes), header, rows)


def sweep_page(found: Sweep) -> Page:
    """The smallest and the largest size of the grid, and how often each shape is the likeliest."""
    axes = [axis for axis in (found.x, found.y) if axis is not None]
    names = " and ".join(axis.name for axis in axes)
    rows = []
    for name, pick in (("smallest", np.argmin), ("largest", np.argmax)):
        i, j = np.unravel_index(int(pick(found.size_nm)), found.size_nm.shape)
        where = [f"{axis.values[place]:.4g} {axis.unit}" for axis, place in zip(axes, (j, i), strict=False)]
        interval = f"{found.low_nm[i, j]:.2f} to {found.high_nm[i, j]:.2f}"
        rows.append((name, f"{found.size_nm[i, j]:.2f}", interval, ", ".join(where)))
    lines = [
        f"{found.size_nm.size} predictions over {names}; all else as in the recipe.",
        "Where the interval is wide this is a guess: no precedent is near, or those that are contradict each other.",
    ]
    if found.likeliest is not None:
        share = np.bincount(found.likeliest.ravel(), minlength=len(Shape)) / found.likeliest.size
        ordered = [i for i in np.argsort(-share) if share[i]]
        lines.append("Likeliest shape: " + ", ".join(f"{list(Shape)[i]} ({share[i]:.0%} of the grid)" for i in ordered))
    return Page(f"{found.recipe.product}: {names}", (*lines, *found.notes), ("size", "nm", "90% interval", names), rows)


def attention_page(found: Attention) -> Page:
    """Every kind of token that occurs, with its share in each layer."""
    layers = range(found.share.shape[1])
    header = ("looks at", *(f"layer {i + 1}" for i in layers), "per token (1: even)", "recipes with it")
    rows = [
        (
            kind,
            *(f"{share:.1%}" for share in found.share[i]),
            ", ".join(f"{value:.2f}" for value in found.per_token[i]),
            str(found.present[i]),
        )
        for i, kind in enumerate(KINDS)
        if found.present[i]
    ]
    said = (
        f"Attention of the token that the answer is read from; mean of all members and heads, {found.recipes} recipes."
    )
    return Page("Where the transformer looks", (said, CAUTION), header, rows)


def _error(found: Explanation) -> float:
    return max((one.sampling_error for one in found.contributions), default=0.0)
