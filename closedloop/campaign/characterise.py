"""What was measured of one sample -> its outcome; the same for a virtual microscope and for what a person brings."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from closedloop.campaign.campaign import Campaign
from closedloop.campaign.definition import CampaignDefinition
from closedloop.campaign.errors import NotOfThisCampaign, NotWaiting
from closedloop.campaign.judge import judge, without_chemistry
from closedloop.recipes import Evidence, FailureCause, Method, Outcome
from closedloop.store import ExperimentRecord, ImageRecord, State, Store
from closedloop.store.artefacts import digest_of

FIELDS_THAT_SHOW_NOTHING = 2

if TYPE_CHECKING:
    from closedloop.tem import Measurement


def look(
    images: Sequence[Path],
    definition: CampaignDefinition,
    *,
    at: datetime,
    nm_per_px: float | None = None,
    every: bool = False,
    remarks: Sequence[str] = (),
) -> Outcome:
    """The outcome of a sample from all its images together, each once, by its content; one that is damaged or has no
    readable scale is left out, unless ``every`` image must count: then its error is raised.

    The evidence has what a person should know of an image, such as a file that contradicts the scale that was stated,
    after the ``remarks`` of whoever brought them.
    Where no image has a scale, nothing is known of the sizes, and the outcome says so instead of guessing. One empty
    field of view can be bad luck; two with nothing in any of them mean that nothing formed.
    """
    from closedloop.tem import NoParticles, NotAnImage, UnreadableScale, measure_image

    measurements: list[Measurement] = []
    empty = 0
    images, repeated = _distinct(images)
    said = [*remarks, *repeated]
    for image in images:
        try:
            measurements.append(measure_image(image, nm_per_px=nm_per_px))
        except NoParticles:
            empty += 1
        except (NotAnImage, UnreadableScale) as error:
            if every:
                raise
            said.append(str(error))
    said += [f"{each.name}: {each.note}" for each in measurements if each.note]
    said += [
        f"{each.name}: particles are hard to tell apart, its mean may be off by {each.size_error:.0%}"
        for each in measurements
        if each.in_doubt
    ]
    evidence = Evidence(
        method=Method.TEM,
        files=tuple(image.name for image in images),
        recorded_at=at,
        note="; ".join(said) or None,
    )
    if measurements:
        return judge(pooled(measurements, evidence), definition)
    if empty >= FIELDS_THAT_SHOW_NOTHING:
        return Outcome(success=False, failure_cause=FailureCause.NOTHING_FORMED, particle_count=0, evidence=evidence)
    if empty:
        return without_chemistry(FailureCause.TOO_FEW_PARTICLES, evidence)
    return without_chemistry(FailureCause.UNREADABLE_SCALE if images else FailureCause.NO_IMAGE, evidence)


def pooled(measurements: "Sequence[Measurement]", evidence: Evidence) -> Outcome:
    """All whole particles of all images as one distribution (nm); ``success`` stays open.

    Where the edge cuts all that there are, they are too few for a size.
    """
    from closedloop.tem.measurement import standard_error_nm
    from closedloop.tem.shapes import fractions

    whole = [particle for each in measurements for particle in each.whole]
    if not whole:
        cut = any(each.particles for each in measurements)
        cause = FailureCause.TOO_FEW_PARTICLES if cut else None
        return Outcome(failure_cause=cause, particle_count=0, evidence=evidence)
    diameters = np.array([particle.equivalent_diameter_nm for particle in whole])
    shapes = fractions(particle.shape for particle in whole)
    return Outcome(
        size_nm=float(diameters.mean()),
        size_std_nm=float(diameters.std(ddof=1)) if len(whole) > 1 else None,
        size_error_nm=standard_error_nm(whole),
        particle_count=len(whole),
        shape=next(iter(shapes)),
        shape_fractions=shapes,
        evidence=evidence,
    )


def _distinct(images: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Each image once, by its content, and what to say of those that are left out.

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
    return list(first.values()), said


def bring_images(
    store: Store,
    experiment_id: str,
    images: Sequence[Path],
    *,
    nm_per_px: float | None = None,
) -> ExperimentRecord:
    """Measures images that a person took and closes the experiment that waited for them.

    For an experiment that is over the new images supersede what was known before, but not what a person corrected.
    Nothing is kept of images that cannot be measured: their error comes first. One that another experiment has already
    is measured all the same, since nobody but the lab knows whose it is; the evidence says so.
    """
    record = require_sample(store, experiment_id)
    campaign = Campaign.reopen(record.campaign, store)
    remarks = _of_other_samples(store, record.id, images)
    outcome = look(images, campaign.definition, at=store.now(), nm_per_px=nm_per_px, every=True, remarks=remarks)
    for image in images:
        store.add_image(experiment_id, image, nm_per_px)
    return campaign.settle(experiment_id, outcome)


def _of_other_samples(store: Store, experiment_id: str, images: Sequence[Path]) -> list[str]:
    """What to say of images that another experiment had first."""
    owners = {image: [each for each in store.owners(image) if each != experiment_id] for image in images}
    return [
        f"{image}: is an image of {others[-1]} too, and one image shows one sample; bring its own to the wrong one"
        for image, others in owners.items()
        if others
    ]


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
