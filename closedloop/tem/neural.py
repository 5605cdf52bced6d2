"""A grey image through the network, at the scale at which its particles are best seen, in tiles of bounded size.

The first look, at the whole picture made small, tells how large the particles are; the second shows them as large as
the network knows them best. It is made in tiles that overlap: a particle belongs to the tile in which its middle lies,
so that no seam cuts one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from closedloop.tem.contrast import normalised
from closedloop.tem.instances import InstanceSettings, instances

if TYPE_CHECKING:
    from closedloop.tem.network import ParticleNet

Grey = NDArray[np.float32]
# A tile's corner must fall on a multiple of the network's stride at any of these, or seams would show.
_ZOOMS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 7 / 8, 1.0, 5 / 4, 3 / 2, 2.0)
_STRIDE = 32
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Looks:
    """Settings that are stated once, in pixels that the network sees.

    first_px: short side of the first look. diameter_px: what a typical particle should be across in the second, which
    is left out where the first was within a factor `near_enough` of that. most_zoom: no picture is enlarged more.
    tile_px, margin_px: a tile of the second look, and how far it looks beyond its own part.
    """

    first_px: int = 448
    diameter_px: float = 44.0
    near_enough: float = 1.35
    most_zoom: float = 2.0
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
    looks, settings = looks or Looks(), settings or InstanceSettings()
    if min(grey.shape) < 8 or float(grey.max() - grey.min()) <= 0:
        return np.zeros(grey.shape, np.int32)
    even = normalised(grey)
    zoom = min(1.0, looks.first_px / min(grey.shape))
    found = _look(even, zoom, net, ignore, looks, settings)
    # Particles that are mere specks in the first look are judged better once they have been seen larger.
    for _ in range(2):
        wanted = _better_zoom(found, zoom, looks)
        if wanted is None:
            break
        zoom = wanted
        found = _look(even, zoom, net, ignore, looks, settings)
    return _numbered(found)


def typical_diameter_px(labels: Labels) -> float | None:
    """Equivalent diameter of the particle in which the middle of the labelled area lies; `None` without particles."""
    areas = np.sort(np.bincount(labels.ravel())[1:])
    areas = areas[areas > 0]
    if not areas.size:
        return None
    middle = areas[np.searchsorted(np.cumsum(areas), areas.sum() / 2)]
    return float(2 * np.sqrt(middle / np.pi))


def _better_zoom(found: Labels, zoom: float, looks: Looks) -> float | None:
    """The zoom at which the particles found should be seen, or `None` where this one will do."""
    diameter = typical_diameter_px(found)
    if diameter is None:
        # Nothing at a coarse look may be particles too small for it.
        return min(1.0, zoom * 3) if zoom < 0.5 else None
    wanted = float(np.clip(looks.diameter_px / diameter, looks.first_px / 2 / max(found.shape), looks.most_zoom))
    if max(wanted / zoom, zoom / wanted) <= looks.near_enough:
        return None
    return min(_ZOOMS, key=lambda known: abs(np.log(known / wanted)))


def _look(
    even: Grey,
    zoom: float,
    net: "ParticleNet",
    ignore: NDArray[np.bool_] | None,
    looks: Looks,
    settings: InstanceSettings,
) -> Labels:
    """Labels of the whole picture (H, W) as seen at this zoom."""
    found = np.zeros(even.shape, np.int32)
    count = 0
    for own, seen in _tiles(even.shape, zoom, looks):
        rows, columns = seen
        part = even[seen]
        if zoom != 1:
            # By the factor, not to a size: rounding the size would shift what lies far from the corner.
            method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
            part = cv2.resize(part, None, fx=zoom, fy=zoom, interpolation=method).astype(np.float32)
        size = part.shape[::-1]
        maps = see(part, net)
        if ignore is not None and ignore[seen].any():
            maps[0][cv2.resize(ignore[seen].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0] = 0
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        labels = _at_full_size(instances(maps, settings), maps[0], shape)
        count = _add(found, labels, own, seen, count)
    return found


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


Window = tuple[slice, slice]


def _tiles(shape: tuple[int, ...], zoom: float, looks: Looks) -> Iterator[tuple[Window, Window]]:
    """What each tile is asked about, and what it looks at, in pixels of the picture."""
    height, width = shape
    tile, margin = looks.tile_px / zoom, looks.margin_px / zoom
    # The fewest pixels of the picture that are a multiple of the stride once zoomed.
    quantum = next(step for step in (2**n for n in range(32)) if step * zoom % _STRIDE == 0) if zoom in _ZOOMS else 1
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


def _add(found: Labels, labels: Labels, own: Window, seen: Window, count: int) -> int:
    """Write into `found` those of the tile's labels whose middle lies in its own part; the new highest number."""
    top, left = seen[0].start, seen[1].start
    whole = own == seen
    for index, box in enumerate(find_objects(labels)):
        if not box:  # a number that no particle has
            continue
        middle_y = top + (box[0].start + box[0].stop - 1) / 2
        middle_x = left + (box[1].start + box[1].stop - 1) / 2
        if not whole and not (own[0].start <= middle_y < own[0].stop and own[1].start <= middle_x < own[1].stop):
            continue
        count += 1
        target = found[top + box[0].start : top + box[0].stop, left + box[1].start : left + box[1].stop]
        # A neighbour found by the tile beside this one keeps what it has.
        target[(labels[box] == index + 1) & (target == 0)] = count
    return count


def _at_full_size(labels: Labels, chance: Grey, shape: tuple[int, int]) -> Labels:
    """Labels of the network's scale in pixels of the picture, with outlines where the chance crosses a half."""
    if labels.shape == shape:
        return labels
    size = shape[::-1]
    if labels.shape[0] >= shape[0]:
        return cv2.resize(labels.astype(np.float32), size, interpolation=cv2.INTER_NEAREST).astype(np.int32)
    large = cv2.resize(labels.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
    reach = int(np.ceil(shape[0] / labels.shape[0]))
    grown = cv2.dilate(large, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    particle = cv2.resize(np.where(labels > 0, chance, np.minimum(chance, 0.499)), size, interpolation=cv2.INTER_LINEAR)
    full: Labels = np.where(particle > 0.5, np.where(large > 0, large, grown), 0).astype(np.int32)
    return full


def _numbered(labels: Labels) -> Labels:
    """The same particles numbered from 1 without gaps."""
    present = np.bincount(labels.ravel()) > 0
    present[0] = False
    table = np.where(present, np.cumsum(present), 0).astype(np.int32)
    result: Labels = table[labels]
    return result
