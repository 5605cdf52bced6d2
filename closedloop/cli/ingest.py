"""``closedloop ingest``: TEM images that a person brings close the experiment that waited for them, and wrong ones are
taken away from it again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closedloop.cli.output import STDERR, print_json
from closedloop.cli.settings import StoreOption, store_url
from closedloop.recipes import ClosedloopError

if TYPE_CHECKING:
    from closedloop.recipes import Outcome
    from closedloop.store import ExperimentRecord, Store


class NothingToIngest(ClosedloopError):
    """Neither an image to bring nor one to take away was named, or not why."""


def ingest(
    experiment: Annotated[str, typer.Option(help="The experiment that the sample belongs to.")],
    images: Annotated[
        list[Path] | None, typer.Argument(help="TEM images of one sample; they join those that it has.")
    ] = None,
    nm_per_px: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="Pixel size, where the images do not say it themselves; kept until another is stated."
        ),
    ] = None,
    own_scale: Annotated[
        bool, typer.Option("--own-scale", help="Give up a pixel size that was stated for these images before.")
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IMAGE",
            help="Take a wrong image away again: its file, its name, or 8 digits of its digest; repeatable.",
        ),
    ] = None,
    why: Annotated[str | None, typer.Option(help="Why it is taken away, kept with the experiment.")] = None,
    store: StoreOption = None,
    json: Annotated[bool, typer.Option("--json", help="The experiment as JSON on standard output.")] = False,
) -> None:
    """Measure hand-taken TEM images with those that an experiment has, and record what they say together."""
    from closedloop.campaign import bring_images, experiment_json
    from closedloop.store import Store

    images, without, why = images or [], without or [], (why or "").strip()
    if not images and not without:
        raise NothingToIngest("no image is named; give the files to bring, or --without IMAGE for one to take away")
    if bool(without) != bool(why):
        raise NothingToIngest("--without IMAGE and --why TEXT go together: the reason is kept; give both, or neither")
    if nm_per_px is not None and not images:
        raise NothingToIngest("--nm-per-px has no use without an image to bring; leave it out, or name the image")
    if own_scale and (nm_per_px is not None or not images):
        raise NothingToIngest(
            "--own-scale needs an image that is named, and goes with no --nm-per-px; give one of them"
        )
    opened = Store.open(store_url(store), create=False)
    record = bring_images(
        opened, experiment, images, nm_per_px=nm_per_px, own_scale=own_scale, without=without, why=why
    )
    _rests_on(opened, experiment)
    brought = opened.outcomes(experiment)[-1]
    say(record, brought)
    if brought != record.outcome:
        _note(brought)
    if json:
        print_json(experiment_json(record))


def _rests_on(store: "Store", experiment: str) -> None:
    """Which images were pooled, each with the digits by which it can be taken away."""
    images = [f"{image.original} ({image.sha256[:8]})" for image in store.image_records(experiment)]
    count = f"{len(images)} image{'s' * (len(images) > 1)}: {', '.join(images)}" if images else "no image any more"
    STDERR.print(f"{experiment} rests on {count}", soft_wrap=True, markup=False)


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
        return "; the images that a person put right hold (closedloop tem correct, closedloop ingest --without)"
    return f"; {method} holds, as the stronger evidence"


def _note(outcome: "Outcome") -> None:
    if outcome.evidence and outcome.evidence.note:
        STDERR.print(f"note: {outcome.evidence.note}", soft_wrap=True, markup=False)
