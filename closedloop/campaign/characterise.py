"""What a person brings of a sample, images and sizes, and takes away again -> a new outcome of its experiment.

How images make an outcome is left to `closedloop.campaign.sample`.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from closedloop.campaign.campaign import Campaign, moves_after
from closedloop.campaign.errors import NotOfThisCampaign, NotWaiting
from closedloop.campaign.sample import conclude, fields_of, taken_away
from closedloop.recipes import FailureCause, Outcome
from closedloop.store import ExperimentRecord, ImageRecord, State, Store, UnknownImage
from closedloop.store.artefacts import digest_of


def _distinct(images: Sequence[Path]) -> tuple[dict[str, Path], list[str]]:
    """Each image once, by its digest, and what to say of those that are left out.

    Raises `ArtefactError` for a file that cannot be read.
    """
    first: dict[str, Path] = {}
    said = []
    for image in images:
        digest = digest_of(image)
        if digest in first:
            what = "is given twice" if image == first[digest] else f"is the same image as {first[digest]}"
            said.append(f"{image}: {what} and counts once")
        else:
            first[digest] = image
    return first, said


def bring_images(
    store: Store,
    experiment_id: str,
    images: Sequence[Path],
    *,
    nm_per_px: float | None = None,
    own_scale: bool = False,
    without: Sequence[str] = (),
    why: str = "no reason given",
) -> ExperimentRecord:
    """Measures images that a person took, together with those that the experiment has, and closes one that waited.

    Each image counts with its own last correction and with the scale that was stated for it last; ``own_scale`` lets
    those that are brought speak for themselves again, and goes with no ``nm_per_px``. ``without`` names images
    (`Store.named_image`) that the experiment shall no longer rest on, and ``why``; they are kept, and count again when
    they are brought again. The new outcome supersedes all that images said before.
    Nothing is kept of images that cannot be measured: their error comes first. One that another experiment has already
    is measured all the same, since nobody but the lab knows whose it is; the evidence says so.

    Raises `UnknownExperiment`, `NotWaiting`, `UnknownImage`, `ArtefactError`, and what `closedloop.tem.measure_image`
    raises.
    """
    record = require_sample(store, experiment_id)
    campaign = Campaign.reopen(record.campaign, store)
    brought, repeated = _distinct(images)
    away = {image.sha256: image for image in (store.named_image(record.id, name) for name in without)}
    for digest in brought.keys() & away.keys():
        raise UnknownImage(f"{brought[digest]}: is to be brought and taken away at once; name it as one of the two")
    rests_on, kept_scales = _with_brought(store, record.id, brought, nm_per_px, own_scale)
    fields = [
        replace(field, required=image.sha256 in brought)
        for field, image in zip(fields_of(rests_on), rests_on, strict=True)
        if image.sha256 not in away
    ]
    remarks = [
        *_of_other_samples(store, record.id, brought),
        *repeated,
        *kept_scales,
        *(said for digest, said in taken_away(store, record.id) if digest not in brought),
        *(f"{image.original}: taken away ({why})" for image in away.values()),
    ]
    corrected = bool(away) or store.is_corrected(record.id)
    outcome = conclude(fields, campaign.definition, at=store.now(), corrected=corrected, remarks=remarks)
    scales = {image.sha256: image.nm_per_px for image in rests_on}
    for digest, image in brought.items():
        store.add_image(record.id, image, scales[digest])
    if not away:
        return campaign.settle(record.id, outcome)
    # One that awaits its images and has lost them all goes on waiting.
    moves = moves_after(record.state, outcome) if fields else []
    store.take_away(record.id, list(away), why, outcome, moves)
    return store.experiment(record.id)


def _with_brought(
    store: Store, experiment_id: str, brought: dict[str, Path], nm_per_px: float | None, own_scale: bool
) -> tuple[list[ImageRecord], list[str]]:
    """The images that count, those that are brought now (by digest) among them, as they would stand in the store; and
    what to say of the scales that they keep from before."""
    said = []
    counting = {image.sha256: image for image in store.image_records(experiment_id)}
    known = counting | {image.sha256: image for image, _ in store.images_taken_away(experiment_id)}
    for digest, path in brought.items():
        if digest in known:
            stated = nm_per_px
            if nm_per_px is None and not own_scale and (before := known[digest].nm_per_px) is not None:
                said.append(f"{path}: keeps the {before:g} nm per pixel that were stated for it before")
                stated = before
            counting[digest] = known[digest].model_copy(update={"path": path, "nm_per_px": stated})
        else:
            counting[digest] = ImageRecord(
                path=path,
                sha256=digest,
                original=path.name,
                nm_per_px=nm_per_px,
                correction=None,
                added_at=store.now(),
            )
    return list(counting.values()), said


def _of_other_samples(store: Store, experiment_id: str, brought: dict[str, Path]) -> list[str]:
    """What to say of images, by digest, that another experiment had first."""
    said = []
    for digest, image in brought.items():
        if others := [each for each in store.owners(image) if each != experiment_id]:
            said.append(
                f"{image}: is an image of {others[-1]} too, and one image shows one sample; take it away from the "
                f'wrong one: closedloop ingest --without {digest[:12]} --why "…" --experiment {others[-1]} '
                f"(or {experiment_id})"
            )
    return said


def bring_size(store: Store, experiment_id: str, outcome: Outcome, *, product: str | None = None) -> ExperimentRecord:
    """Records a size that was measured without images and closes the experiment that waited: a provisional one, which
    any TEM result supersedes. ``product`` is what the sample was taken for, where the size rests on that.

    Raises `NotWaiting`, and `NotOfThisCampaign` for another product than the experiment's.
    """
    record = require_sample(store, experiment_id)
    if product is not None and product != record.recipe.product:
        raise NotOfThisCampaign(
            f"{record.id} makes {record.recipe.product}, and the size is one of {product}; name the right one"
        )
    return Campaign.reopen(record.campaign, store).settle(experiment_id, outcome)


def require_sample(store: Store, experiment_id: str) -> ExperimentRecord:
    """The experiment, once it has been made. Raises `UnknownExperiment`, `NotWaiting`.

    What went wrong without ever running here, but was not given up, a lab made that drives its own hardware.
    """
    record = store.experiment(experiment_id)
    if record.state.is_open and record.state is not State.AWAITING_CHARACTERISATION:
        raise NotWaiting(f"{record.id} is {record.state}, so it has no sample yet; let `closedloop run` make it first")
    given_up = any(outcome.failure_cause is FailureCause.ABANDONED for outcome in store.outcomes(record.id))
    if given_up and not store.was_begun(record.id):
        raise NotWaiting(
            f"{record.id} was never made ({record.note}), so it has no sample; name the experiment that was"
        )
    return record


def outlined(images: Sequence[ImageRecord]) -> np.ndarray | None:
    """The first image that shows particles, with their outlines, as a person corrected them or else as found, (H, W, 3)
    uint8; ``None`` where none does: empty fields and damaged files are passed over."""
    from closedloop.tem import NoParticles, NotAnImage
    from closedloop.tem.instance_maps import NotAnInstanceMap

    for image in images:
        with suppress(NoParticles, NotAnImage, NotAnInstanceMap):
            return _outlined(image)
    return None


def _outlined(image: ImageRecord) -> np.ndarray:
    from closedloop.tem import UnreadableScale, measure_image, overlay
    from closedloop.tem.instance_maps import read_instance_map
    from closedloop.tem.reading import read_picture

    if image.correction is not None:
        return overlay(read_picture(image.path).grey, read_instance_map(image.correction.labels).labels)
    try:
        measured = measure_image(image.path, image.nm_per_px)
    except UnreadableScale:
        # Outlines need none; the person who brought the image may have said it to an earlier version.
        measured = measure_image(image.path, nm_per_px=1.0)
    return overlay(measured.grey, measured.labels)
