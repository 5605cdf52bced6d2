"""How well one label image agrees with another: average precision at thresholds of overlap, mean overlap, and what the
sample's numbers suffer: the mean diameter and the count.

AP at a threshold is TP / (TP + FP + FN) after optimal one-to-one matching, as in the cell-segmentation literature
(Stringer et al., Nat. Methods 2021, 18, 100). Reading folders of images is left to the command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from closedloop.tem.certainty import IN_DOUBT
from closedloop.tem.edge_bias import whole_particles

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


@dataclass(frozen=True)
class Agreement:
    """One image: AP at each of `THRESHOLDS`, and the mean overlap (IoU) of true particles, 0 for a missed one.

    Diameters (px) are means of the equivalent circle diameters of particles that do not touch the edge; `None` where
    there is none. stated_size_error: what the one who found them says of the error of that mean
    (`closedloop.tem.certainty`).
    """

    average_precision: tuple[float, ...]
    mean_iou: float
    true_count: int
    found_count: int
    true_diameter_px: float | None = None
    found_diameter_px: float | None = None
    stated_size_error: float | None = None

    def at(self, threshold: float) -> float:
        return self.average_precision[THRESHOLDS.index(threshold)]

    @property
    def mean_average_precision(self) -> float:
        return sum(self.average_precision) / len(self.average_precision)

    @property
    def size_error(self) -> float | None:
        """|found mean diameter - true| / true; 1 where no whole particle was found, `None` without a true one."""
        if self.true_diameter_px is None:
            return None
        return 1.0 if self.found_diameter_px is None else abs(self.found_diameter_px / self.true_diameter_px - 1)

    @property
    def count_error(self) -> float | None:
        """|found - true| / true over all particles; `None` where there is no true one."""
        return abs(self.found_count - self.true_count) / self.true_count if self.true_count else None

    def to_json(self) -> dict[str, float | int | None]:
        """One image's row: the keys of `average`, and its counts, diameters (px) and their errors."""
        return {
            "AP50": self.at(0.5),
            "AP75": self.at(0.75),
            "AP90": self.at(0.9),
            "mean_AP": self.mean_average_precision,
            "mIoU": self.mean_iou,
            "true_count": self.true_count,
            "found_count": self.found_count,
            "count_error": self.count_error,
            "true_diameter_px": self.true_diameter_px,
            "found_diameter_px": self.found_diameter_px,
            "size_error": self.size_error,
            "stated_size_error": self.stated_size_error,
        }


def overlaps(truth: NDArray[np.integer], found: NDArray[np.integer]) -> NDArray[np.float64]:
    """Intersection over union of each true label with each found one, (n, m); labels need not be consecutive.

    Raises ValueError where the two images differ in shape.
    """
    if truth.shape != found.shape:
        raise ValueError(f"label images differ in shape: {truth.shape} and {found.shape}")
    true_ids, true_index = np.unique(np.append(truth.ravel(), 0), return_inverse=True)
    found_ids, found_index = np.unique(np.append(found.ravel(), 0), return_inverse=True)
    n, m = len(true_ids), len(found_ids)
    joint = np.bincount(true_index[:-1] * m + found_index[:-1], minlength=n * m).reshape(n, m).astype(np.float64)
    union = joint.sum(1, keepdims=True) + joint.sum(0, keepdims=True) - joint
    iou = joint / np.maximum(union, 1)
    return iou[true_ids != 0][:, found_ids != 0]


def compare(
    truth: NDArray[np.integer], found: NDArray[np.integer], stated_size_error: float | None = None
) -> Agreement:
    """Match the particles of two label images (H, W), 0 = background, one to one.

    An image without particles in which none was found counts as full agreement.
    """
    iou = overlaps(truth, found)
    n, m = iou.shape
    precisions = []
    for threshold in THRESHOLDS:
        matched = _matches(iou, threshold)
        precisions.append(matched / (n + m - matched) if n + m else 1.0)
    rows, columns = linear_sum_assignment(-iou)
    mean_iou = float(iou[rows, columns].sum() / n) if n else float(m == 0)
    return Agreement(
        tuple(precisions), mean_iou, n, m, mean_diameter_px(truth), mean_diameter_px(found), stated_size_error
    )


def mean_diameter_px(labels: NDArray[np.integer]) -> float | None:
    """Mean equivalent circle diameter (px) of the particles of (H, W) off the edge; `None` where there is none."""
    diameters = whole_particles(labels)[1]
    return float(diameters.mean()) if len(diameters) else None


def average(agreements: Sequence[Agreement]) -> dict[str, float]:
    """Means over images under the keys that ``closedloop evaluate segmenter`` prints; sizes and counts by `errors`."""
    if not agreements:
        raise ValueError("no images to average over")

    def mean(values: list[float]) -> float:
        return float(np.mean(values))

    return {
        "AP50": mean([one.at(0.5) for one in agreements]),
        "AP75": mean([one.at(0.75) for one in agreements]),
        "AP90": mean([one.at(0.9) for one in agreements]),
        "mean_AP": mean([one.mean_average_precision for one in agreements]),
        "mIoU": mean([one.mean_iou for one in agreements]),
    }


def errors(agreements: Sequence[Agreement]) -> dict[str, float | None]:
    """Median and worst relative error of mean diameter and count over the images that have true particles."""
    found: dict[str, float | None] = {}
    for name in ("size_error", "count_error"):
        known = [value for one in agreements if (value := getattr(one, name)) is not None]
        found[f"median_{name}"] = float(np.median(known)) if known else None
        found[f"worst_{name}"] = max(known, default=None)
    return found


def stated_errors(agreements: Sequence[Agreement]) -> dict[str, float | int | None]:
    """Whether the stated errors hold: the share of images whose error lies within, how many are in doubt, and median
    and worst error of the others. Of the images that have true whole particles, and for which an error was stated."""
    told = [
        (one.size_error, one.stated_size_error)
        for one in agreements
        if one.size_error is not None and one.stated_size_error is not None
    ]
    sure = [error for error, stated in told if stated <= IN_DOUBT]
    return {
        "within_stated_error": float(np.mean([error <= stated for error, stated in told])) if told else None,
        "in_doubt": len(told) - len(sure),
        "median_size_error_where_sure": float(np.median(sure)) if sure else None,
        "worst_size_error_where_sure": max(sure, default=None),
    }


def _matches(iou: NDArray[np.float64], threshold: float) -> int:
    """Most pairs that overlap by the threshold or more, each particle in one pair at most."""
    allowed = iou >= threshold - 1e-12
    if not allowed.any():
        return 0
    # The small share of the overlap itself picks the better of two equally many matchings.
    cost = -(allowed + iou / (2 * min(iou.shape)))
    rows, columns = linear_sum_assignment(cost)
    return int(allowed[rows, columns].sum())
