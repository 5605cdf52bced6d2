"""How far each pixel of a label image lies from outlines, and whose is the nearest."""

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.tem._splitting import distance_inside


def territories(labels: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Distance to the nearest labelled pixel, 0 on one, and whose it is, (H, W) each."""
    distance, index = cv2.distanceTransformWithLabels(
        (labels == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(index.max()) + 1, np.int32)
    particle = labels > 0
    table[index[particle]] = labels[particle]
    return distance, table[index]


def depth_in_own(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Distance of each labelled pixel to the nearest pixel that is not of the same particle, (H, W)."""
    kernel = np.ones((3, 3), np.uint8)
    image = labels.astype(np.float32)
    whole = cv2.erode(image, kernel) == cv2.dilate(image, kernel)
    return distance_inside(whole & (labels > 0)) + (labels > 0)
