"""One self-contained HTML page of a campaign: the result, the best recipe, the pictures and every experiment."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from closedloop.campaign.campaign import Campaign
from closedloop.campaign.card import outlook_text
from closedloop.campaign.characterise import outlined
from closedloop.campaign.errors import ReportNotWritable
from closedloop.campaign.plots import learning_curve, png_uri, promise_plot, size_plot
from closedloop.campaign.result import latest_outlook, size_in_words
from closedloop.campaign.sheet import sheet_lines, sheet_steps
from closedloop.lab import LabConfig, ProcedureError, stock_volumes_ml
from closedloop.recipes import Method
from closedloop.store import ExperimentRecord, best_outcome
from closedloop.whole_files import write_whole

SUFFIXES = (".html", ".htm")


def check_place(path: Path, needed: Iterable[Path] = ()) -> Path:
    """The report's place as an absolute path. Raises `ReportNotWritable`, so that a run need not end to find out.

    ``needed`` are files that the page must not take the place of: the store, and what the run reads.
    """
    path = path.absolute()
    folder = path.parent
    if path.suffix.lower() not in SUFFIXES:
        raise ReportNotWritable(f"{path}: the report is a web page; give a name that ends with .html with --report")
    try:
        there = path.exists()
        writable = folder.is_dir() and os.access(folder, os.W_OK) and not path.is_dir()
    except OSError as error:
        raise ReportNotWritable(
            f"{path}: the report cannot be written there ({error.strerror}); choose another place with --report"
        ) from error
    if any(os.path.realpath(path) == os.path.realpath(other) or (there and _same(path, other)) for other in needed):
        raise ReportNotWritable(f"{path}: this run reads or keeps that file; choose another place with --report")
    if not writable:
        raise ReportNotWritable(f"{path}: the report cannot be written there; choose another place with --report")
    return path


def _same(one: Path, other: Path) -> bool:
    """One file under two names, such as where case does not count; what cannot be looked at is not the page."""
    return os.path.exists(other) and one.samefile(other)


def write_report(campaign: Campaign, lab: LabConfig | None, stopped_because: str, path: Path) -> Path:
    """Writes the page, whole: a reader never sees half of one."""
    from closedloop import __version__

    records = campaign.experiments()
    best = campaign.best()
    environment = Environment(
        loader=PackageLoader("closedloop.campaign"), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    curve = learning_curve(records)
    page = environment.get_template("report.html").render(
        campaign=campaign.definition,
        target=campaign.definition.target,
        stopped_because=stopped_because,
        hits=campaign.confirmed(),
        outlook=outlook_text(outlook) if (outlook := latest_outlook(campaign)) else None,
        promise=Markup(promise) if (promise := promise_plot(records)) else None,
        best=best,
        best_size=size_in_words(best.outcome) if best and best.outcome else None,
        lines=sheet_lines(best.recipe) if best else [],
        steps=sheet_steps(best.recipe) if best else [],
        volumes=_volumes(best, lab),
        sizes=Markup(size_plot(campaign.made(), campaign.definition.target)),
        curve=Markup(curve) if curve else None,
        image=_best_image(campaign, best),
        records=records,
        remarks=_remarks(campaign, records),
        retrainings=_retrainings(campaign),
        version=__version__,
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        store=campaign.store.url,
    )
    path = check_place(path)
    write_whole(path, page)
    return path


def _retrainings(campaign: Campaign) -> list[dict[str, Any]]:
    """Each retraining with what it was judged on: (what, figure before, figure after)."""
    return [
        {
            "at": score.at,
            "model": score.model_id,
            "runs": score.metrics.get("lab_runs"),
            "promoted": score.metrics.get("promoted"),
            "judged": [
                (what, value, score.metrics[f"{what}, after"])
                for key, value in score.metrics.items()
                if (what := key.removesuffix(", before")) != key
            ],
        }
        for score in campaign.store.scores(campaign.name)
    ]


def _remarks(campaign: Campaign, records: list[ExperimentRecord]) -> dict[str, str]:
    """By experiment: what is to be said of its images (a scale that cannot be read, particles that are hard to tell
    apart), or what a person corrected in them and the size that held before."""
    said = {}
    for record in records:
        evidence = record.outcome.evidence if record.outcome else None
        if evidence is None or evidence.note is None:
            continue
        if evidence.method is not Method.TEM_CORRECTED:
            said[record.id] = evidence.note
            continue
        weaker = [
            outcome
            for outcome in campaign.store.outcomes(record.id)
            if outcome.evidence is None or outcome.evidence.method is not Method.TEM_CORRECTED
        ]
        before = best_outcome(weaker)
        size = f"; {before.size_nm:.2f} nm before" if before and before.size_nm else ""
        said[record.id] = f"corrected by a person ({evidence.note}{size})"
    return said


def _volumes(best: ExperimentRecord | None, lab: LabConfig | None) -> dict[str, float]:
    if best is None or lab is None:
        return {}
    try:
        return stock_volumes_ml(best.recipe, lab)
    except ProcedureError:
        return {}


def _best_image(campaign: Campaign, best: ExperimentRecord | None) -> str | None:
    picture = outlined(campaign.store.image_records(best.id)) if best else None
    return None if picture is None else png_uri(picture)
