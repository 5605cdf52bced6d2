"""A grey-scale transmission electron micrograph of a simulated product, and the truth that it was drawn from.

Bright field: darkness by thickness, diffraction contrast by orientation, carbon film, defocus fringe, shot and readout
noise, uneven light, scale bar. Where particles lie and their outlines: `sim.microscope_particles`.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from closedloop.recipes import Shape
from sim import microscope_label as label
from sim.microscope_label import ScaleBar, Style
from sim.microscope_particles import Outline, deposit, draw_outline
from sim.reactor_product import Product

Image = NDArray[np.float32]

SHELL_NM = 1.3  # gap that the ligands keep between two crystals
LADDER = 1.26  # ratio of one magnification to the next
FINEST_NM_PER_PX = 0.0176
TYPICAL_DIAMETER_PX = 38.0
EMPTY_NM_PER_PX = 0.11
FRINGE_NM = 0.35  # (111) of zinc-blende CdSe
FRINGES_BELOW_NM_PER_PX = 0.14
MOST_PARTICLES = 250
PRECIPITATE_FROM = 0.15  # aggregated share of the solid from which clumps lie on the grid


@dataclass(frozen=True)
class ParticleTruth:
    """One particle: its whole projection before anything covers it, as a window (rows, columns) of the picture."""

    diameter_nm: float
    shape: Shape
    row: int
    column: int
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Micrograph:
    """``image`` (H, W) uint8; ``masks`` (H, W) int32, what is seen of each particle, 0 background, label i + 1 is
    ``particles[i]``; ``clumps`` (H, W) bool, precipitate that is no particle. A strip is outside of all masks."""

    image: NDArray[np.uint8]
    masks: NDArray[np.int32]
    clumps: NDArray[np.bool_]
    nm_per_px: float
    particles: tuple[ParticleTruth, ...]
    scale_bar: ScaleBar | None

    @property
    def true_diameters_nm(self) -> NDArray[np.float64]:
        """Equivalent circle diameters of the drawn particles in the order of their labels, (n,)."""
        return np.array([particle.diameter_nm for particle in self.particles])

    def save(self, path: Path, *, with_pixel_size: bool = False) -> None:
        """Write an 8-bit TIFF; the pixel size stays in the scale bar alone unless it is asked for."""
        path = Path(path)
        partial = path.with_name(path.name + ".part")
        if with_pixel_size:
            per_px = 1.0 / self.nm_per_px
            tifffile.imwrite(partial, self.image, imagej=True, resolution=(per_px, per_px), metadata={"unit": "nm"})
        else:
            tifffile.imwrite(partial, self.image, metadata=None, software=False)
        partial.replace(path)


def magnification_nm_per_px(product: Product) -> float:
    """The step of the microscope's ladder that shows the mean crystal nearest to 38 px across."""
    mean = product.mean_diameter_nm
    ideal = EMPTY_NM_PER_PX if mean is None else mean / TYPICAL_DIAMETER_PX
    steps = round(math.log(max(ideal, FINEST_NM_PER_PX) / FINEST_NM_PER_PX) / math.log(LADDER))
    return FINEST_NM_PER_PX * LADDER**steps


def render(
    product: Product,
    seed: int,
    *,
    size_px: int = 1024,
    nm_per_px: float | None = None,
    coverage: float | None = None,
    overlapping: float = 0.03,
    dose_per_px: float | None = None,
    scale_bar: Style = "corner",
) -> Micrograph:
    """One picture, ``size_px`` square (a strip comes on top of that), the same for the same arguments.

    ``coverage`` is the share of the film that crystals and their ligand shells take up, ``overlapping`` the share of
    crystals that lie on another one, ``dose_per_px`` the electrons per pixel; what is ``None`` is drawn as an operator
    would choose it.
    """
    generator = np.random.default_rng(seed)
    scale = nm_per_px or magnification_nm_per_px(product)
    coverage = (
        coverage if coverage is not None else (0.28 + 0.22 * generator.random()) * (1.0 - product.aggregated_fraction)
    )
    dose = dose_per_px if dose_per_px is not None else 60.0 + 80.0 * generator.random()
    size = (size_px, size_px)

    thickness = np.zeros(size, dtype=np.float32)
    masks = np.zeros(size, dtype=np.int32)
    clumps = _clumps(product, size, generator, thickness)
    particles = _particles(product, scale, coverage, overlapping, size, generator, thickness, masks)
    masks[clumps] = 0
    transmission = np.exp(-thickness) * _film(size, scale, generator)
    seen = _expose(_defocus(transmission, scale, generator), dose, generator)
    bar = None if scale_bar == "none" else label.choose(scale, size_px)
    image = seen if bar is None else label.draw(seen, bar, scale_bar)
    below = image.shape[0] - size_px
    return Micrograph(
        image=image,
        masks=np.pad(masks, ((0, below), (0, 0))),
        clumps=np.pad(clumps, ((0, below), (0, 0))),
        nm_per_px=scale,
        particles=particles,
        scale_bar=bar,
    )


def _particles(
    product: Product,
    nm_per_px: float,
    coverage: float,
    overlapping: float,
    size: tuple[int, int],
    generator: np.random.Generator,
    thickness: Image,
    masks: NDArray[np.int32],
) -> tuple[ParticleTruth, ...]:
    """Draw a sample of the population into ``thickness`` and ``masks``, in place."""
    mean = product.mean_diameter_nm
    if mean is None:
        return ()
    with_shell_px = (mean + SHELL_NM) / nm_per_px
    wanted = round(coverage * size[0] * size[1] / (0.25 * math.pi * with_shell_px**2))
    diameters = product.draw_diameters_nm(min(max(wanted, 1), MOST_PARTICLES), generator)
    shapes = list(product.shape_fractions) or [Shape.SPHERE]
    shares = np.array([product.shape_fractions.get(shape, 1.0) for shape in shapes])
    picks = generator.choice(len(shapes), size=len(diameters), p=shares / shares.sum())
    outlines = [draw_outline(shapes[pick], generator) for pick in picks]
    radii = 0.5 * diameters / nm_per_px
    reach = np.array(
        [radius * math.sqrt(o.aspect) * float(o.radius.max()) for radius, o in zip(radii, outlines, strict=True)]
    )
    laid = deposit(reach, SHELL_NM / nm_per_px, size, generator, overlapping)
    contrast = _contrasts(len(laid.kept), generator)
    found: list[ParticleTruth] = []
    for index, (x, y), darkness in zip(laid.kept, laid.centres, contrast, strict=True):
        fringe = FRINGE_NM / nm_per_px if nm_per_px < FRINGES_BELOW_NM_PER_PX and generator.random() < 0.35 else None
        truth = _stamp(
            (x, y),
            radii[index],
            outlines[index],
            shapes[picks[index]],
            darkness,
            fringe,
            nm_per_px,
            generator,
            thickness,
        )
        if truth is None:
            continue
        found.append(truth)
        rows, columns = truth.mask.shape
        window = masks[truth.row : truth.row + rows, truth.column : truth.column + columns]
        window[truth.mask] = len(found)
    return tuple(found)


def _contrasts(count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Darkness by orientation, (count,): most crystals are off axis, about a tenth diffract strongly."""
    strong = generator.random(count) < 0.10
    return np.exp(0.16 * generator.standard_normal(count)) * np.where(strong, 1.6 + 0.8 * generator.random(count), 1.0)


def _stamp(
    centre: tuple[float, float],
    radius: float,
    outline: Outline,
    shape: Shape,
    darkness: float,
    fringe_px: float | None,
    nm_per_px: float,
    generator: np.random.Generator,
    thickness: Image,
) -> ParticleTruth | None:
    """Add one particle's optical thickness in place; ``None`` where it lies outside of the picture."""
    reach = radius * math.sqrt(outline.aspect) * float(outline.radius.max()) + 2.0
    left, top = max(0, math.floor(centre[0] - reach)), max(0, math.floor(centre[1] - reach))
    right = min(thickness.shape[1], math.ceil(centre[0] + reach) + 1)
    bottom = min(thickness.shape[0], math.ceil(centre[1] + reach) + 1)
    if right <= left or bottom <= top:
        return None
    x = (np.arange(left, right) - centre[0])[None, :] / radius
    y = (np.arange(top, bottom) - centre[1])[:, None] / radius
    relative = outline.relative_radius(x, y)
    mask = relative < 1.0
    if not mask.any():
        return None
    # A 5 nm crystal takes away about a third of the electrons; thinner ones less than in proportion.
    optical = 0.26 * darkness * math.sqrt(radius * nm_per_px / 2.5) * outline.thickness(relative)
    if fringe_px is not None:
        angle, phase = np.pi * generator.random(), 2.0 * np.pi * generator.random()
        wave = np.cos(2.0 * np.pi * radius * (x * math.cos(angle) + y * math.sin(angle)) / fringe_px + phase)
        optical = optical * (1.0 + 0.35 * wave)
    thickness[top:bottom, left:right] += optical.astype(np.float32)
    return ParticleTruth(2.0 * radius * nm_per_px, shape, top, left, mask)


def _clumps(
    product: Product, size: tuple[int, int], generator: np.random.Generator, thickness: Image
) -> NDArray[np.bool_]:
    """Precipitate: dark fused heaps, the larger the more of the solid has aggregated; drawn in place."""
    clumps = np.zeros(size, dtype=bool)
    if product.aggregated_fraction < PRECIPITATE_FROM:
        return clumps
    rows = np.arange(size[0], dtype=np.float32)[:, None]
    columns = np.arange(size[1], dtype=np.float32)[None, :]
    hill = np.zeros(size, dtype=np.float32)
    for _ in range(1 + round(3 * product.aggregated_fraction)):
        middle = generator.random(2) * size
        spread = (0.05 + 0.15 * product.aggregated_fraction * generator.random()) * size[0]
        distance = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2
        np.maximum(hill, np.exp(-distance / (2.0 * spread**2)), out=hill, casting="unsafe")
    rough = hill * (1.0 + 0.30 * _noise(size, 0.010 * size[0], generator) + 0.12 * _noise(size, 3.0, generator))
    clumps |= rough > 0.5
    thickness += np.float32(1.6) * np.clip(8.0 * (rough - 0.5) + 0.5, 0.0, 1.0).astype(np.float32)
    return clumps


def _noise(size: tuple[int, int], sigma_px: float, generator: np.random.Generator) -> Image:
    """Gaussian noise of unit variance with a correlation length of ``sigma_px``; coarse ones are made small first."""
    shrink = max(1, int(sigma_px / 3.0))
    small = (size[0] // shrink + 2, size[1] // shrink + 2)
    white = generator.standard_normal(small, dtype=np.float32)
    field = np.asarray(cv2.GaussianBlur(white, (0, 0), max(sigma_px / shrink, 0.3)), dtype=np.float32)
    field = (field - field.mean()) / (field.std() + np.float32(1e-6))
    if shrink > 1:
        large = (small[1] * shrink, small[0] * shrink)
        field = np.asarray(cv2.resize(field, large, interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    return np.ascontiguousarray(field[: size[0], : size[1]])


def _film(size: tuple[int, int], nm_per_px: float, generator: np.random.Generator) -> Image:
    """Transmission of the carbon film: amorphous speckle, slow changes of thickness, uneven light."""
    speckle = 0.020 * _noise(size, max(0.17 / nm_per_px, 0.6), generator)
    slow = 0.012 * _noise(size, 0.05 * size[1], generator)
    rows = np.linspace(-1.0, 1.0, size[0], dtype=np.float32)[:, None]
    columns = np.linspace(-1.0, 1.0, size[1], dtype=np.float32)[None, :]
    tilt = 0.035 * generator.standard_normal(3)
    light = tilt[0] * rows + tilt[1] * columns - 0.03 * abs(tilt[2]) / 0.035 * (rows**2 + columns**2) / 2.0
    return (1.0 + speckle + slow + light).astype(np.float32)


def _defocus(transmission: Image, nm_per_px: float, generator: np.random.Generator) -> Image:
    """Blur, and the bright fringe around a dark edge that a slight underfocus gives (a difference of Gaussians)."""
    blur = max(0.5, (0.10 + 0.06 * generator.random()) / nm_per_px)
    wide = blur + (0.30 + 0.25 * generator.random()) / nm_per_px
    strength = 0.35 + 0.35 * generator.random()
    sharp = cv2.GaussianBlur(transmission, (0, 0), blur)
    return sharp + np.float32(strength) * (sharp - cv2.GaussianBlur(transmission, (0, 0), wide))


def _expose(intensity: Image, dose: float, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Counting statistics, the camera's own spread and readout noise, then eight bits at an operator's brightness."""
    electrons = np.float32(dose) * np.maximum(intensity, 0.02)
    # At tens of electrons per pixel a normal deviate of the same variance cannot be told from Poisson's.
    counted = electrons + np.sqrt(electrons) * generator.standard_normal(intensity.shape, dtype=np.float32)
    spread = np.asarray(cv2.GaussianBlur(counted, (0, 0), 0.55), dtype=np.float32)
    read = spread + np.float32(1.5) * generator.standard_normal(intensity.shape, dtype=np.float32)
    grey = 150.0 + 20.0 * generator.random()
    return np.clip(np.rint(read * np.float32(grey / dose)), 0, 255).astype(np.uint8)
