"""``closedloop ingest``: TEM images that a person brings close the experiment that waited for them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closedloop.cli.output import STDERR, print_json
from closedloop.cli.settings import StoreOption, store_url

if TYPE_CHECKING:
    from closedloop.recipes import Outcome
    from closedloop.store import ExperimentRecord


def ingest(
    images: Annotated[list[Path], typer.Argument(help="TEM images of one sample.")],
    experiment: Annotated[str, typer.Option(help="The experiment that the sample belongs to.")],
    nm_per_px: Annotated[
        float | None, typer.Option(min=0.0, help="Pixel size, where the images do not say it themselves.")
    ] = None,
    store: StoreOption = None,
    json: Annotated[bool, typer.Option("--json", help="The experiment as JSON on standard output.")] = False,
) -> None:
    """Measure TEM images by hand-taken microscopy and record what they say of an experiment."""
    from closedloop.campaign import bring_images, experiment_json
    from closedloop.store import Store

    opened = Store.open(store_url(store), create=False)
    record = bring_images(opened, experiment, images, nm_per_px=nm_per_px)
    brought = opened.outcomes(experiment)[-1]
    say(record, brought)
    if brought != record.outcome:
        _note(brought)
    if json:
        print_json(experiment_json(record))


def say(record: "ExperimentRecord", brought: "Outcome") -> None:
    """Where the experiment stands on standard error, and which outcome holds, and why, where it is not the one that was
    brought."""
    from closedloop.campaign import size_in_words

    outcome = record.outcome
    said = outcome and ", ".join(filter(None, (size_in_words(outcome), outcome.failure_cause)))
    holds = "" if outcome is None or outcome == brought else _why_it_holds(outcome, brought)
    STDERR.print(f"{record.id} is {record.state}: {said or 'no outcome'}{holds}", soft_wrap=True)
    if outcome:
        _note(outcome)


def _why_it_holds(outcome: "Outcome", brought: "Outcome") -> str:
    from closedloop.recipes import Method

    method = outcome.evidence.method if outcome.evidence else None
    if brought.is_spoiled and not outcome.is_spoiled:
        what = method or "what was known before"
        return f"; {what} holds, for what was brought tells nothing of the sample ({brought.failure_cause})"
    if method is Method.TEM_CORRECTED:
        return "; what a person corrected holds (closedloop tem correct)"
    return f"; {method} holds, as the stronger evidence"


def _note(outcome: "Outcome") -> None:
    if outcome.evidence and outcome.evidence.note:
        STDERR.print(f"note: {outcome.evidence.note}", soft_wrap=True, markup=False)
