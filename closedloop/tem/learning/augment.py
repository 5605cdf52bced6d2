"""One training crop from an image and its labels: scale, turn, mirror, light, noise."""

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem.contrast import normalised
from closedloop.tem.ideal_maps import LEFT_OUT

Grey = NDArray[np.float32]
Labels = NDArray[np.int32]


def crop(
    grey: Grey, labels: Labels, size: int, zoom: tuple[float, float], rng: np.random.Generator
) -> tuple[Grey, Labels]:
    """(size, size) of both, turned and scaled at random; what lies outside the image is `LEFT_OUT`.

    zoom: least and most pixels of the crop per pixel of the image.
    """
    height, width = grey.shape
    scale = float(np.exp(rng.uniform(np.log(zoom[0]), np.log(zoom[1]))))
    angle = float(rng.uniform(-20, 20)) if rng.random() < 0.3 else 0.0
    reach = size / scale
    centre = [
        float(rng.uniform(min(reach / 2, extent / 2), max(extent - reach / 2, extent / 2)))
        for extent in (width, height)
    ]
    turn = cv2.getRotationMatrix2D((centre[0], centre[1]), angle, scale)
    turn[0, 2] += size / 2 - centre[0]
    turn[1, 2] += size / 2 - centre[1]
    if scale < 0.7:
        # Warping does not average: smooth first, by what the smaller picture cannot show.
        grey = cv2.GaussianBlur(grey, (0, 0), 0.4 / scale).astype(np.float32)
    out = cv2.warpAffine(grey, turn, (size, size), flags=cv2.INTER_LINEAR, borderValue=0.5)
    turned = cv2.warpAffine(
        labels.astype(np.float32), turn, (size, size), flags=cv2.INTER_NEAREST, borderValue=float(LEFT_OUT)
    ).astype(np.int32)
    quarter = int(rng.integers(4))
    out, turned = np.rot90(out, quarter), np.rot90(turned, quarter)
    if rng.random() < 0.5:
        out, turned = out[:, ::-1], turned[:, ::-1]
    return np.ascontiguousarray(out), _renumbered(np.ascontiguousarray(turned))


def light(grey: Grey, rng: np.random.Generator) -> Grey:
    """Other contrast, gamma, unevenness, blur, noise, and now and then the negative."""
    out = grey
    if rng.random() < 0.5:
        out = np.clip(out, 0, 1) ** float(np.exp(rng.normal(0, 0.35)))
    if rng.random() < 0.3:
        out = out + _slope(out.shape, rng)
    if rng.random() < 0.25:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.4, 1.6))).astype(np.float32)
    if rng.random() < 0.4:
        out = out + rng.normal(0, float(np.exp(rng.uniform(np.log(0.01), np.log(0.12)))), out.shape).astype(np.float32)
    out = normalised(out)
    if rng.random() < 0.2:
        out = 1 - out
    gain, offset = float(np.exp(rng.normal(0, 0.2))), float(rng.normal(0, 0.08))
    result: Grey = np.clip((out - 0.5) * gain + 0.5 + offset, -0.2, 1.2).astype(np.float32)
    return result


def _slope(shape: tuple[int, ...], rng: np.random.Generator) -> Grey:
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    first, second = rng.normal(0, 0.12, 2)
    bowl = rng.normal(0, 0.08)
    slope: Grey = (first * x + second * y + bowl * (x**2 + y**2)).astype(np.float32)
    return slope


def _renumbered(labels: Labels) -> Labels:
    table = np.zeros(int(labels.max()) + 2, np.int32)
    present = np.unique(labels)
    table[present[present > 0]] = np.arange(1, (present > 0).sum() + 1)
    result: Labels = np.where(labels < 0, labels, table[np.maximum(labels, 0)]).astype(np.int32)
    return result
