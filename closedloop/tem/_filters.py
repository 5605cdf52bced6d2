"""OpenCV's filters with the types that the rest of this room states: float32 in, float32 out."""

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


def blurred(image: Float, sigma: float) -> Float:
    """Gaussian blur; the border is mirrored."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def resized(image: Float, size: tuple[int, ...]) -> Float:
    """To (width, height): area means where it shrinks, linear interpolation where it grows."""
    method = cv2.INTER_AREA if size[0] < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (int(size[0]), int(size[1])), interpolation=method), np.float32)


def distance_to_zero(mask: NDArray[np.bool_]) -> Float:
    """Euclidean distance of each pixel of the mask to the nearest pixel outside of it."""
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
