"""Instance maps as people and programs save them -> labels: whole numbers, count masks, colours, ImageJ's outlines.

Stored numbers are taken as they are, without a look at the colours that a program shows them in: ImageJ saves count
masks with an inverting or a coloured table, under which a picture's reader would see other values.
"""

import filecmp
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import ClosedloopError

if TYPE_CHECKING:
    from closedloop.tem.reading import Picture

ROI_SUFFIXES = (".roi", ".zip")
MAP_SUFFIXES = (".png", ".tif", ".tiff")
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LARGEST_PIXELS = 300_000_000
_BLURRED = "{}: JPEG blurs the numbers of the particles; save it as PNG or as TIFF without JPEG"
_MOST_COLOURS = 100_000
_SPECK_PX = 4  # a colour of fewer pixels is hardly a particle that someone painted

# Of neighbouring pixels less than 0.02 differ in the maps of EMPS, and mostly far more than this in photographs;
# particles without ground between them would have to be three pixels wide.
_GREY_DIFFERS = 0.3
_COMPARED_SIDE = 1000
_SAME_PICTURE = 0.9999  # correlation; 16 bits saved as 8 lose no more


class NotAnInstanceMap(ClosedloopError):
    """A file does not say which pixel belongs to which particle."""


@dataclass(frozen=True)
class InstanceMap:
    """labels: (H, W) int32, 0 = background. notes: what had to be decided on the way, for a person to read."""

    labels: NDArray[np.int32]
    notes: tuple[str, ...] = ()


def read_instance_map(
    path: Path, shape: tuple[int, int] | None = None, stored_shape: tuple[int, int] | None = None
) -> InstanceMap:
    """A map of one number or one colour per particle (.tif, .png), or ImageJ's outlines (.roi, .zip).

    shape: (H, W) of the image that it belongs to; a map of numbers keeps its own size, outlines have none and need it.
    stored_shape: (H, W) of the image's file where its pixels are oblong and the image was stretched; ImageJ shows the
    file's own pixels, and outlines are stretched as the image was.

    Raises `NotAnInstanceMap` for a file that cannot be read, fractions or negative numbers, a picture whose colours
    blend, several pages, and outlines without an area, or beyond the file's pixels.
    """
    if path.suffix.lower() in ROI_SUFFIXES:
        if shape is None:
            raise NotAnInstanceMap(f"{path}: holds outlines, which have no size of their own; give a label image")
        return _from_outlines(path, shape, stored_shape or shape)
    pixels = _stored(path)
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        pixels = np.where(pixels[..., -1:] > 0, pixels[..., :-1], 0)  # what cannot be seen is background
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        return _from_colours(pixels, path)
    if pixels.ndim != 2:
        raise NotAnInstanceMap(f"{path}: has the shape {pixels.shape}; save one picture of the image's own size")
    return InstanceMap(_from_numbers(pixels, path))


def check_is_no_photograph(path: Path, labels: NDArray[np.int32], picture: "Picture") -> None:
    """Raises `NotAnInstanceMap` where labels (H, W), read from `path`, are the picture (H, W) itself or another one.

    Grey levels are whole numbers too, and each would count as a particle.
    """
    image = Path(picture.name)
    if image.is_file() and filecmp.cmp(path, image, shallow=False):
        raise NotAnInstanceMap(f"{path}: is the image {image} itself; give the label image that belongs to it")
    ahead, behind = labels[:, 1:], labels[:, :-1]
    both = (ahead > 0) & (behind > 0)
    differing = int(np.count_nonzero(both & (ahead != behind)))
    if differing > _GREY_DIFFERS * np.count_nonzero(both) or _same_greys(labels, picture.grey):
        raise NotAnInstanceMap(
            f"{path}: holds the grey levels of a photograph, not a number for each particle; give a label image"
        )


def _same_greys(labels: NDArray[np.int32], grey: NDArray[np.float32]) -> bool:
    """Whether the one is the other up to brightness and contrast, at a grid of points."""
    rows, columns = (max(1, side // _COMPARED_SIDE) for side in labels.shape)
    levels, shades = labels[::rows, ::columns].ravel(), grey[::rows, ::columns].ravel()
    # Two values may be particles and ground in both.
    if len(np.unique(levels)) < 3 or not np.ptp(shades):
        return False
    return bool(abs(np.corrcoef(levels, shades)[0, 1]) > _SAME_PICTURE)


def _stored(path: Path) -> NDArray[Any]:
    """The pixels as they lie in the file, no table of colours applied."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if not start:
            raise NotAnInstanceMap(f"{path}: is empty; save the label image again")
        return _stored_in_tiff(path) if start in _TIFF_STARTS else _stored_elsewhere(path)
    except NotAnInstanceMap:
        raise
    except OSError as error:
        why = error.strerror or " ".join(str(error).split())[:120]
        raise NotAnInstanceMap(f"{path}: cannot be read ({why}); give a label image (.tif, .png)") from error
    except Exception as error:  # a damaged file sets off whatever its decoder stumbles over
        why = " ".join(str(error).split())[:120] or type(error).__name__
        raise NotAnInstanceMap(f"{path}: is no label image that can be read ({why}); save it again") from error


def _stored_in_tiff(path: Path) -> NDArray[Any]:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        if series.size > 4 * _LARGEST_PIXELS:
            raise NotAnInstanceMap(f"{path}: states {series.shape} pixels, more than any image here has")
        axes = series.axes
        pages = int(np.prod([n for n, axis in zip(series.shape, axes, strict=True) if axis not in "YXS"]))
        if pages > 1 or len(tiff.series) > 1:
            raise NotAnInstanceMap(
                f"{path}: holds {max(pages, len(tiff.series))} pages; save the one with the particles alone"
            )
        pixels = _decoded(tiff, series.keyframe, path)
        kept = [n for n, axis in zip(series.shape, axes, strict=True) if axis in "YXS"]
        pixels = pixels.reshape(kept)
        if "S" in axes and axes.index("S") < axes.index("X"):
            pixels = np.moveaxis(pixels, 0, -1)
        return pixels


def _decoded(tiff: Any, page: Any, path: Path) -> NDArray[Any]:
    from closedloop.tem.errors import NotAnImage
    from closedloop.tem.tiff_codecs import JPEG, check_can_be_shown, is_as_stored, stored

    try:
        if is_as_stored(page):
            return stored(tiff, page, path)
        if page.compression in JPEG:
            raise NotAnInstanceMap(_BLURRED.format(path))
        check_can_be_shown(page)
    except NotAnImage as error:
        raise NotAnInstanceMap(f"{path}: {error}") from error
    # Few bits, and fax. Pillow shows what is stored inverted, and spreads shades over eight bits.
    pixels = _stored_elsewhere(path)
    if page.photometric == 0:
        pixels = ~pixels
    return (
        pixels // np.uint8(255 // (2**page.bitspersample - 1))
        if page.photometric < 2 and pixels.dtype != bool
        else pixels
    )


def _stored_elsewhere(path: Path) -> NDArray[Any]:
    from PIL import Image

    from closedloop.tem.picture_files import has_deep_colours

    with Image.open(path) as picture:
        if picture.format == "JPEG":
            raise NotAnInstanceMap(_BLURRED.format(path))
        if picture.width * picture.height > _LARGEST_PIXELS:
            raise NotAnInstanceMap(f"{path}: states more than {_LARGEST_PIXELS:,} pixels")
        if picture.format == "PNG" and has_deep_colours(path):
            raise NotAnInstanceMap(
                f"{path}: has 16 bits of colour or of grey with transparency, of which only half can be read; save it "
                "as plain 16-bit grey or as TIFF"
            )
        return np.asarray(picture)


def _from_numbers(pixels: NDArray[Any], path: Path) -> NDArray[np.int32]:
    if pixels.dtype == bool:
        return pixels.astype(np.int32)
    if not np.issubdtype(pixels.dtype, np.integer):
        raise NotAnInstanceMap(
            f"{path}: holds {pixels.dtype} numbers; labels are whole ones (in ImageJ: Image > Type > 16-bit, unscaled)"
        )
    low, high = int(pixels.min(initial=0)), int(pixels.max(initial=0))
    if low < 0:
        raise NotAnInstanceMap(f"{path}: has negative labels ({low}); number the particles from 1, background 0")
    if high > np.iinfo(np.int32).max:
        raise NotAnInstanceMap(f"{path}: has labels beyond {np.iinfo(np.int32).max}; renumber them")
    return pixels.astype(np.int32)


def _from_colours(pixels: NDArray[Any], path: Path) -> InstanceMap:
    """Each colour a particle; the ground is black or white, whichever covers more."""
    if not np.issubdtype(pixels.dtype, np.integer):
        raise NotAnInstanceMap(f"{path}: has colours in {pixels.dtype}; save it with 8 or 16 bits per channel")
    wide = pixels.astype(np.uint64)
    packed = (wide[..., 0] << np.uint64(32)) | (wide[..., 1] << np.uint64(16)) | wide[..., 2]
    colours, index, sizes = np.unique(packed, return_inverse=True, return_counts=True)
    full = np.uint64(np.iinfo(pixels.dtype).max)
    white = (full << np.uint64(32)) | (full << np.uint64(16)) | full
    grounds = [(int(sizes[colours == ground].sum()), int(ground)) for ground in (np.uint64(0), white)]
    covered, ground = max(grounds)
    specks = int((sizes < _SPECK_PX).sum())
    if covered == 0 or len(colours) > _MOST_COLOURS or specks > 2 + len(colours) / 4:
        raise NotAnInstanceMap(
            f"{path}: is no map of one plain colour per particle on black or white ({len(colours):,} colours, "
            f"{specks:,} of them on fewer than {_SPECK_PX} pixels); save it without smoothing, as PNG or TIFF"
        )
    table = np.zeros(len(colours), np.int32)
    painted = colours != np.uint64(ground)
    table[painted] = np.arange(1, int(painted.sum()) + 1)
    name = "black" if ground == 0 else "white"
    notes = (f"{int(painted.sum())} colours on {name} were read as one particle each",)
    return InstanceMap(table[index.reshape(packed.shape)], notes)


def _from_outlines(path: Path, shape: tuple[int, int], stored_shape: tuple[int, int]) -> InstanceMap:
    """ImageJ's ROIs, drawn on an image of `stored_shape` pixels, filled in their order: where two overlap, the later
    one holds."""
    import roifile
    from skimage.draw import polygon2mask

    closed = {
        roifile.ROI_TYPE.POLYGON,
        roifile.ROI_TYPE.FREEHAND,
        roifile.ROI_TYPE.TRACED,
        roifile.ROI_TYPE.RECT,
        roifile.ROI_TYPE.OVAL,
    }
    try:
        with path.open("rb"):
            pass
        read = roifile.roiread(path)
    except OSError as error:
        raise NotAnInstanceMap(f"{path}: cannot be read ({error.strerror}); give ImageJ's .roi or .zip") from error
    except Exception as error:  # a damaged file, or some other archive
        why = " ".join(str(error).split())[:120] or type(error).__name__
        raise NotAnInstanceMap(f"{path}: holds no ImageJ outlines ({why}); save them from the ROI Manager") from error
    rois = read if isinstance(read, list) else [read]
    labels = np.zeros(shape, np.int32)
    stretch = np.array(shape[::-1]) / np.array(stored_shape[::-1])
    left_out = overlapping = 0
    for roi in rois:
        lines = [np.asarray(line, np.float64) for line in roi.coordinates(multi=True)]
        lines = [line for line in lines if len(line) >= 3]
        if roi.roitype not in closed or not lines:
            left_out += 1
            continue
        if shape != stored_shape and (np.concatenate(lines).min(axis=0) >= stored_shape[::-1]).any():
            raise NotAnInstanceMap(
                f"{path}: an outline lies beyond the {stored_shape[1]} × {stored_shape[0]} pixels of the image file; "
                "draw on that file itself, or correct the label image"
            )
        lines = [line * stretch for line in lines]
        box = _window(lines, shape)
        inside = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), bool)
        corner = np.array([box[0].start, box[1].start])
        for line in lines:
            # ImageJ's coordinates are those of pixels' corners; a second line inside the first is a hole.
            inside ^= polygon2mask(inside.shape, line[:, ::-1] - 0.5 - corner)
        target = labels[box]
        overlapping += bool((target[inside] > 0).any())
        target[inside] = int(labels.max()) + 1
    if not labels.any():
        raise NotAnInstanceMap(f"{path}: none of its {len(rois)} outlines encloses a pixel of the image; draw areas")
    notes = []
    if shape != stored_shape:
        notes.append(
            f"outlines were taken as drawn on the file's own {stored_shape[1]} × {stored_shape[0]} pixels, and "
            f"stretched with the image to {shape[1]} × {shape[0]}"
        )
    if left_out:
        notes.append(f"{left_out} of {len(rois)} outlines enclose no area (points, lines) and were left out")
    if overlapping:
        notes.append(f"{overlapping} outlines overlap earlier ones; the later one holds there")
    return InstanceMap(labels, tuple(notes))


def _window(lines: list[NDArray[np.float64]], shape: tuple[int, int]) -> tuple[slice, slice]:
    """The part of the image around all points; empty where they lie outside."""
    points = np.concatenate(lines)
    low = np.floor(points.min(axis=0)).astype(int) - 1
    high = np.ceil(points.max(axis=0)).astype(int) + 2
    (left, top), (right, bottom) = np.clip(low, 0, shape[::-1]), np.clip(high, 0, shape[::-1])
    return slice(int(top), int(max(top, bottom))), slice(int(left), int(max(left, right)))
