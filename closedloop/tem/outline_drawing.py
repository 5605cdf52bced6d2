"""Outlines of each class as a microscope may show them, drawn to teach the classifier; nothing is taken from pictures.

An outline is first a dense closed line of unit area, (m,) complex, then a mask of pixels with a blurred, noisy edge.
The simulated microscope draws its own outlines in another way (`sim.microscope_particles`), and the classifier is
judged on those. Where one class passes into another, the target is shared between the two.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import Shape
from closedloop.tem._filters import blurred, resized

Line = NDArray[np.complex128]
Targets = dict[Shape, float]
Random = np.random.Generator

_AT = np.linspace(0, 2 * np.pi, 360, endpoint=False)
_ROUND = np.exp(1j * _AT)
LEAST_PX, MOST_PX = 8.0, 110.0  # above, pixels blur nothing that tells one class from another


def _between(value: float, low: float, high: float) -> float:
    """0 at and below `low`, 1 at and above `high`, in between in proportion."""
    return float(np.clip((value - low) / (high - low), 0, 1))


def _shared(one: Shape, other: Shape, share_of_other: float) -> Targets:
    return {one: 1 - share_of_other, other: share_of_other}


def _even(corners: Line, count: int = 360) -> Line:
    """A closed polygon's border at evenly spaced points."""
    closed = np.append(corners, corners[0])
    at = np.concatenate([[0], np.cumsum(np.abs(np.diff(closed)))])
    return np.interp(np.arange(count) * (at[-1] / count), at, closed)


def _rounded(line: Line, amount: float) -> Line:
    """Corners rounded by averaging along the line over `amount` (standard deviation) of its length."""
    order = np.fft.fftfreq(len(line), 1 / len(line))
    return np.fft.ifft(np.fft.fft(line) * np.exp(-0.5 * (2 * np.pi * order * amount) ** 2))


def _softness(random: Random, corners: int) -> float:
    """How much a polygon is rounded: up to where its corners stand out by little more than half; often not at all."""
    return max(0.0, random.uniform(-0.06, 0.17)) / corners


def _polar(radius: NDArray[np.float64]) -> Line:
    return radius * _ROUND


def _bulged(corners: Line, random: Random) -> Line:
    """A convex polygon about its middle with sides that bulge a little, every other time."""
    line = _even(corners)
    if random.random() < 0.45:
        size = np.abs(line)
        line = line / size * size ** (1 - random.uniform(0.05, 0.4))
    return line


def _cut(corners: Line, share: float) -> Line:
    """A polygon with each corner cut off at `share` of the side's length."""
    after, before = np.roll(corners, -1), np.roll(corners, 1)
    cut = np.stack([corners + share * (before - corners), corners + share * (after - corners)], axis=1)
    return np.asarray(cut.ravel(), np.complex128)


def _jogged(corners: Line, random: Random, share: float) -> Line:
    size = np.abs(corners).mean() * share
    return corners + size * (random.standard_normal(len(corners)) + 1j * random.standard_normal(len(corners)))


def _stretched(line: Line, ratio: float, random: Random) -> Line:
    turned = line * np.exp(1j * random.uniform(0, 2 * np.pi))
    return np.asarray(turned.real * np.sqrt(ratio) + 1j * turned.imag / np.sqrt(ratio), np.complex128)


def _rough(line: Line, random: Random, amount: float) -> Line:
    change = np.ones(len(line))
    for order in range(2, 8):
        angle = np.angle(line)
        change += amount * random.standard_normal() * np.cos(order * angle + random.uniform(0, 2 * np.pi))
    return line * change


def _uneven(line: Line, random: Random) -> Line:
    """The small unevenness of a real crystal, at most about 2% of the radius; one in four has none."""
    if random.random() < 0.25:
        return line
    return _rough(line, random, min(abs(random.normal(0, 0.012)), 0.022))


def _regular(sides: int) -> Line:
    return np.exp(2j * np.pi * np.arange(sides) / sides)


def _box(ratio: float) -> Line:
    return np.array([ratio + 1j, -ratio + 1j, -ratio - 1j, ratio - 1j])


def _sphere(random: Random) -> tuple[Line, Targets]:
    ratio = 1 + random.exponential(0.08) if random.random() < 0.85 else random.uniform(1.2, 1.8)
    line = _polar(np.ones(360))
    line = line.real * np.sqrt(ratio) + 1j * line.imag / np.sqrt(ratio)
    line = _uneven(line, random)
    return line, _shared(Shape.SPHERE, Shape.ROD, _between(ratio, 1.35, 1.65))


def _four_sided(random: Random, ratio: float, angle: float) -> Line:
    """A parallelogram of sides 1 and `ratio` at `angle`, cut and rounded at its corners as far as its class stays."""
    side = np.exp(1j * angle)
    corners = np.array([0, ratio, ratio + side, side])
    corners = _jogged(corners - corners.mean(), random, 0.015)
    if random.random() < 0.25:
        corners = _cut(corners, random.uniform(0.03, 0.15) / ratio)
    if random.random() < 0.25:  # a square with bulging sides, drawn out as a whole
        box = _bulged(_box(1), random)
        line = box.real * np.sqrt(ratio) + 1j * box.imag / np.sqrt(ratio)
        tilt = np.cos(angle)
        return _uneven(line.real + tilt * line.imag + 1j * line.imag * np.sin(angle), random)
    return _uneven(_rounded(_bulged(corners, random), _softness(random, 4) / ratio), random)


def _square(random: Random) -> tuple[Line, Targets]:
    ratio = 1 + abs(random.normal(0, 0.06))
    skew = abs(random.normal(0, 2.5))
    line = _four_sided(random, ratio, np.deg2rad(90 - skew))
    return line, _shared(Shape.CUBE, Shape.RECTANGLE, _between(ratio, 1.12, 1.26))


def _rectangle(random: Random) -> tuple[Line, Targets]:
    ratio = random.uniform(1.2, 2.25)
    line = _four_sided(random, ratio, np.deg2rad(90 - abs(random.normal(0, 2))))
    if ratio < 1.7:
        return line, _shared(Shape.CUBE, Shape.RECTANGLE, _between(ratio, 1.12, 1.26))
    return line, _shared(Shape.RECTANGLE, Shape.ROD, _between(ratio, 2.0, 2.4))


def _rhombus(random: Random) -> tuple[Line, Targets]:
    angle = random.uniform(45, 82)
    line = _four_sided(random, 1 + abs(random.normal(0, 0.03)), np.deg2rad(angle))
    return line, _shared(Shape.RHOMBUS, Shape.CUBE, _between(angle, 76, 86))


def _triangle(random: Random) -> tuple[Line, Targets]:
    cut = random.uniform(0.02, 0.2) if random.random() < 0.4 else 0.0
    corners = _jogged(_regular(3), random, 0.05)
    if cut:
        corners = _cut(corners, cut)
    line = _uneven(_rounded(_bulged(corners, random), _softness(random, 3)), random)
    line = _stretched(line, 1 + abs(random.normal(0, 0.05)), random)
    return line, _shared(Shape.TRIANGLE, Shape.HEXAGON, 0.6 * _between(cut, 0.15, 0.25))


def _hexagon(random: Random) -> tuple[Line, Targets]:
    if random.random() < 0.35:
        cut = random.uniform(0.2, 0.333)
        corners = _cut(_regular(3), cut)
        targets = _shared(Shape.TRIANGLE, Shape.HEXAGON, _between(cut, 0.15, 0.25))
    else:
        corners, targets = _regular(6), {Shape.HEXAGON: 1.0}
    corners = _jogged(corners, random, 0.025)
    line = _rounded(_bulged(corners, random), _softness(random, 6))
    return _stretched(_uneven(line, random), 1 + abs(random.normal(0, 0.06)), random), targets


def _rod(random: Random) -> tuple[Line, Targets]:
    ratio = float(np.exp(random.uniform(np.log(1.6), np.log(8))))
    kind = random.integers(4)
    if kind == 0:  # flat ends
        ratio = max(ratio, 2.1)
        line = _rounded(_even(_box(ratio)), random.uniform(0, 0.04) / ratio)
        targets = _shared(Shape.RECTANGLE, Shape.ROD, _between(ratio, 2.0, 2.4))
    elif kind == 1:  # round ends
        half = np.exp(1j * np.linspace(-np.pi / 2, np.pi / 2, 60))
        line = _even(np.concatenate([ratio - 1 + half, 1 - ratio - half]))
        targets = _shared(Shape.SPHERE, Shape.ROD, _between(ratio, 1.4, 1.65))
    elif kind == 2:  # pointed to oval
        line = ratio * np.cos(_AT) + 1j * np.sin(_AT)
        targets = _shared(Shape.SPHERE, Shape.ROD, _between(ratio, 1.35, 1.65))
    else:  # between oval and box
        power = 2 / random.uniform(2.2, 5)
        cosine, sine = np.cos(_AT), np.sin(_AT)
        ratio = max(ratio, 1.9)
        line = _even(ratio * np.sign(cosine) * np.abs(cosine) ** power + 1j * np.sign(sine) * np.abs(sine) ** power)
        targets = {Shape.ROD: 1.0}
    bend = random.normal(0, 0.04)
    line = line + 1j * bend * (line.real**2) / ratio
    return _rough(line, random, abs(random.normal(0, 0.008))), targets


def _lobes(count: int, depth: float, power: float) -> Line:
    """Radius 1 ± depth with `count` lobes; power above 1 makes them pointed, below 1 blunt with sharp notches."""
    wave = 2 * (0.5 + 0.5 * np.cos(count * _AT)) ** power - 1
    return _polar(1 + depth * wave)


def _petals(count: int, reach: float, random: Random) -> Line:
    """The border of `count` discs in a ring around a middle: reach is their radius over half the way between two."""
    radius = np.sin(np.pi / count) * reach
    away = np.mod(_AT + np.pi / count, 2 * np.pi / count) - np.pi / count
    wobble = 1 + 0.02 * random.standard_normal()
    return _polar((np.cos(away) + np.sqrt(np.maximum(radius**2 - np.sin(away) ** 2, 0))) * wobble)


def _pointed(count: int, inner: float) -> Line:
    """A star of straight lines with notches at `inner` of the tips' radius."""
    corners = np.exp(1j * np.pi * np.arange(2 * count) / count)
    corners[1::2] *= inner
    return corners


def _flower(random: Random) -> tuple[Line, Targets]:
    count = int(random.choice([5, 6, 6, 6, 7, 8]))
    if random.random() < 0.5:
        depth = random.uniform(0.11, 0.22)
        line = _lobes(count, depth, random.uniform(0.6, 1.15))
    else:
        line = _petals(count, random.uniform(1.02, 1.35), random)
    line = _rounded(line, random.uniform(0, 0.04) / count)
    return _finished(line, random), {Shape.FLOWER: 1.0}


def _star(count: int, shape: Shape, plain: Shape, random: Random) -> tuple[Line, Targets]:
    """`plain` is what a star whose notches fill up becomes."""
    kind = random.random()
    full = float(np.cos(np.pi / count))  # a regular polygon's notch
    if kind < 0.4:
        depth = random.uniform(0.25, 0.45) if count == 6 else random.uniform(0.2, 0.48)
        return _finished(_lobes(count, depth, random.uniform(0.85, 2.0)), random), {shape: 1.0}
    if kind < 0.8:
        inner = random.uniform(0.3, 0.9 * full)
        line = _even(_jogged(_pointed(count, inner), random, 0.02))
        targets = _shared(shape, plain, _between(inner / full, 0.84, 0.98))
    else:  # bowed in between the tips
        inner = random.uniform(0.3, 0.8 * full)
        away = np.abs(np.mod(_AT * count / (2 * np.pi) + 0.5, 1) - 0.5) * 2
        line = _polar(inner + (1 - inner) * (1 - away) ** random.uniform(1.3, 2.5))
        targets = {shape: 1.0}
    return _finished(_rounded(line, random.uniform(0, 0.1) / count), random), targets


def _finished(line: Line, random: Random) -> Line:
    return _rough(_stretched(line, 1 + abs(random.normal(0, 0.04)), random), random, abs(random.normal(0, 0.01)))


def _irregular(random: Random) -> tuple[Line, Targets]:
    """What fits none: blobs, particles that merged, bitten ones, polygons and stars of other counts."""
    kind = random.random()
    if kind < 0.35:
        line = _polar(np.ones(360))
        amount = random.uniform(0.06, 0.16)
        change = np.ones(360)
        for order in range(2, 8):
            change += amount * random.standard_normal() * np.cos(order * _AT + random.uniform(0, 2 * np.pi))
        line = line * np.maximum(change, 0.2)
        rest = change - 1
        unlike = float(np.sqrt(np.mean(rest**2)))
        return line, _shared(Shape.SPHERE, Shape.IRREGULAR, _between(unlike, 0.04, 0.07))
    if kind < 0.7:
        return _merged(random), {Shape.IRREGULAR: 1.0}
    if kind < 0.82:
        return _random_polygon(random), {Shape.IRREGULAR: 1.0}
    if kind < 0.92:
        count = int(random.choice([3, 5, 5, 8]))
        line = _rounded(_even(_pointed(count, random.uniform(0.35, 0.62))), random.uniform(0, 0.1) / count)
        return _finished(line, random), {Shape.IRREGULAR: 1.0}
    line = _rounded(_bulged(_jogged(_regular(5), random, 0.02), random), 0.4 * _softness(random, 5))
    return line, {Shape.IRREGULAR: 1.0}


def _random_polygon(random: Random) -> Line:
    """Few corners at uneven angles and distances: shards, trapezia, kites."""
    count = int(random.integers(4, 8))
    angles = np.cumsum(random.dirichlet(np.full(count, 3.0))) * 2 * np.pi
    radius = random.uniform(0.5, 1.0, count)
    return _rounded(_even(radius * np.exp(1j * angles)), _softness(random, 6))


def _merged(random: Random) -> Line:
    """Two to four particles taken for one, or one with a bite where another lay on it."""
    size = 110
    canvas = np.zeros((2 * size, 2 * size), np.uint8)
    radius = 26.0
    makers = (_sphere, _square, _hexagon, _triangle, _rod)
    at = complex(size, size)
    bitten = random.random() < 0.3
    for index in range(2 if bitten else int(random.choice([2, 2, 2, 3, 3, 4]))):
        line, _ = makers[int(random.choice(5, p=[0.5, 0.15, 0.15, 0.1, 0.1]))](random)
        line = unit(line, random) * radius * random.uniform(0.7, 1.15)
        if index:
            apart = random.uniform(1.0, 1.45) if bitten else random.uniform(1.25, 1.95)
            at += radius * apart * np.exp(1j * random.uniform(0, 2 * np.pi))
        points = np.stack([(line + at).real, (line + at).imag], axis=1)
        cv2.fillPoly(canvas, [np.rint(points * 16).astype(np.int32)], 0 if bitten and index else 1, shift=4)
    contours, _ = cv2.findContours(canvas, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    border = max(contours, key=len).reshape(-1, 2)
    return _rounded(_even(border[:, 0] + 1j * border[:, 1]), 0.004)


_MAKERS: tuple[Callable[[Random], tuple[Line, Targets]], ...] = (
    _irregular,
    _square,
    _flower,
    lambda random: _star(4, Shape.FOUR_POINTED_STAR, Shape.CUBE, random),
    _hexagon,
    _rectangle,
    _rhombus,
    _rod,
    lambda random: _star(6, Shape.SIX_POINTED_STAR, Shape.HEXAGON, random),
    _sphere,
    _triangle,
)


def unit(line: Line, random: Random) -> Line:
    """The line about its middle, of the unit circle's area, turned and mirrored at random."""
    after = np.roll(line, -1)
    area = abs(float((line.real * after.imag - line.imag * after.real).sum())) / 2
    line = (line - line.mean()) * np.sqrt(np.pi / max(area, 1e-6))
    line = line * np.exp(1j * random.uniform(0, 2 * np.pi))
    return np.conj(line) if random.random() < 0.5 else line


def draw(random: Random) -> tuple[Line, Targets]:
    """One outline of a class drawn with equal chances (irregular and sphere twice as likely), and what to call it."""
    index = int(random.integers(len(_MAKERS) + 2))
    line, targets = (*_MAKERS, _irregular, _sphere)[index](random)
    return unit(line, random), targets


def rasterised(line: Line, diameter_px: float, noise_px: float, random: Random) -> NDArray[np.bool_]:
    """The mask (h, w) of an outline of unit-circle area, drawn `diameter_px` across (of its equivalent circle).

    Its edge is that of a blurred picture, displaced by noise of `noise_px` (standard deviation), which is alike over 1
    to 3 px along the edge.
    """
    radius = diameter_px / 2
    finer = 4 if diameter_px < 40 else 2 if diameter_px < 80 else 1
    at = line * radius
    low = np.array([np.floor(at.real.min()), np.floor(at.imag.min())]) - 4
    high = np.array([np.ceil(at.real.max()), np.ceil(at.imag.max())]) + 5
    shift = random.uniform(0, 1, 2)
    points = (np.stack([at.real, at.imag], axis=1) - low + shift) * finer
    width, height = (int(value) for value in high - low + 1)
    fine = np.zeros((height * finer, width * finer), np.uint8)
    cv2.fillPoly(fine, [np.rint((points - 0.5) * 16).astype(np.int32)], 255, shift=4)
    blur = random.uniform(0.5, 1.0)
    picture = blurred(resized((fine / 255).astype(np.float32), (width, height)), blur)
    if noise_px > 0:
        grain = blurred(random.standard_normal((height, width)).astype(np.float32), random.uniform(0.6, 1.5))
        grain *= noise_px / (float(grain.std()) * np.sqrt(2 * np.pi) * blur)
        picture += grain * 4 * picture * (1 - picture)
    mask = picture > 0.5
    return mask if mask.any() else picture >= picture.max()
