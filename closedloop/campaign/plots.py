"""The pictures of a campaign's report, as SVG or PNG text that an HTML page can carry inside itself.

Experiments stand at the numbers that their ids have, whichever of them a picture shows.
"""

import base64
import io
from collections.abc import Sequence

import numpy as np

from closedloop.plotting import plain_axes, svg
from closedloop.recipes import Target
from closedloop.store import ExperimentRecord

INK, BAND, HIT, MISS, PREDICTED = "#1b2733", "#cfe8d5", "#1a7f4b", "#2f6db3", "#9aa7b4"


def size_plot(records: Sequence[ExperimentRecord], target: Target) -> str:
    """Measured size against experiment with the target's band; failures stand on the axis, predictions beside."""
    figure, axes = plain_axes(7.2, 3.4)
    low, high = target.band_nm
    axes.axhspan(low, high, color=BAND, label=f"target {target.size_nm:g} ± {target.half_width_nm:g} nm", zorder=0)
    for record in records:
        number = record.number
        predicted = (record.prediction or {}).get("size_nm")
        outcome = record.outcome
        if predicted:
            axes.plot(number, predicted, "_", color=PREDICTED, markersize=11)
        if outcome and outcome.size_nm and outcome.success:
            colour = HIT if target.is_met_by(outcome) else MISS
            axes.errorbar(number, outcome.size_nm, outcome.size_std_nm, fmt="o", color=colour, capsize=2)
        elif not record.state.is_open:
            axes.plot(number, 0.0, "x", color="#b3372f", clip_on=False)
    axes.plot([], [], "o", color=MISS, label="measured (bar: spread of sizes)")
    axes.plot([], [], "_", color=PREDICTED, markersize=11, label="predicted")
    axes.plot([], [], "x", color="#b3372f", label="failed")
    axes.set(xlabel="experiment", ylabel="mean diameter, nm", ylim=(0, None), xlim=_limits(records))
    axes.legend(fontsize=8, frameon=False, ncols=2)
    return svg(figure)


def learning_curve(records: Sequence[ExperimentRecord]) -> str | None:
    """Error of the model's own prediction, made before the experiment, and its running median."""
    known = [
        (record.number, abs(predicted - record.outcome.size_nm) / record.outcome.size_nm * 100)
        for record in records
        if record.outcome
        and record.outcome.success
        and record.outcome.size_nm
        and (predicted := (record.prediction or {}).get("size_nm"))
    ]
    if len(known) < 2:
        return None
    figure, axes = plain_axes(7.2, 2.6)
    numbers, errors = [number for number, _ in known], [error for _, error in known]
    running = [float(np.median(errors[max(0, i - 4) : i + 1])) for i in range(len(errors))]
    axes.plot(numbers, errors, "o", color=MISS, label="each experiment")
    axes.plot(numbers, running, "-", color=INK, label="median of the last five")
    axes.set(xlabel="experiment", ylabel="error of the prediction, %", ylim=(0, None), xlim=_limits(records))
    axes.legend(fontsize=8, frameon=False)
    return svg(figure)


def promise_plot(records: Sequence[ExperimentRecord]) -> str | None:
    """The chance of a hit over the next experiments, as it stood when each batch was chosen, and each recipe's own."""
    stood = [
        (record.number, chances[-1], len(chances))
        for record in records
        if (chances := ((record.prediction or {}).get("outlook") or {}).get("chances"))
    ]
    if not stood:
        return None
    figure, axes = plain_axes(7.2, 2.4)
    numbers = [number for number, _, _ in stood]
    axes.step(
        [*numbers, numbers[-1] + 1],
        [*(100 * p for _, p, _ in stood), 100 * stood[-1][1]],
        where="post",
        color=INK,
        label=f"one of the next {stood[-1][2]} hits",
    )
    own = [
        (record.number, 100 * chance)
        for record in records
        if (chance := (record.prediction or {}).get("chance_of_hit")) is not None
    ]
    axes.plot([number for number, _ in own], [chance for _, chance in own], "o", color=MISS, label="this one hits")
    axes.set(xlabel="experiment", ylabel="chance, %", ylim=(0, 100), xlim=_limits(records))
    axes.legend(fontsize=8, frameon=False)
    return svg(figure)


def _limits(records: Sequence[ExperimentRecord]) -> tuple[float, float]:
    """Of the axis of experiments, which has room for four at least."""
    return 0.3, max([4, *(record.number for record in records)]) + 0.7


def png_uri(image: np.ndarray) -> str:
    """An (H, W, 3) uint8 image as a ``data:`` address."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
