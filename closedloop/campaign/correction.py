"""A person's corrected particles -> a new outcome of the experiment, which supersedes what the segmenter had found.

Reading label images and saying what changed is left to `closedloop.tem.correction`.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from closedloop.campaign.campaign import Campaign, moves_after
from closedloop.campaign.characterise import pooled, require_sample
from closedloop.campaign.judge import judge
from closedloop.recipes import Evidence, Method
from closedloop.store import ExperimentRecord, ImageRecord, Store

if TYPE_CHECKING:
    from closedloop.tem import Measurement
    from closedloop.tem.correction import Changes


@dataclass(frozen=True)
class Correction:
    """The experiment after the correction, and the corrected image as it was measured."""

    record: ExperimentRecord
    measurement: "Measurement"


def find_picture(store: Store, experiment_id: str, image: Path) -> ImageRecord:
    """The experiment's image of this content, before any work is done.

    Raises `UnknownExperiment`, `UnknownImage`, `NotWaiting` where the experiment has no sample.
    """
    require_sample(store, experiment_id)
    return store.find_image(experiment_id, image)


def correct_image(
    store: Store,
    experiment_id: str,
    image: Path,
    labels: NDArray[np.int32],
    changes: "Changes",
    *,
    nm_per_px: float | None = None,
) -> Correction:
    """Measures the corrected particles, labels (H, W) int32, and appends the outcome of all of the experiment's images.

    Other images of the sample count with their own last correction, or as the segmenter finds them; one that cannot be
    measured is left out and named in the evidence. nm_per_px: as the person states it now; left out, what was stated
    before holds, or what the image says itself.

    Raises as `find_picture`, and what `closedloop.tem.measure_image` raises; then nothing is kept.
    """
    from closedloop.tem import save_labels
    from closedloop.tem.correction import measure_labels

    target = find_picture(store, experiment_id, image)
    record = store.experiment(experiment_id)
    campaign = Campaign.reopen(record.campaign, store)
    scale = target.nm_per_px if nm_per_px is None else nm_per_px
    corrected = measure_labels(image, labels, scale)
    measured, notes, names = [], [], []
    for other in store.image_records(experiment_id):
        names.append(other.original)
        if other.sha256 == target.sha256:
            measured.append(corrected)
            notes.append(f"{other.original}: {_noted(str(changes), corrected)}")
            continue
        found, note = _remeasured(other)
        if found is not None:
            measured.append(found)
        notes.append(f"{other.original}: {note}")
    evidence = Evidence(method=Method.TEM_CORRECTED, files=tuple(names), recorded_at=store.now(), note="; ".join(notes))
    outcome = judge(pooled(measured, evidence), campaign.definition)
    with tempfile.TemporaryDirectory(dir=store.files) as folder:
        drawn = Path(folder) / "labels.tif"
        save_labels(drawn, labels)
        moves = moves_after(record.state, outcome)
        store.add_correction(experiment_id, target.sha256, drawn, outcome, changes.counts(), nm_per_px, moves)
    return Correction(store.experiment(experiment_id), corrected)


def _remeasured(image: ImageRecord) -> "tuple[Measurement | None, str]":
    """Another image of the sample, by its own correction where there is one, and what to say of it."""
    from closedloop.tem import NoParticles, NotAnImage, UnreadableScale, measure_image
    from closedloop.tem.correction import measure_labels
    from closedloop.tem.instance_maps import NotAnInstanceMap, read_instance_map

    try:
        if image.correction is not None:
            labels = read_instance_map(image.correction.labels).labels
            found = measure_labels(image.path, labels, image.nm_per_px)
            return found, _noted("corrected before", found)
        found = measure_image(image.path, image.nm_per_px)
        return found, _noted("not corrected", found)
    except (NoParticles, NotAnImage, NotAnInstanceMap, UnreadableScale) as error:
        return None, f"left out ({error})"


def _noted(said: str, found: "Measurement") -> str:
    """With what a person should know of the image itself, such as another scale in the file than was stated."""
    return f"{said} ({found.note})" if found.note else said
