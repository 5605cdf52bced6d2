"""Each particle's size and shape descriptors from a label image, in pixels.

Definitions: circularity 4π·area / perimeter², solidity area / area of the convex hull, convexity perimeter of the hull
/ perimeter, eccentricity and aspect ratio of the ellipse with the same second moments. The perimeter is that of
the chain of border pixels, averaged along itself: a count of steps would make a disc's outline a twentieth too long.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from closedloop.recipes import Shape
from closedloop.tem import _filters as filters
from closedloop.tem.edge_bias import edge_weights
from closedloop.tem.feret import calipers
from closedloop.tem.shapes import classify

_SMOOTHING = 1.5  # Gaussian, px: single pixels are mostly noise


@dataclass(frozen=True)
class ParticleShape:
    """One particle in pixels; `confidence` is how clearly its outline stands out, 0 to 1."""

    label: int
    area_px: int
    perimeter_px: float
    circularity: float
    solidity: float
    convexity: float
    eccentricity: float
    aspect_ratio: float
    shape: Shape
    confidence: float
    touches_edge: bool
    feret_max_px: float = 0.0
    feret_min_px: float = 0.0
    feret_max90_px: float = 0.0
    shape_confidence: float = 1.0
    doubts: tuple[str, ...] = ()
    edge_weight: float = 0.0
    row_px: float = 0.0
    column_px: float = 0.0

    @property
    def equivalent_diameter_px(self) -> float:
        return float(2 * np.sqrt(self.area_px / np.pi))


def describe_particles(
    labels: NDArray[np.int32], grey: NDArray[np.float32], ignore: NDArray[np.bool_] | None = None
) -> list[ParticleShape]:
    """One entry per label of (H, W) int32, in the order of the labels; grey (H, W) float32 between 0 and 1.

    A particle that the scale bar or its label (`ignore`) covers in part counts as touching the edge.
    """
    height, width = labels.shape
    found: list[ParticleShape] = []
    hulls: list[NDArray[np.int32]] = []
    boxes = []
    smooth = filters.blurred(grey, _SMOOTHING)
    hidden = None if ignore is None else cv2.dilate(ignore.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    for index, box in enumerate(find_objects(labels)):
        if not box:  # a number that no particle has
            continue
        rows, columns = box
        mask = labels[box] == index + 1
        edge = rows.start == 0 or columns.start == 0 or rows.stop == height or columns.stop == width
        if hidden is not None and not edge:
            edge = bool(hidden[box][mask].any())
        around = (
            slice(max(0, rows.start - 4), min(height, rows.stop + 4)),
            slice(max(0, columns.start - 4), min(width, columns.stop + 4)),
        )
        clear = _clearness(labels[around], index + 1, smooth[around])
        found.append(_describe(index + 1, mask, clear, edge))
        hulls.append(np.asarray(cv2.convexHull(np.argwhere(mask)[:, ::-1].astype(np.int32)), np.int32).reshape(-1, 2))
        boxes.append(box)
    if not found:
        return []
    sizes = np.array([[rows.stop - rows.start, columns.stop - columns.start] for rows, columns in boxes])
    weights = edge_weights(sizes[:, 1], sizes[:, 0], (height, width), ignore)
    feret = calipers(hulls)
    return [
        replace(
            each,
            feret_max_px=float(feret.feret_max[i]),
            feret_min_px=float(feret.feret_min[i]),
            feret_max90_px=float(feret.feret_max90[i]),
            edge_weight=0.0 if each.touches_edge else float(weights[i]),
            row_px=(boxes[i][0].start + boxes[i][0].stop - 1) / 2,
            column_px=(boxes[i][1].start + boxes[i][1].stop - 1) / 2,
        )
        for i, each in enumerate(found)
    ]


def _describe(label: int, mask: NDArray[np.bool_], clearness: float, touches_edge: bool) -> ParticleShape:
    area = int(mask.sum())
    perimeter = perimeter_px(mask)
    hull_area, hull_perimeter, sides = _hull(mask)
    major, minor = _axes(mask)
    circularity = min(1.0, 4 * np.pi * area / perimeter**2)
    solidity = min(1.0, area / hull_area)
    aspect_ratio = major / minor
    return ParticleShape(
        label=label,
        area_px=area,
        perimeter_px=perimeter,
        circularity=float(circularity),
        solidity=float(solidity),
        convexity=float(min(1.0, hull_perimeter / perimeter)),
        eccentricity=float(np.sqrt(max(0.0, 1 - (minor / major) ** 2))),
        aspect_ratio=float(aspect_ratio),
        shape=classify(solidity=solidity, aspect_ratio=aspect_ratio, area=area, rectangle_fill=sides),
        # A ragged outline is as doubtful as a faint one.
        confidence=float(np.clip(clearness * min(1.0, solidity / 0.9), 0, 1)),
        touches_edge=touches_edge,
    )


def perimeter_px(mask: NDArray[np.bool_]) -> float:
    """Perimeter in pixels of the outer outline of a mask (h, w), half a pixel outside of its border pixels' centres."""
    contours, _ = cv2.findContours(_padded(mask), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(contours, key=len).reshape(-1, 2).astype(np.float64)
    reach = 2 if len(points) >= 40 else 1
    if len(points) > 4:
        points = np.mean([np.roll(points, shift, axis=0) for shift in range(-reach, reach + 1)], axis=0)
    steps = points - np.roll(points, 1, axis=0)
    # A closed convex line that is moved out by half a pixel everywhere grows by 2π · 1/2.
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum() + np.pi)


def _padded(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    padded = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.uint8)
    padded[1:-1, 1:-1] = mask
    return padded


def _hull(mask: NDArray[np.bool_]) -> tuple[float, float, NDArray[np.float64]]:
    """Area and perimeter of the hull of the pixels as squares, and its fill of the tightest rectangle and triangle."""
    contours, _ = cv2.findContours(_padded(mask), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = np.concatenate(contours).reshape(-1, 2).astype(np.float32)
    corners = np.concatenate([points + shift for shift in ((-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5))])
    hull = cv2.convexHull(corners.astype(np.float32))
    area, perimeter = float(cv2.contourArea(hull)), float(cv2.arcLength(hull, True))
    (_, (rectangle_width, rectangle_height), _) = cv2.minAreaRect(hull)
    triangle_area, _ = cv2.minEnclosingTriangle(hull)
    (_, radius) = cv2.minEnclosingCircle(hull)
    fills = np.array(
        [area / max(rectangle_width * rectangle_height, 1), area / max(triangle_area, 1), area / (np.pi * radius**2)]
    )
    return max(area, float(mask.sum())), perimeter, fills


def _axes(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Major and minor axis in pixels of the ellipse of the same second moments (a pixel is a square, not a point)."""
    y, x = np.nonzero(mask)
    covariance = np.cov(np.stack([y, x]), bias=True) + np.eye(2) / 12
    small, large = np.linalg.eigvalsh(covariance)
    return float(4 * np.sqrt(large)), float(4 * np.sqrt(max(small, 1e-9)))


def _clearness(labels: NDArray[np.int32], label: int, smooth: NDArray[np.float32]) -> float:
    """How far the grey inside is from the ring around it, in the ring's spread: 0 not at all, towards 1 entirely."""
    own = (labels == label).astype(np.uint8)
    ring = (cv2.dilate(own, np.ones((9, 9), np.uint8)) > 0) & (labels == 0)
    ring &= cv2.dilate(own, np.ones((3, 3), np.uint8)) == 0
    if ring.sum() < 5:
        return 0.5
    step = abs(float(smooth[own > 0].mean()) - float(smooth[ring].mean()))
    return float(1 - np.exp(-step / (3 * float(smooth[ring].std()) + 1e-6)))
