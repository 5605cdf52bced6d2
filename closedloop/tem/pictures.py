"""The picture with outlines and numbers, for a report and for a person's eyes."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.whole_files import whole

if TYPE_CHECKING:
    from closedloop.tem.measurement import Particle

WHOLE = (230, 60, 40)
CUT = (60, 130, 230)
DOUBTFUL = (250, 190, 20)
_INK, _HALO = (255, 255, 255), (0, 0, 0)
_LEAST_DIAMETER = 36  # px in which a number of three digits is read without effort
_LONGEST_SIDE = 4096
_FACTORS = (1, 2, 3, 4)
_SOFTWARE_TAG = 305
_MARK = "closedloop"  # as the software that wrote the file; editors put their own name there, or none


def overlay(image: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: a grey image (H, W) float32 between 0 and 1 with the outlines of labels (H, W) in colour.

    Particles that touch the frame, which are not measured, are outlined in blue, the others in red.
    """
    colours = np.tile(np.array(WHOLE, np.uint8), (int(labels.max()) + 1, 1))
    colours[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = CUT
    return _outlined(_coloured(image), labels, colours)


def numbered_overlay(
    image: NDArray[np.float32], labels: NDArray[np.int32], particles: Sequence["Particle"]
) -> NDArray[np.uint8]:
    """As `overlay`, with each particle's number, and the doubtful ones (`Particle.doubts`) outlined in yellow.

    (k·H, k·W, 3) uint8: where particles are too small for a number, the picture is enlarged by a whole k of at most 4.
    """
    colours = np.tile(np.array(WHOLE, np.uint8), (int(labels.max()) + 1, 1))
    for particle in particles:
        if particle.touches_edge or particle.doubts:
            colours[particle.label] = CUT if particle.touches_edge else DOUBTFUL
    typical = _typical_diameter(labels, particles)
    factor = _enlargement(labels.shape, typical)
    picture = _coloured(image)
    if factor > 1:
        shape = (labels.shape[1] * factor, labels.shape[0] * factor)
        picture = np.asarray(cv2.resize(picture, shape, interpolation=cv2.INTER_LINEAR), np.uint8)
        labels = np.asarray(cv2.resize(labels, shape, interpolation=cv2.INTER_NEAREST), np.int32)
    picture = _outlined(picture, labels, colours)
    digits = len(str(len(colours) - 1))
    return _numbered(picture, particles, factor, _text_height(typical * factor, digits))


def save_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a PNG or JPEG by its suffix, whole or not at all; raises OSError or ValueError as Pillow does."""
    from PIL import Image

    exif = Image.Exif()
    exif[_SOFTWARE_TAG] = _MARK
    with whole(path) as draft:
        Image.fromarray(picture).save(draft, exif=exif)


def save_labels(path: Path, labels: NDArray[np.int32]) -> None:
    """Write a label image as TIFF, 16 bits where the count allows it, whole or not at all."""
    import tifffile

    small = int(labels.max()) < 2**16
    with whole(path) as draft:
        tifffile.imwrite(draft, labels.astype(np.uint16) if small else labels, compression="zlib", software=_MARK)


def written_here(path: Path) -> bool:
    """Whether `save_picture` or `save_labels` wrote a file, and no editor saved it since."""
    import tifffile
    from PIL import Image

    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            with tifffile.TiffFile(path) as tiff:
                return bool(tiff.pages.first.software == _MARK)
        with Image.open(path) as picture:
            return picture.getexif().get(_SOFTWARE_TAG) == _MARK
    except Exception:  # whatever a decoder stumbles over is none of ours
        return False


def jpeg(picture: NDArray[np.uint8], longest_side_px: int) -> bytes:
    """A JPEG of (H, W, 3) uint8, made smaller where a side is longer than that."""
    from PIL import Image

    factor = longest_side_px / max(picture.shape[:2])
    if factor < 1:
        size = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=85, optimize=True)
    return buffer.getvalue()


def _coloured(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    grey = np.clip(255 * image, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _outlined(picture: NDArray[np.uint8], labels: NDArray[np.int32], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draws the border pixels of each label in its colour, colours (n + 1, 3); changes and returns the picture."""
    border = np.zeros(labels.shape, bool)
    # Each pixel and its next one to the right, below and on both diagonals: all eight neighbours, without large copies.
    first, second, whole = slice(None, -1), slice(1, None), slice(None)
    for one, other in (
        ((whole, first), (whole, second)),
        ((first, whole), (second, whole)),
        ((first, first), (second, second)),
        ((first, second), (second, first)),
    ):
        differs = labels[one] != labels[other]
        border[one] |= differs
        border[other] |= differs
    border &= labels > 0
    picture[border] = colours[labels[border]]
    return picture


def _typical_diameter(labels: NDArray[np.int32], particles: Sequence["Particle"]) -> float:
    """Median equivalent circle diameter, px."""
    if not particles:
        return float(_LEAST_DIAMETER)
    areas = np.bincount(labels.ravel())[[particle.label for particle in particles]]
    return 2 * float(np.sqrt(np.median(areas) / np.pi))


def _enlargement(shape: tuple[int, ...], diameter: float) -> int:
    allowed = [factor for factor in _FACTORS if factor == 1 or factor * max(shape) <= _LONGEST_SIDE]
    return next((factor for factor in allowed if factor * diameter >= _LEAST_DIAMETER), allowed[-1])


def _numbered(
    picture: NDArray[np.uint8], particles: Sequence["Particle"], factor: int, height: float
) -> NDArray[np.uint8]:
    """Each particle's number on its middle, in white on a thin black halo, `height` px high."""
    from PIL import Image, ImageDraw, ImageFont

    drawn = Image.fromarray(picture)
    pen, font = ImageDraw.Draw(drawn), ImageFont.load_default(height)
    for particle in particles:
        middle = ((particle.column_px + 0.5) * factor, (particle.row_px + 0.5) * factor)
        pen.text(middle, str(particle.label), _INK, font, anchor="mm", stroke_width=1, stroke_fill=_HALO)
    return np.array(drawn, np.uint8)


def _text_height(diameter: float, digits: int) -> float:
    """One size for all numbers: as wide as three fifths of a typical particle, between 10 and 30 px."""
    return float(np.clip(0.6 * diameter / (0.6 * digits), 10, 30))
