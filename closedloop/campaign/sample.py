"""The images of a sample -> its outcome: one rule for those that a microscope takes and that a person brings, corrects
or takes away (docs/decisions/0114-what-an-outcome-rests-on.md).

Which images an experiment has is the store's to know, and what follows from an outcome is left to the campaign.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from closedloop.campaign.definition import CampaignDefinition
from closedloop.campaign.judge import judge, without_chemistry
from closedloop.recipes import Evidence, FailureCause, Method, Outcome
from closedloop.store import ImageRecord, Store

if TYPE_CHECKING:
    from closedloop.tem import Measurement

FIELDS_THAT_SHOW_NOTHING = 2
# The specimen's greys (their middle 99%) must take up this share of the picture's, or what it shows may have drowned.
_CLEAR_SHARE = 0.03


@dataclass(frozen=True)
class Field:
    """One image of a sample under the name that a person knows it by, with what they stated of its scale (nm) and drew
    of its particles (a label image).

    ``measured`` where that was done already, ``how`` is what to say of the drawing then. The error of one that is
    ``required`` is raised; any other is left out where it cannot be measured.
    """

    path: Path
    name: str
    nm_per_px: float | None = None
    labels: Path | None = None
    measured: "Measurement | None" = None
    how: str | None = None
    required: bool = False


def fields_of(images: Sequence[ImageRecord]) -> list[Field]:
    """As the store has them; images of one name are told apart by their digests."""
    named = Counter(image.original for image in images)
    return [
        Field(
            path=image.path,
            name=image.original if named[image.original] == 1 else f"{image.original} ({image.sha256[:8]})",
            nm_per_px=image.nm_per_px,
            labels=image.correction.labels if image.correction else None,
        )
        for image in images
    ]


def taken_away(store: Store, experiment_id: str) -> list[tuple[str, str]]:
    """The digests of images that no longer count, each with what the evidence says of it."""
    away = store.images_taken_away(experiment_id)
    return [(image.sha256, f"{image.original}: taken away ({why})") for image, why in away]


def outcome_of_images(store: Store, experiment_id: str, definition: CampaignDefinition) -> Outcome:
    """The outcome of an experiment from all of its images that count, each with its own last correction."""
    return conclude(
        fields_of(store.image_records(experiment_id)),
        definition,
        at=store.now(),
        corrected=store.is_corrected(experiment_id),
        remarks=[said for _, said in taken_away(store, experiment_id)],
    )


def conclude(
    fields: Sequence[Field],
    definition: CampaignDefinition,
    *,
    at: datetime,
    corrected: bool = False,
    remarks: Sequence[str] = (),
) -> Outcome:
    """The outcome of a sample from all its images together; one that is damaged or has no readable scale is left out.

    Once a person has ``corrected`` anything, what follows is evidence of that rank, and says how each image counts. The
    evidence has what a person should know of an image, such as a file that contradicts the scale that was stated, after
    the ``remarks`` of whoever brought them.
    Where no image has a scale, nothing is known of the sizes, and the outcome says so instead of guessing. One empty
    field of view can be bad luck; two with nothing in any of them mean that nothing formed. Pictures of one grey,
    or whose greys are crowded into a sliver of their range, do not show that.
    """
    from closedloop.tem import NoParticles, NotAnImage, UnreadableScale
    from closedloop.tem.instance_maps import NotAnInstanceMap

    measurements: list[Measurement] = []
    empty = clear = 0
    said = list(remarks)
    for field in fields:
        try:
            found = field.measured or _measured(field)
        except NoParticles as error:
            empty += 1
            clear += _is_clear(field.path)
            said.append(_left_out(field, error))
        except (NotAnImage, NotAnInstanceMap, UnreadableScale) as error:
            if field.required:
                raise
            said.append(_left_out(field, error))
        else:
            measurements.append(found)
            said += _remarks(field, found, corrected)
    evidence = Evidence(
        method=Method.TEM_CORRECTED if corrected else Method.TEM,
        files=tuple(field.name for field in fields),
        recorded_at=at,
        note="; ".join(said) or None,
    )
    if measurements:
        return judge(pooled(measurements, evidence), definition)
    if clear >= FIELDS_THAT_SHOW_NOTHING:
        return Outcome(success=False, failure_cause=FailureCause.NOTHING_FORMED, particle_count=0, evidence=evidence)
    if empty:
        return without_chemistry(FailureCause.TOO_FEW_PARTICLES, evidence)
    return without_chemistry(FailureCause.UNREADABLE_SCALE if fields else FailureCause.NO_IMAGE, evidence)


def _measured(field: Field) -> "Measurement":
    from closedloop.tem import measure_image
    from closedloop.tem.correction import measure_labels
    from closedloop.tem.instance_maps import read_instance_map

    if field.labels is None:
        return measure_image(field.path, field.nm_per_px)
    return measure_labels(field.path, read_instance_map(field.labels).labels, field.nm_per_px)


def _is_clear(image: Path) -> bool:
    """Whether a picture without particles shows that there are none."""
    from closedloop.tem.reading import read_picture

    grey = read_picture(image).grey
    low, high = np.percentile(grey, (0.5, 99.5))
    return bool(high - low > _CLEAR_SHARE * (grey.max() - grey.min()))


def _left_out(field: Field, error: Exception) -> str:
    return f"{field.name}: left out ({str(error).removeprefix(f'{field.path}: ')})"


def _remarks(field: Field, found: "Measurement", corrected: bool) -> list[str]:
    said = []
    if corrected:
        how = field.how or ("corrected before" if field.labels else "not corrected")
        said.append(f"{field.name}: {how}" + (f" ({found.note})" if found.note else ""))
    elif found.note:
        said.append(f"{field.name}: {found.note}")
    if found.in_doubt:
        said.append(f"{field.name}: particles are hard to tell apart, its mean may be off by {found.size_error:.0%}")
    return said


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
