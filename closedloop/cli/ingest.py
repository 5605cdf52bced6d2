"""``closedloop ingest``: TEM images that a person brings close the experiment that waited for them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closedloop.cli.output import STDERR, print_json
from closedloop.cli.settings import StoreOption, store_url

if TYPE_CHECKING:
    from closedloop.recipes import Method, Outcome
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
    from closedloop.recipes import Method
    from closedloop.store import Store

    opened = Store.open(store_url(store), create=False)
    record = bring_images(opened, experiment, images, nm_per_px=nm_per_px)
    say(record, Method.TEM)
    brought = opened.outcomes(experiment)[-1]
    if brought != record.outcome:
        _note(brought)
    if json:
        print_json(experiment_json(record))


def say(record: "ExperimentRecord", brought: "Method") -> None:
    """Where the experiment stands on standard error, and which evidence holds where it is not what was brought."""
    from closedloop.campaign import size_in_words
    from closedloop.recipes import Method

    outcome = record.outcome
    said = outcome and ", ".join(filter(None, (size_in_words(outcome), outcome.failure_cause)))
    evidence = outcome and outcome.evidence
    if not evidence or evidence.method is brought:
        holds = ""
    elif evidence.method is Method.TEM_CORRECTED:
        holds = "; what a person corrected holds (closedloop tem correct)"
    else:
        holds = f"; {evidence.method} holds, as the stronger evidence"
    STDERR.print(f"{record.id} is {record.state}: {said or 'no outcome'}{holds}", soft_wrap=True)
    if outcome:
        _note(outcome)


def _note(outcome: "Outcome") -> None:
    if outcome.evidence and outcome.evidence.note:
        STDERR.print(f"note: {outcome.evidence.note}", soft_wrap=True, markup=False)
