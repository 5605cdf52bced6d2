"""One self-contained HTML page of a dry run: what was held out, the figures of each strategy, and plots."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from closedloop.campaign.dryrun import plots
from closedloop.campaign.dryrun.blind import Blind
from closedloop.campaign.dryrun.merits import LATER, RESAMPLES
from closedloop.campaign.dryrun.study import Study


def page(study: Study, blind: Blind, content: Mapping[str, Any]) -> str:
    """``content`` is what the command prints as JSON."""
    from closedloop import __version__

    environment = Environment(
        loader=PackageLoader("closedloop.campaign.dryrun"), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    drawn = plots.chances(study.runs)
    return environment.get_template("dryrun.html").render(
        content=content,
        rows=[_row(name, one) for name, one in content["strategies"].items()],
        hits=Markup(plots.hits_so_far(blind, study.runs)),
        regret=Markup(plots.regret_so_far(study.runs)),
        chances=Markup(drawn) if drawn else None,
        draws=RESAMPLES,
        later=LATER,
        version=__version__,
    )


def _row(name: str, one: Mapping[str, Any]) -> dict[str, Any]:
    drawn = one["confidence_95"]
    last = max(map(int, one["hits_within"]))
    cells = [
        (_shown(one["median"]), _range(drawn["median"])),
        (f"{one['share_that_hit']:.0%}", ""),
        (_shown(one["acceleration_factor"]), _range(drawn["acceleration_factor"])),
        (
            f"{_shown(one['enhancement_factor'][str(last)])} at {last}",
            _range(drawn[f"enhancement_factor at {last}"]),
        ),
        (f"{_shown(one['hits_within'][str(last)])} in {last}", _range(drawn[f"hits_within at {last}"])),
        (_percent(one["simple_regret"][str(last)]), ""),
        (_shown(one["calibration_error"]), ""),
        (f"{_percent(one['first_error'])} / {_percent(one[f'error_after_{LATER}'])}", ""),
        (f"{one['seconds_per_recommendation']:.3f}", ""),
    ]
    return {"name": name, "cells": cells}


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _range(ends: list[float | None]) -> str:
    low, high = ("no end" if end is None else f"{end:.3g}" for end in ends)
    return f"{low} to {high}"
