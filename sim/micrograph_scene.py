"""What is to be seen: a scene, drawn at random from broad ranges, before anything is painted.

The ranges are a microscopist's experience put into numbers, not fitted to any picture; docs/decisions/0043 says why.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from sim.micrograph_camera import Camera, draw_camera
from sim.micrograph_film import NOTHING, Film, draw_film
from sim.micrograph_layout import LAYOUTS, PACKED, Layout
from sim.micrograph_outlines import Outline, draw_outline

Contrast = Literal["bright field", "dark field", "scanning"]
CONTRASTS: tuple[Contrast, ...] = get_args(Contrast)

_LAYOUT_WEIGHTS = {
    "lattice": 0.14,
    "disordered": 0.17,
    "islands": 0.14,
    "chains": 0.04,
    "bilayer": 0.06,
    "clusters": 0.14,
    "sparse": 0.13,
    "scattered": 0.08,
    "few": 0.08,
    "empty": 0.02,
}
_FAMILY_WEIGHTS = {
    "sphere": 0.26,
    "faceted": 0.20,
    "ellipse": 0.07,
    "cube": 0.09,
    "rectangle": 0.05,
    "rod": 0.08,
    "triangle": 0.05,
    "hexagon": 0.05,
    "rhombus": 0.03,
    "bipyramid": 0.03,
    "four-pointed star": 0.015,
    "six-pointed star": 0.015,
    "flower": 0.02,
    "branched": 0.03,
    "irregular": 0.06,
    "peanut": 0.02,
    "worm": 0.015,
}
_NOTPACKED = ("worm", "branched")
_EACH_ITS_OWN = ("irregular", "branched", "peanut")  # particles of one batch have nothing in common
_FINEST_PITCH = 7.9 / 512.0  # of the frame's width: below it more than 5,000 particles would fit
SMALLEST_DIAMETER = 6.0
THINNEST = 4.5  # px
MOST_OUTLINES = 24


@dataclass(frozen=True)
class Scene:
    """Settings of one picture; lengths in px.

    ``outlines`` that occur in it; ``diameter`` mean equivalent circle diameter; ``spread`` relative; ``second`` the
    mean diameter of a second population as a multiple of the first's, with its ``second_share``; ``gap`` between
    neighbours; ``count`` of particles where they are not packed. ``depth`` optical thickness; its ``variation`` from
    crystal to crystal, ``strong`` and ``faint`` shares that diffract much or little. ``level`` of the ground, ``gain``
    of the particles in grey (0 to 1). ``edge``, ``edge_power``, ``light``, ``groove``: shading of surfaces.
    ``lettered``: whether anything is printed over it. Others as in `sim.micrograph_paint.Looks`.
    """

    contrast: Contrast
    layout: Layout
    outlines: tuple[Outline, ...]
    diameter: float
    spread: float
    second: float
    second_share: float
    gap: float
    count: int
    nm_per_px: float
    depth: float
    variation: float
    strong: float
    faint: float
    fringes: float
    equal: float
    contours: float
    grain: float
    grain_px: float
    inner: float
    core: float
    halo: float
    halo_px: float
    level: float
    gain: float
    edge: float
    edge_power: float
    light: tuple[float, float]
    groove: float
    lettered: bool
    film: Film
    camera: Camera


def _between(low: float, high: float, generator: np.random.Generator) -> float:
    """Log-uniform."""
    return math.exp(generator.uniform(math.log(low), math.log(high)))


def draw_scene(
    generator: np.random.Generator,
    size: int = 512,
    *,
    contrast: Contrast | None = None,
    layout: Layout | None = None,
    family: str | None = None,
) -> Scene:
    """One scene; what is given is kept, the rest is drawn."""
    layout = layout or LAYOUTS[int(generator.choice(len(LAYOUTS), p=[_LAYOUT_WEIGHTS[name] for name in LAYOUTS]))]
    packed = layout in PACKED
    diameter = max(SMALLEST_DIAMETER, _diameter(layout, generator) * size / 512.0)
    contrast = contrast or _contrast(diameter, generator)
    scanning = contrast == "scanning"
    outlines = _outlines(family, packed, scanning, generator)
    # The thinnest way across a rod has to be seen too.
    diameter = max(diameter, THINNEST * math.sqrt(max(outline.aspect for outline in outlines)))
    coverage = _between(0.02, 0.5, generator)
    particles = coverage * size * size / (0.25 * math.pi * diameter**2)
    count = int(generator.integers(1, 15)) if layout == "few" else int(np.clip(particles, 6, 3000))
    gap = float(generator.uniform(0.0, 4.0)) if generator.random() < 0.7 else _between(0.02, 0.5, generator) * diameter
    if packed:
        gap = max(gap, _FINEST_PITCH * size * (1.15 if layout == "bilayer" else 1.0) - diameter)
    spread = _between(0.03, 0.12, generator) if layout == "lattice" else _between(0.03, 0.25, generator)
    mixed = not packed and generator.random() < 0.15
    shelled = diameter > 16.0 and generator.random() < 0.10
    real_nm = _between(60.0, 5000.0, generator) if scanning else _between(2.0, 120.0, generator)
    fine = diameter > 14.0 and not scanning

    def sometimes(chance: float, low: float, high: float) -> float:
        return float(generator.uniform(low, high)) if generator.random() < chance else 0.0

    edge = float(generator.uniform(0.1, 1.3)) if generator.random() < 0.7 else float(generator.uniform(-0.7, -0.1))
    angle, tilt = 2.0 * np.pi * generator.random(), generator.uniform(0.0, 0.35)
    level = float(generator.uniform(0.4, 0.92))
    gain = 1.0
    if contrast == "dark field":
        level, gain = float(generator.uniform(0.03, 0.3)), float(generator.uniform(0.2, 0.8))
    elif scanning:
        level = float(generator.uniform(0.04, 0.45))
        gain = level + float(generator.uniform(0.1, 0.5))
    return Scene(
        contrast=contrast,
        layout=layout,
        outlines=outlines,
        diameter=diameter,
        spread=spread,
        second=float(generator.uniform(0.3, 0.7)) if mixed else 1.0,
        second_share=float(generator.uniform(0.2, 0.8)) if mixed else 0.0,
        gap=gap,
        count=count,
        nm_per_px=real_nm / diameter,
        depth=_between(0.08, 0.25, generator) if generator.random() < 0.2 else _between(0.25, 2.2, generator),
        variation=float(generator.uniform(0.03, 0.35)),
        strong=sometimes(0.5, 0.02, 0.2),
        faint=sometimes(0.3, 0.02, 0.2),
        fringes=sometimes(0.25, 0.1, 0.9) if fine else 0.0,
        equal=sometimes(0.10, 0.2, 0.8) if fine else 0.0,
        contours=sometimes(0.15, 0.1, 0.6) if fine else 0.0,
        grain=sometimes(0.35, 0.05, 0.2 if scanning else 0.4) if diameter > 14.0 else 0.0,
        grain_px=_between(0.6, max(0.8, 0.12 * diameter), generator),
        inner=float(generator.uniform(0.4, 0.88)) if shelled else 0.5,
        core=(float(generator.uniform(-0.95, -0.4)) if generator.random() < 0.5 else _between(0.5, 3.0, generator))
        if shelled
        else 0.0,
        halo=sometimes(0.15, -0.08, 0.08),
        halo_px=float(generator.uniform(0.8, max(1.0, min(5.0, 0.12 * diameter)))),
        level=level,
        gain=gain,
        edge=edge,
        edge_power=_between(2.0, 14.0, generator),
        light=(tilt * math.cos(angle), tilt * math.sin(angle)),
        groove=float(generator.uniform(0.0, 0.6)),
        lettered=bool(generator.random() < 0.55),
        film=draw_film(scanning, (size, size), generator),
        camera=draw_camera(scanning, contrast == "bright field", 2.0 * 0.5 * diameter, generator),
    )


def made_plain(scene: Scene, generator: np.random.Generator) -> Scene:
    """The same particles and nothing else: no film, shells, fringes or letters, an even light, a camera that only blurs
    and counts. Flat as plates to as round as their family, from all but touching to far apart, dark or bright.

    Pictures are seldom so plain, and whoever draws one by hand draws it so; a network that never met one draws the
    particles of another size (docs/decisions/0128).
    """
    flat = float(generator.choice([0.02, 1.0, generator.uniform(0.02, 1.0)]))
    outlines = tuple(replace(outline, root=flat * outline.root) for outline in scene.outlines)
    camera = replace(
        scene.camera,
        fresnel=0.0,
        drift=0.0,
        lines=0.0,
        sway=0.0,
        gamma=1.0,
        stretch=None,
        denoise=False,
        shrink=1.0,
        jpeg=None,
        negative=bool(generator.random() < 0.3),
    )
    close = float(generator.uniform(0.0, 0.08)) * scene.diameter
    return replace(
        scene,
        contrast="bright field",
        outlines=outlines,
        gap=min(scene.gap, close) if generator.random() < 0.5 else scene.gap,
        depth=_between(0.15, 1.2, generator),
        variation=float(generator.uniform(0.0, 0.15)),
        strong=0.0,
        faint=0.0,
        fringes=0.0,
        equal=0.0,
        contours=0.0,
        grain=0.0,
        inner=0.5,
        core=0.0,
        halo=0.0,
        level=float(generator.uniform(0.5, 0.92)),
        gain=1.0,
        lettered=False,
        film=NOTHING,
        camera=camera,
    )


def _diameter(layout: Layout, generator: np.random.Generator) -> float:
    """In px of a frame of 512 px."""
    if layout == "few":
        return _between(60.0, 200.0, generator)
    if layout in PACKED:
        return _between(6.0, 48.0, generator) if generator.random() < 0.85 else _between(40.0, 120.0, generator)
    return _between(6.0, 60.0, generator) if generator.random() < 0.7 else _between(40.0, 140.0, generator)


def _contrast(diameter: float, generator: np.random.Generator) -> Contrast:
    """Small particles are seldom taken with a scanning microscope."""
    draw = generator.random()
    if draw < (0.08 if diameter < 14.0 else 0.28):
        return "scanning"
    return "dark field" if draw > 0.85 else "bright field"


def _outlines(family: str | None, packed: bool, scanning: bool, generator: np.random.Generator) -> tuple[Outline, ...]:
    """The outlines of one batch: siblings of one form, or of two or three in a mixture."""
    names = [name for name in _FAMILY_WEIGHTS if not (packed and name in _NOTPACKED)]
    weights = np.array([_FAMILY_WEIGHTS[name] for name in names])
    kinds = int(generator.integers(2, 4)) if family is None and generator.random() < 0.15 else 1
    chosen = [family] if family else generator.choice(names, size=kinds, p=weights / weights.sum()).tolist()
    forms = [int(generator.integers(2**32)) for _ in chosen]
    # Faces of a surface, or the twins of a crystal.
    faces = float(generator.uniform(0.0, 0.35)) if scanning or generator.random() < 0.12 else 0.0
    roughness = _between(0.001, 0.025, generator)
    found = []
    for index in range(MOST_OUTLINES):
        kind = index % len(chosen)
        form = None if chosen[kind] in _EACH_ITS_OWN else forms[kind]
        found.append(draw_outline(chosen[kind], generator, form=form, roughness=roughness, face_contrast=faces))
    return tuple(found)
