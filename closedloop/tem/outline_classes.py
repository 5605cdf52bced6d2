"""The shape class of outlines: a small network over `outline_features`, which abstains where the pixels do not tell.

The weights lie in ``model/outlines.safetensors`` with their model card; `closedloop.tem.outline_training` makes them.
"""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import Shape
from closedloop.tem.feret import Calipers
from closedloop.tem.outline_contours import Outlines
from closedloop.tem.outline_features import features

WEIGHTS = Path(__file__).parent / "model" / "outlines.safetensors"
CLASSES = tuple(Shape)
LEAST_SURE = 0.5  # an outline that no class has at least so likely is called irregular
CORNERS_FROM_PX = 12.0  # of equivalent diameter; below, a compact particle shows no corners and counts as a sphere

# Most particles of most samples are spheres; what could be either is one. Drawn outlines have no such custom.
_SPHERES_TO_OTHERS = 3.0
_COMPACT = (Shape.SPHERE, Shape.CUBE, Shape.HEXAGON, Shape.TRIANGLE, Shape.RHOMBUS, Shape.FLOWER)

Float = NDArray[np.float32]


def classify(outlines: Outlines, feret: Calipers | None = None) -> tuple[list[Shape], NDArray[np.float64]]:
    """Per particle its class and how likely that is, (n,), between 0 and 1.

    The likelihood is that of the class among drawn outlines, were spheres three times as common as each other class. It
    is below `LEAST_SURE` where a particle is called irregular because nothing else is likely enough.
    """
    likely = probabilities(features(outlines, feret))
    small = 2 * np.sqrt(outlines.area / np.pi) < CORNERS_FROM_PX
    shapes: list[Shape] = []
    sure = np.zeros(len(likely))
    compact = [CLASSES.index(shape) for shape in _COMPACT]
    for index, row in enumerate(likely):
        best = int(row.argmax())
        shape = CLASSES[best]
        if small[index] and (row[compact].sum() >= LEAST_SURE):
            shape = Shape.SPHERE
        elif row[best] < LEAST_SURE:
            shape = Shape.IRREGULAR
        shapes.append(shape)
        sure[index] = row[CLASSES.index(shape)]
    return shapes, sure


def probabilities(described: Float) -> NDArray[np.float64]:
    """(n, 11) in the order of `CLASSES`, from `features` (n, f)."""
    weights = _weights()
    value = np.clip((described - weights["mean"]) / weights["scale"], -6, 6)
    layer = 0
    while f"weight{layer}" in weights:
        if layer:
            value = np.maximum(value, 0)
        value = value @ weights[f"weight{layer}"] + weights[f"bias{layer}"]
        layer += 1
    value = np.exp(value - value.max(axis=1, keepdims=True)).astype(np.float64)
    value[:, CLASSES.index(Shape.SPHERE)] *= _SPHERES_TO_OTHERS
    return np.asarray(value / value.sum(axis=1, keepdims=True))


@cache
def _weights() -> dict[str, Float]:
    from safetensors.numpy import load_file

    return dict(load_file(WEIGHTS))
