"""A grey image through the network, at the scale at which its particles are best seen, in tiles of bounded size.

Looks from coarse to fine tell how large the particles are; the last shows all of them about as large as the network
knows them best. It is made in tiles that overlap: a particle belongs to the tile in which its middle lies, so that no
seam cuts one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

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
_POSSIBLE = 0.15  # least chance of what may be a particle
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Looks:
    """Settings that are stated once, in pixels that the network sees.

    coarsest_px: short side of the first look; each further one is twice as fine, in a window of `window_px` in the
    middle where the whole picture would be larger. most_doubt: the looks end where no larger a share of what may be a
    particle is doubtful; where it is above `hopeless` in every look, nothing can be told from the ground. least_px,
    most_px: how large typical particles should be seen; outside of these bounds another look is taken that shows them
    `diameter_px` large. most_zoom: no picture is enlarged more. tile_px, margin_px: a tile of a look at the whole
    picture, and how far it looks beyond its own part.
    """

    coarsest_px: int = 160
    window_px: int = 768
    most_doubt: float = 0.5
    hopeless: float = 0.7
    diameter_px: float = 60.0
    least_px: float = 15.0
    most_px: float = 110.0
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
    first = _first_clear_look(even, net, ignore, looks, settings)
    if first.doubt > looks.hopeless:
        return np.zeros(grey.shape, np.int32)
    wanted = _fitting_zoom(first.labels, first.zoom, looks)
    if first.of_all and wanted is None:
        return _numbered(first.labels)
    zoom = wanted or first.zoom
    # What is seen at the new scale may be larger or smaller than thought; that is mended once.
    for _ in range(2):
        found = _look(even, zoom, net, ignore, looks, settings).labels
        wanted = _fitting_zoom(found, zoom, looks)
        if wanted is None or wanted == zoom:
            break
        zoom = wanted
    return _numbered(found)


class _Seen(NamedTuple):
    """Particles (H, W) int32 of one look, the share of what may be a particle that is doubtful, and what was seen."""

    labels: Labels
    doubt: float
    zoom: float = 1.0
    of_all: bool = True


def _first_clear_look(
    even: Grey, net: "ParticleNet", ignore: NDArray[np.bool_] | None, looks: Looks, settings: InstanceSettings
) -> _Seen:
    """From coarse to fine until what is seen is clear; the clearest where nothing is.

    Large particles that are seen too finely fall into pieces without much doubt, small ones that are seen too coarsely
    are doubtful: so the coarsest clear look is the right one.
    """
    zoom = min(1.0, looks.coarsest_px / min(even.shape))
    clearest: _Seen | None = None
    while True:
        side = round(looks.window_px / zoom)
        window = _middle(even, side) if max(even.shape) > 1.25 * side else (slice(0, None), slice(0, None))
        seen = _look(even[window], zoom, net, None if ignore is None else ignore[window], looks, settings)
        seen = seen._replace(zoom=zoom, of_all=seen.labels.shape == even.shape)
        if clearest is None or seen.doubt < clearest.doubt:
            clearest = seen
        if seen.doubt <= looks.most_doubt or zoom >= looks.most_zoom:
            return clearest
        zoom = min(2 * zoom, looks.most_zoom)


def typical_diameter_px(labels: Labels) -> float | None:
    """Equivalent diameter of the particle in which the middle of the labelled area lies; `None` without particles."""
    areas = np.sort(np.bincount(labels.ravel())[1:])
    areas = areas[areas > 0]
    if not areas.size:
        return None
    middle = areas[np.searchsorted(np.cumsum(areas), areas.sum() / 2)]
    return float(2 * np.sqrt(middle / np.pi))


def _middle(even: Grey, side: int) -> tuple[slice, slice]:
    """The window of this side, or the whole extent, about the middle of the picture."""
    height, width = even.shape
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return slice(top, top + side), slice(left, left + side)


def _fitting_zoom(found: Labels, zoom: float, looks: Looks) -> float | None:
    """The zoom at which the particles found should be seen; `None` where this one will do, or none was found."""
    diameter = typical_diameter_px(found)
    if diameter is None or looks.least_px <= diameter * zoom <= looks.most_px:
        return None
    # No more is asked of small particles than that they can be told apart: enlarging costs time by the square.
    target = looks.diameter_px if diameter * zoom > looks.most_px else 1.2 * looks.least_px
    wanted = min(target / diameter, looks.most_zoom)
    return min(_ZOOMS, key=lambda known: abs(np.log(known / wanted)))


def _look(
    even: Grey,
    zoom: float,
    net: "ParticleNet",
    ignore: NDArray[np.bool_] | None,
    looks: Looks,
    settings: InstanceSettings,
) -> _Seen:
    """What is seen of a picture (H, W) at this zoom."""
    found = np.zeros(even.shape, np.int32)
    count = possible = doubtful = 0
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
        possible += int((maps[0] > _POSSIBLE).sum())
        doubtful += int(((maps[0] > _POSSIBLE) & (maps[0] < 1 - _POSSIBLE)).sum())
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        labels = _at_full_size(instances(maps, settings), maps[0], shape)
        count = _add(found, labels, own, seen, count)
    return _Seen(found, doubtful / possible if possible else 1.0)


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
