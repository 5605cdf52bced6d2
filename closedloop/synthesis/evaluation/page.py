"""One self-contained HTML page of an evaluation: the figures of each model, and plots of where they come from."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from closedloop.recipes import Experiment
from closedloop.synthesis.evaluation import plots
from closedloop.synthesis.evaluation.evaluate import Evaluation
from closedloop.synthesis.evaluation.scores import RESAMPLES

_NO_SOURCE = "unknown source"
# Figure -> heading and format; a row of the page's table.
_COLUMNS = (
    ("mae_nm", "MAE, nm", "{:.2f}"),
    ("rmse_nm", "RMSE, nm", "{:.2f}"),
    ("mape_percent", "MAPE, %", "{:.1f}"),
    ("r2", "R²", "{:.3f}"),
    ("coverage_50", "in 50%", "{:.3f}"),
    ("coverage_80", "in 80%", "{:.3f}"),
    ("coverage_90", "in 90%", "{:.3f}"),
    ("width_90_nm", "width of 90%, nm", "{:.2f}"),
    ("shape_accuracy", "shape", "{:.3f}"),
    ("shape_accuracy_given_size", "shape, size given", "{:.3f}"),
    ("success_auc", "success, area under ROC", "{:.3f}"),
)


def page(experiments: Sequence[Experiment], found: Sequence[Evaluation], about: Mapping[str, Any]) -> str:
    """``about`` is what was asked for: data, split, seed, largest size."""
    from closedloop import __version__

    environment = Environment(
        loader=PackageLoader("closedloop.synthesis.evaluation"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
    )
    return environment.get_template("evaluation.html").render(
        about=about,
        headings=[heading for _, heading, _ in _COLUMNS],
        models=[_row(one) for one in found],
        amounts=[(one.model, one.amounts) for one in found if one.amounts],
        compared=Markup(plots.compared(found)) if len(found) > 1 else None,
        coverage=Markup(plots.coverage(found)),
        pictures=[(one.model, [Markup(drawn) for drawn in _pictures(experiments, one)]) for one in found],
        folds=[(one.model, [(fold.n, fold.mae_nm, fold.coverage_90) for fold in one.folds]) for one in found],
        failures=found[0].failures,
        draws=RESAMPLES,
        version=__version__,
    )


def _row(one: Evaluation) -> dict[str, Any]:
    cells = []
    for name, _, form in _COLUMNS:
        value, drawn = getattr(one.overall, name), one.confidence_95.get(name)
        if value is None:
            cells.append(("", ""))
        else:
            cells.append((form.format(value), f"{form.format(drawn[0])} to {form.format(drawn[1])}" if drawn else ""))
    return {"name": one.model, "n": one.overall.n, "cells": cells}


def _pictures(experiments: Sequence[Experiment], one: Evaluation) -> list[str]:
    chosen = [experiments[i] for i in one.tested]
    return plots.of_model(
        one,
        {
            "product": [experiment.recipe.product for experiment in chosen],
            "source": [experiment.source or _NO_SOURCE for experiment in chosen],
        },
    )
