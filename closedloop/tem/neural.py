"""A grey image through the network at several scales, in tiles of bounded size: each particle from the look that saw it
best.

Looks go from coarse to fine, each twice as fine, until particles are seen large enough. What they found is put together
by how credible each particle is (`closedloop.tem.credibility`, `closedloop.tem.fusion`). A look is made in tiles that
overlap: a particle belongs to the tile in which its middle lies, so that no seam cuts one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from closedloop.tem.company import expected_best
from closedloop.tem.company import measures as in_company
from closedloop.tem.contrast import normalised
from closedloop.tem.credibility import measures
from closedloop.tem.fusion import Fusion
from closedloop.tem.instances import InstanceSettings, Reading, parts_or_wholes, readings
from closedloop.threads import at_once

if TYPE_CHECKING:
    from closedloop.tem.network import ParticleNet

Grey = NDArray[np.float32]
Labels = NDArray[np.int32]
Window = tuple[slice, slice]
_STRIDE = 32
_POSSIBLE = 0.15  # least chance of what may be a particle
_ENLARGED = (5 / 4, 3 / 2, 2.0)  # a tile's corner must fall on a multiple of the stride, or seams would show


@dataclass(frozen=True)
class Looks:
    """Settings that are stated once, in pixels that the network sees.

    coarsest_px: least short side of the first look. enough_px: where typical particles are seen this large, and
    `explained` is the share of what may be a particle that has been made out, no finer look is taken; where they are
    fewer than `few`, not before they are seen `closer` times as large. least_px: where they are seen clearly smaller
    than this (`clearly` times) in the picture as it is, it is enlarged until they are not, twice at most; a look at an
    enlarged picture takes longer than all before it. narrow: there they count as no larger than so many times the
    circles that fit into them, since a rod is as hard to see as it is narrow, but for that the picture is not enlarged
    more than `for_narrow` times.
    considered: least likely overlap of a particle with a true one by itself; credible: of one that tells how large
    particles are seen. tile_px, margin_px: a tile of a look, and how far it looks beyond its own part.
    """

    coarsest_px: int = 100
    enough_px: float = 60.0
    least_px: float = 14.0
    clearly: float = 0.9
    narrow: float = 1.1
    for_narrow: float = 3 / 2
    explained: float = 0.5
    few: int = 3
    closer: float = 4.0
    considered: float = 0.3
    credible: float = 0.6
    tile_px: int = 1024
    margin_px: int = 128


def segment_with_network(
    grey: Grey,
    net: "ParticleNet",
    ignore: NDArray[np.bool_] | None = None,
    looks: Looks | None = None,
    settings: InstanceSettings | None = None,
) -> Labels:
    """Labels (H, W) int32, 0 = background, from grey (H, W) float32; `ignore` (H, W) bool is never a particle."""
    return find_with_network(grey, net, ignore, looks, settings)[0]


def find_with_network(
    grey: Grey,
    net: "ParticleNet",
    ignore: NDArray[np.bool_] | None = None,
    looks: Looks | None = None,
    settings: InstanceSettings | None = None,
) -> tuple[Labels, NDArray[np.float32]]:
    """As `segment_with_network`, and of each particle (n,) the chance that it is a true one."""
    nothing = np.zeros(0, np.float32)
    if min(grey.shape) < 8 or float(grey.max() - grey.min()) <= 0:
        return np.zeros(grey.shape, np.int32), nothing
    looks, even = looks or Looks(), normalised(grey, ignore)
    labels, credit = candidates(even, net, ignore, looks, settings)
    if not len(credit):
        return labels, nothing
    chance = net.company.of(in_company(labels, credit, even))
    kept = expected_best(chance)
    table = np.append(0, np.where(kept, np.cumsum(kept), 0)).astype(np.int32)
    np.take(table, labels, out=labels, mode="clip")
    return labels, chance[kept]


def candidates(
    even: Grey,
    net: "ParticleNet",
    ignore: NDArray[np.bool_] | None = None,
    looks: Looks | None = None,
    settings: InstanceSettings | None = None,
) -> tuple[Labels, NDArray[np.float64]]:
    """All that may be particles of a normalised picture, (H, W) int32 from 1, and how credible each is, (n,)."""
    looks, settings = looks or Looks(), settings or InstanceSettings()
    found = Fusion((even.shape[0], even.shape[1]))
    zoom: float | None = coarsest_zoom(even.shape, looks)
    while zoom is not None:
        possible = _look(found, even, zoom, net, ignore, looks, settings)
        zoom = next_zoom(zoom, _told_px(found, zoom, possible * even.size, looks), looks)
    return found.numbered()


def _told_px(found: Fusion, zoom: float, possible_px: float, looks: Looks) -> float | None:
    """How large particles are, as far as looks up to this one tell, where so many pixels may be particles."""
    diameter = found.diameter_px(looks.credible)
    if diameter is None or zoom > 1:
        return diameter
    if zoom == 1:
        breadth = found.breadth_px(looks.credible) or diameter
        return min(diameter, max(looks.narrow * breadth, looks.least_px / looks.for_narrow))
    # Where little of what may be a particle was made out, its size says nothing about the rest.
    if found.area_px(looks.credible) < looks.explained * possible_px:
        return None
    # One or two may be heaps: what they are made of would be seen in a finer look.
    return diameter if found.count(looks.credible) >= looks.few else diameter / looks.closer


def coarsest_zoom(shape: tuple[int, ...], looks: Looks) -> float:
    """Of the first look: a half, a quarter … of the picture, or all of a small one."""
    zoom = 1.0
    while zoom / 2 * min(shape) >= looks.coarsest_px:
        zoom /= 2
    return zoom


def next_zoom(zoom: float, diameter_px: float | None, looks: Looks) -> float | None:
    """Of the look after the one at `zoom`, which brought particles of this diameter to light; `None` after the last."""
    if zoom > 1 or (diameter_px is not None and diameter_px * zoom >= looks.enough_px):
        return None
    if zoom < 1:
        return 2 * zoom
    if diameter_px is None or diameter_px >= looks.clearly * looks.least_px:
        return None
    return next((finer for finer in _ENLARGED if diameter_px * finer >= looks.least_px), _ENLARGED[-1])


def _look(
    found: Fusion,
    even: Grey,
    zoom: float,
    net: "ParticleNet",
    ignore: NDArray[np.bool_] | None,
    looks: Looks,
    settings: InstanceSettings,
) -> float:
    """Add what is seen of a picture (H, W) at this zoom; the share of it that may be a particle."""
    possible = pixels = 0
    for own, seen in _tiles(even.shape, zoom, looks):
        maps = maps_at(even[seen], zoom, net)
        if ignore is not None and ignore[seen].any():
            maps[0][_seen_at(ignore[seen], zoom, maps.shape[1:])] = 0
        possible += int((maps[0] > _POSSIBLE).sum())
        pixels += maps[0].size
        read = [one for one in readings(maps, settings) if one.new.any()]
        credits = at_once(partial(_credit, net, maps), read)
        whole = []
        for (labels, believed), credit in zip(parts_or_wholes(read, credits), credits, strict=True):
            wanted = believed & (credit >= looks.considered)
            whole += [
                (float(credit[index - 1]), mask, place)
                for index, mask, place in at_full_size(labels, maps[0], zoom, even[seen].shape, wanted)
            ]
        for belief, mask, place in sorted(whole, key=lambda one: -one[0]):
            corner = (seen[0].start + place[0].start, seen[1].start + place[1].start)
            middle = (corner[0] + (mask.shape[0] - 1) / 2, corner[1] + (mask.shape[1] - 1) / 2)
            if own == seen or all(side.start <= at < side.stop for side, at in zip(own, middle, strict=True)):
                found.add(mask, belief, corner)
    return possible / pixels


def _credit(net: "ParticleNet", maps: NDArray[np.float32], read: Reading) -> NDArray[np.float32]:
    """How credible each particle of a reading is, (n,)."""
    return net.credibility.of(measures(maps, read.labels))


def _seen_at(mask: NDArray[np.bool_], zoom: float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask of the picture at the scale of a look of this shape."""
    rows, columns = (
        np.minimum((np.arange(seen) / zoom).astype(int), extent - 1)
        for seen, extent in zip(shape, mask.shape, strict=True)
    )
    there: NDArray[np.bool_] = mask[rows[:, None], columns]
    return there


def maps_at(even: Grey, zoom: float, net: "ParticleNet") -> NDArray[np.float32]:
    """What `see` says of a normalised picture that is made smaller, by a power of two, or larger first."""
    if zoom < 1:
        # Whole blocks of pixels become one, so that a look lies on the picture exactly.
        factor = round(1 / zoom)
        height, width = even.shape
        if height % factor or width % factor:
            wider = cv2.copyMakeBorder(even, 0, -height % factor, 0, -width % factor, cv2.BORDER_REFLECT)
            even = wider.astype(np.float32, copy=False)
        even = cv2.resize(even, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA).astype(np.float32)
    elif zoom > 1:
        # By the factor, not to a size: rounding the size would shift what lies far from the corner.
        even = cv2.resize(even, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return see(even, net)


def see(even: Grey, net: "ParticleNet") -> NDArray[np.float32]:
    """(4, H, W) float32 from a normalised picture (H, W): chance of a particle, seed, flow x, flow y."""
    import torch

    height, width = even.shape
    padded = cv2.copyMakeBorder(even, 0, -height % _STRIDE, 0, -width % _STRIDE, cv2.BORDER_REFLECT)
    device = next(net.parameters()).device
    with torch.inference_mode():
        image = torch.from_numpy(padded * 2 - 1)[None, None].to(device).contiguous(memory_format=torch.channels_last)
        maps = net(image)[0, :, :height, :width]
        maps = torch.cat([maps[:2].sigmoid(), maps[2:].tanh()]).cpu().numpy()
    result: NDArray[np.float32] = np.ascontiguousarray(maps, dtype=np.float32)
    return result


def _tiles(shape: tuple[int, ...], zoom: float, looks: Looks) -> Iterator[tuple[Window, Window]]:
    """What each tile is asked about, and what it looks at, in pixels of the picture."""
    height, width = shape
    tile, margin = looks.tile_px / zoom, looks.margin_px / zoom
    # The fewest pixels of the picture that are a multiple of the stride once zoomed.
    quantum = next(step for step in (2**n for n in range(32)) if step * zoom % _STRIDE == 0)
    for rows, rows_seen in _parts(height, tile, margin, quantum):
        for columns, columns_seen in _parts(width, tile, margin, quantum):
            yield (rows, columns), (rows_seen, columns_seen)


def _parts(extent: int, tile: float, margin: float, quantum: int) -> Iterator[tuple[slice, slice]]:
    if extent <= tile * 1.25:
        yield slice(0, extent), slice(0, extent)
        return
    own = max(quantum, int((tile - 2 * margin) / quantum) * quantum)
    beyond = int(np.ceil(margin / quantum)) * quantum
    for start in range(0, extent, own):
        stop = min(extent, start + own)
        yield slice(start, stop), slice(max(0, start - beyond), min(extent, stop + beyond))


def at_full_size(
    labels: Labels, chance: Grey, zoom: float, shape: tuple[int, ...], wanted: NDArray[np.bool_]
) -> Iterator[tuple[int, NDArray[np.bool_], Window]]:
    """Each wanted (n,) label of a look at `zoom`, its mask (h, w) and the part of the picture (H, W) that that covers.

    The outline of what was seen smaller lies where the chance, drawn out between pixels, crosses a half.
    """
    if zoom > 1:
        labels = cv2.resize(labels.astype(np.float32), shape[::-1], interpolation=cv2.INTER_NEAREST).astype(np.int32)
    factor = max(1, round(1 / zoom))
    for index, box in enumerate(find_objects(labels), 1):
        if not box or not wanted[index - 1]:  # a number may have no particle
            continue
        if factor == 1:
            yield index, labels[box] == index, (box[0], box[1])
            continue
        wider = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in box)
        own = labels[wider] == index
        # Midway to a neighbour the two chances are equal.
        value = np.where(own, np.maximum(chance[wider], 0.501), np.minimum(chance[wider], 0.499))
        value = np.where((labels[wider] > 0) & ~own, 1 - chance[wider], value).astype(np.float32)
        mask = cv2.resize(value, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR) > 0.5
        top, left = (side.start * factor for side in wider)
        mask = mask[: max(0, shape[0] - top), : max(0, shape[1] - left)]
        yield index, mask, (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))
