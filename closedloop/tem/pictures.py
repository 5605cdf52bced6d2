"""The picture with outlines, for a report and for a person's eyes."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

_WHOLE = (230, 60, 40)
_CUT = (60, 130, 230)


def overlay(image: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: a grey image (H, W) float32 between 0 and 1 with the outlines of labels (H, W) in colour.

    Particles that touch the frame, which are not measured, are outlined in blue, the others in red.
    """
    grey = np.clip(255 * image, 0, 255).astype(np.uint8)
    picture = np.repeat(grey[..., None], 3, axis=2)
    kernel = np.ones((3, 3), np.uint8)
    values = labels.astype(np.float32)
    outline = (labels > 0) & (cv2.erode(values, kernel) != cv2.dilate(values, kernel))
    cut = np.zeros(int(labels.max()) + 1, bool)
    cut[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = True
    picture[outline & ~cut[labels]] = _WHOLE
    picture[outline & cut[labels]] = _CUT
    return picture


def save_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a PNG or JPEG by its suffix, whole or not at all; raises OSError or ValueError as Pillow does."""
    from PIL import Image

    partial = path.with_name(f".{path.stem}.part{path.suffix}")
    Image.fromarray(picture).save(partial)
    partial.replace(path)


def save_labels(path: Path, labels: NDArray[np.int32]) -> None:
    """Write a label image as TIFF, 16 bits where the count allows it, whole or not at all."""
    import tifffile

    partial = path.with_name(f".{path.stem}.part{path.suffix}")
    small = int(labels.max()) < 2**16
    tifffile.imwrite(partial, labels.astype(np.uint16) if small else labels, compression="zlib")
    partial.replace(path)
