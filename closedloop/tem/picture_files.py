"""PNG, JPEG and BMP, through Pillow. Their resolution is a printer's or a screen's and is never read as a scale."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.tem.errors import NotAnImage
from closedloop.tem.formats import Stored, check_size, first_of

_EIGHT_OF_SIXTEEN = "of its 16 bits per channel the upper 8 were read; save it as grey or as TIFF to keep all"
_COLOUR_MODES = ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "RGBX", "RGBa", "La")


def read_picture_file(path: Path) -> Stored:
    """The first frame as it is stored, palettes resolved."""
    from PIL import Image

    with warnings.catch_warnings():
        # Pillow only warns of images beyond 90 million pixels; the limit here is another one.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            opened = Image.open(path, formats=("PNG", "JPEG", "BMP"))
        except Image.DecompressionBombError as error:
            most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise NotAnImage(f"it states more than {most:,} pixels; cut it into parts or save it as TIFF") from error
        except Image.UnidentifiedImageError as error:
            raise NotAnImage("its header is damaged; copy it again") from error
    with opened as image:
        check_size(image.height, image.width)
        frames = int(getattr(image, "n_frames", 1))
        image.seek(0)
        notes = (*first_of(frames, "frames"), *((_EIGHT_OF_SIXTEEN,) if has_deep_colours(path) else ()))
        return Stored(decoded(image), None, notes)


def has_deep_colours(path: Path) -> bool:
    """Whether a PNG has 16 bits of colour, or of grey with transparency; Pillow reads the upper eight of them."""
    with path.open("rb") as file:
        header = file.read(26)
    # Signature, length and name of the first chunk, width, height, bits, kind: 0 is plain grey.
    return header.startswith(b"\x89PNG") and header[12:16] == b"IHDR" and header[24] == 16 and header[25] != 0


def decoded(image: Any) -> NDArray[Any]:
    """An opened Pillow image -> (H, W) or (H, W, 2 to 4), in the depth that it has.

    Raises whatever Pillow raises where the pixels are damaged.
    """
    if image.mode in _COLOUR_MODES:
        image = image.convert("RGB")
    elif image.mode == "1":
        image = image.convert("L")
    return np.asarray(image)
