"""The baseline that every segmenter must beat: Otsu's threshold and a watershed of the distance transform.

Plain on purpose, as a microscopist would click it together: nothing here is tuned to any image, and nothing else in
the package uses it but `closedloop evaluate segmenter --baseline otsu`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SMOOTHING_PX = 1.0
_LEAST_AREA_PX = 16
# Peaks of the distance transform that rise less than this above their saddle belong to one particle.
_LEAST_RISE_PX = 1.0


def segment_by_otsu(image: NDArray[np.floating[Any]], ignore: NDArray[np.bool_] | None = None) -> NDArray[np.int32]:
    """Labels (H, W) int32, 0 = background, from a grey image (H, W) float between 0 and 1.

    Gaussian blur; Otsu's threshold (IEEE Trans. Syst. Man Cybern. 1979, 9, 62); particles are the side that covers
    less of the frame, be it dark or bright; their distance transform, its maxima higher than 1 px as seeds, and a
    watershed from them. ignore: (H, W) bool, where no particle is sought.
    """
    from scipy.ndimage import distance_transform_edt
    from skimage.filters import gaussian, threshold_otsu
    from skimage.measure import label
    from skimage.morphology import h_maxima
    from skimage.segmentation import watershed

    smooth = gaussian(np.asarray(image, np.float64), sigma=_SMOOTHING_PX)
    seen = np.ones(image.shape, bool) if ignore is None else ~np.asarray(ignore, bool)
    if not seen.any() or np.ptp(smooth[seen]) <= 0:
        return np.zeros(image.shape, np.int32)
    bright = smooth > threshold_otsu(smooth[seen])
    inside = (bright if bright[seen].mean() <= 0.5 else ~bright) & seen
    distance = distance_transform_edt(inside)
    seeds = label(h_maxima(distance, _LEAST_RISE_PX))
    labels = watershed(-distance, seeds, mask=inside).astype(np.int32)
    areas = np.bincount(labels.ravel())
    kept = areas >= _LEAST_AREA_PX
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[labels]
