"""Light from what was painted, whether a person would see each particle in it, and the labels that follow from that."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from sim.micrograph_paint import Painted
from sim.micrograph_scene import Scene

Image = NDArray[np.float32]

SMALLEST_AREA = 20  # px²: less of a particle is not labelled
ROSE = 8.0  # least contrast over noise, averaged over its area, of a picture's typical particle (Rose 1948: 5)
SLIVER = 0.06  # share of a particle: less of it, beside what covers it, is not labelled
BURIED = 0.4  # of the usual light: what gets less is under precipitate
LEAST_SEEN = 2.5  # the same for a single particle: among others of its kind less is enough
LEAST_CONTRAST = 0.025  # of the grey scale


def intensity(scene: Scene, painted: Painted, ground: Image) -> tuple[Image, Image]:
    """Light without and with the particles, 1 at the top of the grey scale, (H, W) each."""
    if scene.contrast == "bright field":
        bare = np.float32(scene.level) * ground
        return bare, bare * np.exp(-painted.thickness)
    # What takes electrons out of the direct beam sends them to a dark-field detector.
    bare = np.float32(scene.level) * (np.clip(2.0 - ground, 0.05, None) if scene.contrast == "dark field" else ground)
    if scene.contrast == "dark field":
        return bare, np.maximum(bare + np.float32(scene.gain) * painted.thickness, 0.0)
    covered = painted.labels > 0
    occupied = covered.astype(np.float32)
    shadow = cv2.GaussianBlur(occupied, (0, 0), max(1.0, 0.12 * scene.diameter))
    full = np.where(covered, painted.surface, bare * (1.0 - np.float32(scene.groove) * shadow))
    if scene.groove:
        seam = np.zeros_like(occupied)
        for axis in (0, 1):
            other = np.roll(painted.labels, 1, axis)
            seam[(painted.labels != other) & covered & (other > 0)] = 1.0
        width = max(0.6, 0.02 * scene.diameter)
        full = full * (
            1.0 - np.float32(2.0 * scene.groove) * np.minimum(0.5, width * cv2.GaussianBlur(seam, (0, 0), width))
        )
    return bare, full.astype(np.float32)


def visible_labels(
    scene: Scene, painted: Painted, bare: Image, full: Image
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Labels of what a person would outline, and the particle behind each label (n + 1,), -1 for the ground.

    ``bare``, ``full``: light without and with the particles, in grey (0 to 1), (H, W).

    One label is one piece: of a particle that another cuts in two, each half is labelled, as people do it. Pieces that
    are too small or that noise hides are not labelled.
    """
    # What lies under a heap of precipitate cannot be outlined.
    buried = scene.contrast == "bright field" and scene.film.heaps > 0
    owner = np.where(bare < BURIED * scene.level, 0, painted.labels) if buried else painted.labels
    difference = full - bare
    flat = owner.ravel()
    area = np.bincount(flat, minlength=len(painted.area) + 1)
    contrast = np.sqrt(np.bincount(flat, (difference * difference).ravel(), len(area)) / np.maximum(area, 1))
    count = len(area)
    origin = np.arange(count, dtype=np.int64) - 1
    washed = _washed(scene, contrast, area)
    whole = np.concatenate(([0], painted.area))
    visible = (washed > LEAST_SEEN * _noise_level(scene, area)) & (washed > LEAST_CONTRAST) & (area >= SMALLEST_AREA)
    visible &= area > SLIVER * whole
    visible[0] = False
    labels = np.where(visible[owner], owner, 0).astype(np.int32)
    cut = area < whole
    cut[np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))] = True
    return _in_one_piece(labels, origin, np.flatnonzero(visible & cut))


def _washed(scene: Scene, contrast: NDArray[np.float64], area: NDArray[np.int64]) -> NDArray[np.float64]:
    """What blur and drift leave of the contrast of each particle, (n,)."""
    across = np.sqrt(area)
    return np.asarray(contrast * across / (across + 2.0 * scene.camera.blur + scene.camera.drift))


def _noise_level(scene: Scene, area: NDArray[np.int64]) -> NDArray[np.float64]:
    """Counting noise and the ground's granularity, averaged over each particle's area, in grey (0 to 1), (n,)."""
    camera, film = scene.camera, scene.film
    counting = np.sqrt(scene.level / camera.dose + (camera.readout**2 + 0.25) / camera.dose**2) / np.sqrt(area + 1.0)
    cell = 1.0 + 12.0 * film.speckle_px**2  # px² over which the granularity is one
    granular = scene.level * film.speckle * np.minimum(1.0, np.sqrt(cell / (area + 1.0)))
    return np.asarray(np.hypot(counting, granular) + 0.15 * scene.level * film.rough)


def made_legible(scene: Scene, painted: Painted) -> tuple[Scene, Painted]:
    """An operator does not keep a picture on which the typical particle is lost: more contrast, more electrons and a
    cleaner film until it stands out at Rose's limit."""
    flat = painted.labels.ravel()
    seen = np.flatnonzero(np.bincount(flat)[1:]) + 1
    if len(seen) == 0:
        return scene, painted
    area = np.bincount(flat)
    bare, full = intensity(scene, painted, np.ones(painted.labels.shape, np.float32))
    contrast = np.sqrt(np.bincount(flat, ((full - bare) ** 2).ravel()) / np.maximum(area, 1))
    # Of a crystal in a shell the shell has to be seen.
    washed = float(np.median(_washed(scene, contrast, area)[seen])) / (1.0 + max(scene.core, 0.0))
    if washed < 2.0 * LEAST_CONTRAST and scene.contrast != "scanning":
        factor = 2.0 * LEAST_CONTRAST / max(washed, 1e-4)
        painted = replace(painted, thickness=painted.thickness * np.float32(factor))
        washed = 2.0 * LEAST_CONTRAST
    wanted = ROSE * float(np.median(_noise_level(scene, area)[seen])) / max(washed, 0.01)
    if wanted > 1.0:
        camera = replace(scene.camera, dose=scene.camera.dose * wanted**2)
        film = replace(scene.film, speckle=scene.film.speckle / wanted, rough=scene.film.rough / wanted)
        scene = replace(scene, camera=camera, film=film)
    most = washed / scene.level
    film = replace(scene.film, grains=min(scene.film.grains, 0.4 * most), clouds=min(scene.film.clouds, 0.6 * most))
    return replace(scene, film=film), painted


def _in_one_piece(
    labels: NDArray[np.int32], origin: NDArray[np.int64], suspects: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Give every further piece of a label one of its own, and drop crumbs; ``origin`` (n,) grows. Only ``suspects``,
    labels that something has covered in part, are looked at."""
    if len(suspects) == 0:
        return labels, origin
    extra: list[int] = []
    following = len(origin)
    boxes = find_objects(labels)
    for label in suspects.tolist():
        if label > len(boxes) or boxes[label - 1] is None:
            continue
        window = labels[boxes[label - 1]]
        own = (window == label).astype(np.uint8)
        pieces, marks, found, _ = cv2.connectedComponentsWithStats(own, connectivity=8)
        if pieces <= 2:
            continue
        order = np.argsort(-found[1:, cv2.CC_STAT_AREA], kind="stable") + 1
        for place, piece in enumerate(order):
            if place == 0 and found[piece, cv2.CC_STAT_AREA] >= SMALLEST_AREA:
                continue
            if found[piece, cv2.CC_STAT_AREA] < SMALLEST_AREA:
                window[marks == piece] = 0
                continue
            window[marks == piece] = following
            extra.append(int(origin[label]))
            following += 1
    return labels, np.concatenate((origin, np.array(extra, dtype=np.int64)))


def consecutive(
    labels: NDArray[np.int32], origin: NDArray[np.int64], before: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Labels from 1 without gaps after ornaments have hidden some; crumbs that they left are dropped. ``before``: the
    areas that there were, (n,)."""
    hidden = np.bincount(labels.ravel(), minlength=len(origin)) < before
    hidden[0] = False
    labels, origin = _in_one_piece(labels, origin, np.flatnonzero(hidden))
    area = np.bincount(labels.ravel(), minlength=len(origin))
    kept = np.flatnonzero(area >= SMALLEST_AREA)
    kept = kept[kept > 0]
    table = np.zeros(len(area), dtype=np.int32)
    table[kept] = np.arange(1, len(kept) + 1)
    return table[labels], origin[kept]
