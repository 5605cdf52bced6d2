"""From what leaves the specimen to grey values: defocus, drift, counting noise, scan lines, grey scale, compression."""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Camera:
    """``blur`` px, ``fresnel`` strength and ``fresnel_px`` width of the fringe of defocus, ``drift`` px and its
    direction, ``dose`` electrons per pixel at full light, ``readout`` electrons, ``spread`` px of the detector,
    ``lines`` and ``sway`` of a scan, ``gamma``, ``stretch`` (clip so many per cent at both ends, None: as it came),
    ``denoise``, ``shrink`` (resampled by so much and back), ``jpeg`` quality or None, ``negative``."""

    blur: float
    fresnel: float
    fresnel_px: float
    drift: float
    drift_angle: float
    dose: float
    readout: float
    spread: float
    lines: float
    sway: float
    gamma: float
    stretch: float | None
    denoise: bool
    shrink: float
    jpeg: int | None
    negative: bool


def draw_camera(scanning: bool, defocus: bool, small: float, generator: np.random.Generator) -> Camera:
    """A camera and an operator; ``small`` is the diameter in px of the particles, which optics must not wash out."""

    def sometimes(chance: float) -> bool:
        return bool(generator.random() < chance)

    limit = 0.12 * small
    return Camera(
        blur=min(math.exp(generator.uniform(math.log(0.4), math.log(3.0))), limit),
        fresnel=float(generator.uniform(0.1, 1.0)) if defocus and sometimes(0.6) else 0.0,
        fresnel_px=float(generator.uniform(1.2, 4.0)),
        drift=min(float(generator.uniform(1.0, 6.0)), 2.0 * limit) if sometimes(0.1) else 0.0,
        drift_angle=float(generator.uniform(0.0, np.pi)),
        dose=math.exp(generator.uniform(math.log(12.0), math.log(8000.0))),
        readout=float(generator.uniform(0.0, 2.0)),
        spread=float(generator.uniform(0.3, 0.9)) if sometimes(0.7) else float(generator.uniform(0.0, 0.2)),
        lines=float(generator.uniform(0.003, 0.03)) if scanning and sometimes(0.35) else 0.0,
        sway=float(generator.uniform(0.1, 0.8)) if scanning and sometimes(0.15) else 0.0,
        gamma=math.exp(0.25 * generator.standard_normal()),
        stretch=float(generator.choice([0.02, 0.3, 1.0, 3.0])) if sometimes(0.4) else None,
        denoise=sometimes(0.07),
        shrink=float(generator.uniform(1.2, 2.2)) if small > 14.0 and sometimes(0.2) else 1.0,
        jpeg=int(generator.integers(30, 95)) if sometimes(0.35) else None,
        negative=sometimes(0.02),
    )


def focus(image: F32, camera: Camera) -> F32:
    """What the optics do: blur, the fringe of a slight underfocus (a difference of Gaussians), drift."""
    seen = np.asarray(cv2.GaussianBlur(image, (0, 0), max(camera.blur, 0.3)), dtype=np.float32)
    if camera.fresnel:
        wide = cv2.GaussianBlur(seen, (0, 0), camera.fresnel_px)
        seen = seen + np.float32(camera.fresnel) * (seen - wide)
    if camera.drift > 0.5:
        half = math.ceil(0.5 * camera.drift) + 1
        kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
        x, y = 0.5 * camera.drift * math.cos(camera.drift_angle), 0.5 * camera.drift * math.sin(camera.drift_angle)
        for step in np.linspace(-1.0, 1.0, 4 * half + 1):
            kernel[round(half + step * y), round(half + step * x)] += 1.0
        seen = np.asarray(cv2.filter2D(seen, -1, kernel / kernel.sum()), dtype=np.float32)
    return np.maximum(seen, 0.0)


def expose(image: F32, camera: Camera, generator: np.random.Generator) -> F32:
    """Counting statistics, readout, the detector's spread and the faults of a scan; ``image`` is 1 in full light."""
    size = image.shape
    dose = np.float32(camera.dose)
    # A normal deviate of the same variance: at ten electrons per pixel and after the spread it looks the same.
    variance = image * dose + np.float32(camera.readout**2 + 0.25)
    deviate = generator.standard_normal(size, dtype=np.float32)
    seen = image + np.sqrt(variance) * deviate / dose
    if camera.lines:
        seen = seen + np.float32(camera.lines) * generator.standard_normal((size[0], 1), dtype=np.float32)
    if camera.sway:
        shift = camera.sway * generator.standard_normal((size[0], 1), dtype=np.float32)
        columns = np.arange(size[1], dtype=np.float32)[None, :] + shift
        rows = np.repeat(np.arange(size[0], dtype=np.float32)[:, None], size[1], axis=1)
        seen = cv2.remap(seen, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if camera.spread > 0.25:
        seen = cv2.GaussianBlur(seen, (0, 0), camera.spread)
    return np.asarray(seen, dtype=np.float32)


def develop(image: F32, camera: Camera) -> NDArray[np.uint8]:
    """Grey values as a publication shows them; ``image`` runs from 0 to 1."""
    if camera.stretch is not None:
        low, high = np.percentile(image[::3, ::3], [camera.stretch, 100.0 - camera.stretch])
        image = (image - np.float32(low)) / np.float32(max(high - low, 0.02))
    levels: F32 = np.clip(image, 0.0, 1.0) ** np.float32(camera.gamma)
    if camera.negative:
        levels = 1.0 - levels
    grey: Any = np.rint(255.0 * levels).astype(np.uint8)
    if camera.shrink > 1.0:
        height, width = grey.shape
        small = (round(width / camera.shrink), round(height / camera.shrink))
        grey = cv2.resize(grey, small, interpolation=cv2.INTER_AREA)
        grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_CUBIC)
    if camera.denoise:
        grey = cv2.medianBlur(grey, 3)
    if camera.jpeg is not None:
        _, packed = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, camera.jpeg])
        grey = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)
    return np.asarray(grey, dtype=np.uint8)
