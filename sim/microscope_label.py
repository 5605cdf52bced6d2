"""The scale bar that a microscope burns into its pictures: a round length, a bar and its text."""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Style = Literal["corner", "box", "strip", "none"]


@dataclass(frozen=True)
class ScaleBar:
    """What is written and drawn; ``length_px`` is the bar's length in whole pixels."""

    text: str
    length_nm: float
    length_px: int


def choose(nm_per_px: float, width_px: int) -> ScaleBar:
    """The 1-2-5 length that comes nearest to a fifth of the picture's width."""
    ideal = 0.2 * width_px * nm_per_px
    power = math.floor(math.log10(ideal))
    candidates = [m * 10.0**e for e in (power, power + 1) for m in (1, 2, 5)]
    length = min(candidates, key=lambda value: abs(math.log(value / ideal)))
    text = f"{length / 1000:g} µm" if length >= 1000 else f"{length:g} nm"
    return ScaleBar(text, length, round(length / nm_per_px))


def strip_height(size_px: int) -> int:
    """Rows that the strip adds below the picture."""
    return max(24, round(0.07 * size_px))


def draw(image: NDArray[np.uint8], bar: ScaleBar, style: Style) -> NDArray[np.uint8]:
    """The picture with its scale bar; ``strip`` makes it taller, the other styles draw into a lower corner."""
    if style == "none":
        return image
    height, width = image.shape
    letters = max(13, round(0.042 * min(height, width)))
    thick, margin = max(3, letters // 6), max(6, round(0.03 * width))
    font = typeface(letters)
    if style == "strip":
        rows = strip_height(height)
        image = np.vstack([image, np.full((rows, width), 255, dtype=np.uint8)])
        picture = Image.fromarray(image)
        pen = ImageDraw.Draw(picture)
        middle = height + rows // 2
        pen.rectangle(
            (margin, middle - thick // 2, margin + bar.length_px - 1, middle - thick // 2 + thick - 1), fill=0
        )
        pen.text((margin + bar.length_px + margin // 2, middle), bar.text, fill=0, font=font, anchor="lm")
        return np.array(picture)
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    bottom = height - margin
    top = bottom - thick
    boxed = style == "box"
    if boxed:
        pad = letters // 3
        left_text, top_text, right_text, _ = pen.textbbox((margin, top - thick), bar.text, font=font, anchor="lb")
        right = max(margin + bar.length_px, int(right_text))
        pen.rectangle((min(margin, int(left_text)) - pad, int(top_text) - pad, right + pad, bottom + pad), fill=0)
    ink, rim = (255, 0) if boxed else (0, 255)
    pen.rectangle((margin - 1, top - 1, margin + bar.length_px, bottom), fill=rim)
    pen.rectangle((margin, top, margin + bar.length_px - 1, bottom - 1), fill=ink)
    pen.text(
        (margin, top - thick),
        bar.text,
        fill=ink,
        font=font,
        anchor="lb",
        stroke_width=0 if boxed else max(1, letters // 20),
        stroke_fill=rim,
    )
    return np.array(picture)


@cache
def typeface(size: int, name: str = "DejaVuSans") -> ImageFont.FreeTypeFont:
    """One of the typefaces that every matplotlib brings along."""
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"), size)
