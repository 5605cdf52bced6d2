"""What tells one outline's shape from another's, whatever its size, place, turn and handedness.

Fourier descriptors of the closed outline, products of them that keep the phases which a turn and another starting point
leave alone, how the turning is spread along it, and the plain fills and ratios. Which shape that means is left to
`outline_classes`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.tem.feret import Calipers, calipers
from closedloop.tem.outline_contours import POINTS, Outlines

Array = NDArray[np.float64]

HARMONICS = 13
_LARGE_PX2 = 8000  # from here on, pixels hide nothing of an outline
_TURNS = 48  # directions along the outline
_TURN_QUANTILES = 12
_TURN_WAVES = 12


@dataclass(frozen=True)
class Descriptors:
    """Per particle, (n,): the five of Gu et al. (ACS Nano 2025), none above 1 that should not be.

    circularity 4π·area/perimeter², solidity area/area of the hull, convexity perimeter of the hull/perimeter,
    eccentricity and aspect ratio of the ellipse with the same second moments.
    """

    circularity: Array
    solidity: Array
    convexity: Array
    eccentricity: Array
    aspect_ratio: Array


def descriptors(outlines: Outlines, feret: Calipers) -> Descriptors:
    return Descriptors(
        circularity=np.minimum(1.0, 4 * np.pi * outlines.area / outlines.perimeter**2),
        solidity=np.minimum(1.0, outlines.area / feret.area),
        convexity=np.minimum(1.0, feret.perimeter / outlines.perimeter),
        eccentricity=np.sqrt(np.maximum(0.0, 1 - (outlines.minor / outlines.major) ** 2)),
        aspect_ratio=outlines.major / outlines.minor,
    )


def features(outlines: Outlines, feret: Calipers | None = None) -> NDArray[np.float32]:
    """(n, number of features), all of order one and finite."""
    feret = calipers(outlines.hulls) if feret is None else feret
    plain = descriptors(outlines, feret)
    wave = np.fft.fft(outlines.points, axis=1) / POINTS
    wave[:, 0] = 0  # the middle, which is a place and no shape
    # Run round so that the first harmonic is the large one; a mirrored outline has the same shape.
    backwards = np.abs(wave[:, -1]) > np.abs(wave[:, 1])
    wave[backwards] = np.roll(wave[backwards, ::-1], 1, axis=1)
    first = np.where(np.abs(wave[:, 1]) > 1e-9, wave[:, 1], 1e-9)
    orders = np.concatenate([np.arange(-HARMONICS + 2, 0), np.arange(2, HARMONICS + 1)])
    magnitudes = np.log(np.abs(wave[:, orders]) / np.abs(first)[:, None] + 2e-3)
    scalars = np.stack(
        [
            np.log(plain.aspect_ratio),
            np.sqrt(1 - plain.solidity),
            np.sqrt(1 - plain.convexity),
            plain.circularity,
            feret.feret_min / feret.feret_max,
            feret.feret_max90 / feret.feret_max,
            feret.area / feret.rectangle,
            4 * feret.area / (np.pi * feret.feret_max**2),
            feret.area / feret.feret_min**2,
            outlines.area / feret.rectangle,
            feret.perimeter / (feret.feret_max + feret.feret_min),
            0.5 * np.log(np.minimum(outlines.area, _LARGE_PX2) / 1000),
        ],
        axis=1,
    )
    every = np.concatenate([magnitudes, _products(wave / first[:, None]), _turning(wave), scalars], axis=1)
    return np.clip(np.nan_to_num(every), -12, 12).astype(np.float32)


def _products(wave: NDArray[np.complex128]) -> Array:
    """Products of two harmonics that no turn and no starting point changes, with the first harmonic 1.

    a(1+m)·a(1-m) for each m (Granlund, IEEE Trans. Comput. 1972, C-21, 195): a square drawn out along its side and one
    drawn out along its diagonal have the same magnitudes and another sign here. With them a(1+m)²·a(1-2m), which ties
    an order to its double: pointed lobes or pointed notches. A mirror turns the imaginary part's sign, so its size
    alone counts.
    """
    orders = np.arange(1, HARMONICS)
    pairs = wave[:, 1 + orders] * wave[:, 1 - orders]
    halves = np.arange(1, 7)
    ups = wave[:, 1 + halves] ** 2 * wave[:, 1 - 2 * halves]
    downs = wave[:, 1 - halves] ** 2 * wave[:, 1 + 2 * halves]
    root = np.concatenate([_root(pairs, 2), _root(ups, 3), _root(downs, 3)], axis=1)
    return np.concatenate([5 * root.real, 5 * np.abs(root.imag)], axis=1)


def _root(values: NDArray[np.complex128], degree: int) -> NDArray[np.complex128]:
    """The size's root with the phase kept, so that faint products still count."""
    size = np.abs(values)
    return values * np.where(size > 1e-12, np.maximum(size, 1e-12) ** (1 / degree - 1), 0.0)


def _turning(wave: NDArray[np.complex128]) -> Array:
    """How the turning (2π in all) is spread along the outline: sorted, and its waves per round.

    Corners are few points that turn much; n corners are n waves. High harmonics are left out: they are pixels.
    """
    orders = np.fft.fftfreq(POINTS, 1 / POINTS)
    softened = wave * (1j * orders) * np.exp(-0.5 * (orders / 10) ** 2)
    keep = np.concatenate([np.arange(_TURNS // 2), np.arange(-(_TURNS // 2), 0)])
    direction = np.fft.ifft(softened[:, keep], axis=1)
    turn = np.angle(np.roll(direction, -1, axis=1) * np.conj(direction)) * _TURNS / (2 * np.pi)
    turn = np.clip(turn, -8, 8)
    ordered = np.sort(turn, axis=1)
    picked = ordered[:, np.linspace(0, _TURNS - 1, _TURN_QUANTILES).round().astype(int)]
    waves = np.abs(np.fft.rfft(turn, axis=1)[:, 2 : 2 + _TURN_WAVES]) * (2 / _TURNS)
    return np.concatenate([picked / 3, waves], axis=1)
