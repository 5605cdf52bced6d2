"""A person's corrected particles -> a new outcome of the experiment, which supersedes what the segmenter had found.

Reading label images and saying what changed is left to `closedloop.tem.correction`.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from closedloop.campaign.campaign import Campaign, moves_after
from closedloop.campaign.characterise import require_sample
from closedloop.campaign.sample import conclude, fields_of, taken_away
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
    images = store.image_records(experiment_id)
    fields = [
        replace(field, measured=corrected, how=str(changes)) if other.sha256 == target.sha256 else field
        for field, other in zip(fields_of(images), images, strict=True)
    ]
    away = [said for _, said in taken_away(store, experiment_id)]
    outcome = conclude(fields, campaign.definition, at=store.now(), corrected=True, remarks=away)
    with tempfile.TemporaryDirectory(dir=store.files) as folder:
        drawn = Path(folder) / "labels.tif"
        save_labels(drawn, labels)
        moves = moves_after(record.state, outcome)
        store.add_correction(experiment_id, target.sha256, drawn, outcome, changes.counts(), nm_per_px, moves)
    return Correction(store.experiment(experiment_id), corrected)
