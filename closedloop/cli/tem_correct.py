"""``closedloop tem correct``: particles that a person removed, merged, split or redrew in an editor come back in."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closedloop.cli.output import STDERR, print_json
from closedloop.cli.settings import StoreOption, store_url
from closedloop.recipes import ClosedloopError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from closedloop.store import ExperimentRecord, Store
    from closedloop.tem import Measurement, UnreadableScale
    from closedloop.tem.reading import Picture


class OptionWithoutUse(ClosedloopError):
    """An option was given that only counts together with another one."""


def correct(
    image: Annotated[Path, typer.Argument(help="The image that was corrected, as it was.")],
    masks: Annotated[
        Path,
        typer.Option(help="The corrected particles: a label image (.tif, .png), colours, or ImageJ's .roi or .zip."),
    ],
    experiment: Annotated[
        str | None, typer.Option(help="The experiment whose outcome the corrected particles shall decide.")
    ] = None,
    keep_for_training: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Add image and particles to this folder, for `tem train --finetune`."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="Where the image is from, for training; left out: the experiment, or the image's folder."),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(help="The label image that the person began with; left out: what the segmenter finds now."),
    ] = None,
    split_pieces: Annotated[
        bool, typer.Option("--split-pieces", help="Count each connected piece of a label as a particle.")
    ] = False,
    nm_per_px: Annotated[float | None, typer.Option(help="Pixel size in nm; overrules the image's own.")] = None,
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """Say what a person changed, derive the sizes again, and let them supersede what the segmenter had found."""
    from closedloop.tem.correction import changes_between, measure_labels, read_correction
    from closedloop.tem.names import in_words
    from closedloop.tem.pixel_size import check_stated_size
    from closedloop.tem.reading import read_picture
    from closedloop.tem.training_folder import add_to_training, check_training_folder

    if store is not None and experiment is None:
        raise OptionWithoutUse("--store has no use without --experiment, which says whose outcome to correct; add it")
    if source is not None and keep_for_training is None:
        raise OptionWithoutUse("--source has no use without --keep-for-training, the folder to learn from; add it")
    if nm_per_px is not None:
        check_stated_size(nm_per_px)
    opened = _store(store, experiment)
    scale = nm_per_px
    if opened is not None and experiment is not None:
        stated = _stated_scale(opened, experiment, image)
        scale = stated if scale is None else scale
    if keep_for_training is not None:
        check_training_folder(keep_for_training)
    picture = read_picture(image)
    grey = picture.grey
    read = read_correction(masks, (grey.shape[0], grey.shape[1]), split_pieces=split_pieces, picture=picture)
    notes = list(read.notes)
    begun = _begun_with(before, image, picture, scale)
    changes = changes_between(begun.labels, read.labels)

    record: ExperimentRecord | None = None
    new: Measurement | None = None
    if opened is not None and experiment is not None:
        from closedloop.campaign import correct_image

        corrected = correct_image(opened, experiment, image, read.labels, changes, nm_per_px=nm_per_px)
        record, new = corrected.record, corrected.measurement
    elif begun.doubt is None:
        new = measure_labels(image, read.labels, scale)
    elif keep_for_training is None:
        raise begun.doubt
    else:
        notes.append(f"no sizes, for the scale is not known: {begun.doubt}")
    old = begun.measured
    kept = None
    if keep_for_training is not None:
        origin = source or experiment or image.absolute().parent.name
        kept = add_to_training(keep_for_training, image, grey, read.labels, origin, str(changes))

    for note in notes:
        STDERR.print(f"note: {note}", soft_wrap=True, markup=False)
    if as_json:
        content: dict[str, Any] = {
            "image": in_words(image),
            "changes": changes.counts(),
            "notes": notes,
            "before": None if old is None else old.to_json()["summary"],
            "after": None if new is None else new.to_json(),
            "kept_for_training": None if kept is None else in_words(kept),
        }
        if record is not None:
            from closedloop.campaign import experiment_json

            content["experiment"] = experiment_json(record)
        print_json(content)
        return
    typer.echo(f"changes: {changes} ({changes.counts()['kept']} as they were)")
    typer.echo(f"before: {_sizes(old)}")
    typer.echo(f"after: {_sizes(new)}")
    if record is not None:
        typer.echo(_holds(record))
    if kept is not None:
        typer.echo(f"kept for training: {in_words(kept)}")


def _store(url: str | None, experiment: str | None) -> "Store | None":
    if experiment is None:
        return None
    from closedloop.store import Store

    return Store.open(store_url(url), create=False)


def _stated_scale(store: "Store", experiment: str, image: Path) -> float | None:
    """As a person stated it before; raises where the image is none of the experiment's."""
    from closedloop.campaign import find_picture

    return find_picture(store, experiment, image).nm_per_px


@dataclass(frozen=True)
class _Begun:
    """What the person began with: labels (H, W), measured where that was done, and a doubt about the scale."""

    labels: "NDArray[np.int32]"
    measured: "Measurement | None" = None
    doubt: "UnreadableScale | None" = None


def _begun_with(before: Path | None, image: Path, picture: "Picture", nm_per_px: float | None) -> _Begun:
    """The file that the person names, or else what `tem measure` finds."""
    import numpy as np

    from closedloop.tem import NoParticles, Segmenter, UnreadableScale, measure_image
    from closedloop.tem.correction import fitting_map, measure_labels

    grey = picture.grey
    named = None if before is None else fitting_map(before, (grey.shape[0], grey.shape[1]), picture).labels
    try:
        found = measure_image(image, nm_per_px) if named is None else measure_labels(image, named, nm_per_px)
        return _Begun(found.labels, found)
    except NoParticles:
        return _Begun(np.zeros(grey.shape, np.int32))
    except UnreadableScale as doubt:
        return _Begun(Segmenter.load().segment(grey) if named is None else named, doubt=doubt)


def _sizes(found: "Measurement | None") -> str:
    from closedloop.cli.tem_measure import sizes_in_words

    return "unknown" if found is None else sizes_in_words(found)


def _holds(record: "ExperimentRecord") -> str:
    """What the experiment's images say together now."""
    outcome = record.outcome
    if outcome is None:
        return f"{record.id}: no outcome"
    if outcome.size_nm is None or outcome.failure_cause is not None:
        return f"{record.id}: {outcome.failure_cause}"
    spread = "" if outcome.size_std_nm is None else f" ± {outcome.size_std_nm:.2f}"
    return f"{record.id}: {outcome.size_nm:.2f}{spread} nm from {outcome.particle_count} particles of all its images"
