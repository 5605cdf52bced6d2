"""Rendered electron micrographs with exact instance maps, to train and to test a segmenter on.

``python -m sim.render --out FOLDER --count N --seed S`` writes them. What a scene is made of: `sim.micrograph_scene`;
the virtual microscope that looks at the virtual reactor's product is `sim.microscope`.
"""

import argparse
import csv
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import ClosedloopError, Shape
from sim.micrograph_camera import develop, expose, focus
from sim.micrograph_figure import decorate
from sim.micrograph_film import draw_ground
from sim.micrograph_labels import consecutive, intensity, made_legible, visible_labels
from sim.micrograph_layout import Layout, Places, lay_out, noise
from sim.micrograph_outlines import FAMILIES
from sim.micrograph_paint import Looks, paint
from sim.micrograph_scene import Contrast, Scene, draw_scene, made_plain

FEWEST = 5  # particles in a picture, but for a close-up of a few and for an empty film
REDRAWN = 6  # times at most


class RenderError(ClosedloopError):
    """Pictures that cannot be rendered as asked."""


@dataclass(frozen=True)
class SceneInfo:
    """What a picture shows. ``shapes`` and ``families`` by label (label i + 1 at place i), ``diameters_px`` of the
    whole outlines, before others or the frame cut them; ``mean_diameter_px`` is of the visible parts that are labelled
    and do not touch the frame (of all, where all touch it)."""

    contrast: Contrast
    layout: Layout
    particles: int
    mean_diameter_px: float
    shape: str
    nm_per_px: float
    shapes: tuple[Shape, ...]
    families: tuple[str, ...]
    diameters_px: tuple[float, ...]


def render_scene(
    generator: np.random.Generator,
    size: int = 512,
    *,
    contrast: Contrast | None = None,
    layout: Layout | None = None,
    family: str | None = None,
    plain: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.int32], SceneInfo]:
    """One picture of a scene drawn at random: grey (H, W), labels (H, W) from 1 without gaps, and what it is.

    plain: particles and nothing else (`sim.micrograph_scene.made_plain`).
    """
    for _ in range(REDRAWN):
        scene = draw_scene(generator, size, contrast=contrast, layout=layout, family=family)
        if plain:
            scene = made_plain(scene, generator)
        picture = render(scene, generator, size)
        if picture[2].particles >= {"few": 1, "empty": 0}.get(scene.layout, FEWEST):
            break
    return picture


def render(
    scene: Scene, generator: np.random.Generator, size: int = 512
) -> tuple[NDArray[np.uint8], NDArray[np.int32], SceneInfo]:
    """As `render_scene`, for a scene that is given."""
    frame = (size, size)
    places = _places(scene, frame, generator)
    looks = _looks(scene, places, frame, generator)
    painted = paint(places, looks, frame, generator)
    scene, painted = made_legible(scene, painted)
    ground = draw_ground(scene.film, 0.5 * scene.diameter, frame, generator)
    bare, full = intensity(scene, painted, ground)
    labels, origin = visible_labels(scene, painted, bare, full)
    grey = develop(expose(focus(full, scene.camera), scene.camera, generator), scene.camera)
    before = np.bincount(labels.ravel(), minlength=len(origin))
    if scene.lettered:
        grey = decorate(grey, labels, scene.nm_per_px, generator)
    labels, origin = consecutive(labels, origin, before)
    return grey, labels, _info(scene, places, looks, labels, origin)


def _places(scene: Scene, frame: tuple[int, int], generator: np.random.Generator) -> Places:
    aspects = [outline.aspect for outline in scene.outlines]
    square = scene.outlines[0].family in ("cube", "rectangle") and generator.random() < 0.7
    places = lay_out(
        scene.layout,
        0.5 * scene.diameter,
        scene.spread,
        scene.gap,
        float(np.median(aspects)),
        frame,
        generator,
        count=scene.count,
        square=square,
    )
    if scene.second_share:
        small = generator.random(len(places)) < scene.second_share
        radius = np.where(small, scene.second * places.radius, places.radius)
        places = Places(places.x, places.y, places.turn, places.layer, radius)
    return places


def _looks(scene: Scene, places: Places, frame: tuple[int, int], generator: np.random.Generator) -> Looks:
    """Each particle's own contrast and texture."""
    count = len(places)
    depth = scene.depth * np.exp(scene.variation * generator.standard_normal(count))
    draw = generator.random(count)
    depth = depth * np.where(draw < scene.strong, generator.uniform(1.5, 3.0, count), 1.0)
    depth = depth * np.where(draw > 1.0 - scene.faint, generator.uniform(0.25, 0.6, count), 1.0)
    depth = depth * 2.0 * places.radius / scene.diameter
    bright = scene.gain * (1.0 + 0.3 * scene.variation * generator.standard_normal(count)) * 0.92**-places.layer

    def some(amplitude: float) -> NDArray[np.float32]:
        return (amplitude * generator.random(count) * (generator.random(count) < 0.6)).astype(np.float32)

    texture = noise(frame, scene.grain_px, generator) if scene.grain else np.zeros(frame, np.float32)
    return Looks(
        outlines=scene.outlines,
        outline=generator.integers(len(scene.outlines), size=count),
        depth=depth.astype(np.float32),
        bright=bright.astype(np.float32),
        fringe=some(scene.fringes),
        contour=some(scene.contours * float(generator.choice([-1.0, 1.5]))),
        equal=some(scene.equal),
        grain=np.full(count, scene.grain, np.float32),
        texture=texture,
        inner=scene.inner,
        core=scene.core,
        halo=scene.halo,
        halo_px=scene.halo_px,
        edge=scene.edge,
        edge_power=scene.edge_power,
        light=scene.light,
        fringe_px=float(generator.uniform(2.2, max(2.4, min(8.0, 0.2 * scene.diameter)))),
    )


def _info(
    scene: Scene, places: Places, looks: Looks, labels: NDArray[np.int32], origin: NDArray[np.int64]
) -> SceneInfo:
    area = np.bincount(labels.ravel(), minlength=len(origin) + 1)[1:]
    diameters = 2.0 * np.sqrt(area / math.pi)
    rim = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    whole = np.ones(len(origin) + 1, dtype=bool)
    whole[rim] = False
    inner = diameters[whole[1:]]
    mean = float(inner.mean()) if len(inner) else float(diameters.mean()) if len(diameters) else math.nan
    own = [scene.outlines[index] for index in looks.outline[origin]]
    names = list(dict.fromkeys(outline.family for outline in scene.outlines))
    return SceneInfo(
        contrast=scene.contrast,
        layout=scene.layout,
        particles=len(origin),
        mean_diameter_px=mean,
        shape=" + ".join(names),
        nm_per_px=scene.nm_per_px,
        shapes=tuple(outline.shape for outline in own),
        families=tuple(outline.family for outline in own),
        diameters_px=tuple((2.0 * places.radius[origin]).tolist()),
    )


COLUMNS = ("image", "kind", "layout", "particles", "mean_diameter_px", "shape", "nm_per_px")


def write(
    folder: Path,
    count: int,
    seed: int,
    size: int = 512,
    first: int = 0,
    families: Sequence[str] = (),
    plain: bool = False,
) -> None:
    """Write pictures ``first`` to ``first + count - 1`` of a seed: ``images/``, ``masks/`` and ``scenes.csv``.

    families: where any are given, each picture holds one of them alone, in turn by its number. A picture depends on the
    seed, its own number, its family and ``plain`` alone. Raises `RenderError` where the folder holds other files.
    """
    images, masks, table = folder / "images", folder / "masks", folder / "scenes.csv"
    if table.exists():
        raise RenderError(f"{folder} already holds rendered pictures; give another folder, or delete it first")
    for made in (images, masks):
        made.mkdir(parents=True, exist_ok=True)
    partial = table.with_name(table.name + ".part")
    with partial.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for number in range(first, first + count):
            family = families[number % len(families)] if families else None
            grey, labels, info = render_scene(np.random.default_rng([seed, number]), size, family=family, plain=plain)
            name = f"{number:06d}"
            cv2.imwrite(str(images / f"{name}.png"), grey)
            cv2.imwrite(str(masks / f"{name}.png"), labels.astype(np.uint16))
            mean = "" if math.isnan(info.mean_diameter_px) else f"{info.mean_diameter_px:.2f}"
            rows.writerow((name, info.contrast, info.layout, info.particles, mean, info.shape, f"{info.nm_per_px:.5g}"))
            if (number - first + 1) % 100 == 0:
                print(f"{number - first + 1} of {count}", file=sys.stderr)
    partial.replace(table)


def main(arguments: list[str] | None = None) -> int:
    """The command line; 2 where something was wrong with what was asked."""
    parser = argparse.ArgumentParser(prog="python -m sim.render", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder that gets images, masks and scenes.csv")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=512, help="width and height in px")
    parser.add_argument("--first", type=int, default=0, help="number of the first picture, to split the work")
    parser.add_argument(
        "--family",
        action="append",
        default=[],
        choices=sorted(FAMILIES),
        help="particles of this kind alone; repeated, each picture is of one of them in turn; by default of all",
    )
    parser.add_argument("--plain", action="store_true", help="particles and nothing else: no film, fringes or letters")
    asked = parser.parse_args(arguments)
    try:
        if asked.count < 1 or asked.first < 0 or asked.seed < 0:
            raise RenderError("--count has to be at least 1, --first and --seed at least 0")
        if not 128 <= asked.size <= 8192:
            raise RenderError(f"--size {asked.size} is outside of 128 to 8192 px")
        write(asked.out, asked.count, asked.seed, asked.size, asked.first, asked.family, asked.plain)
    except (RenderError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
