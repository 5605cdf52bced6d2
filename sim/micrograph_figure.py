"""What people and microscopes print over a picture: scale bars, panel letters, info strips, arrows, insets, margins.

None of it is a particle. What hides the picture (boxes, strips, margins) hides labels
too; thin letters and lines do not.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sim.microscope_label import ScaleBar, choose, typeface

Grey = NDArray[np.uint8]
Labels = NDArray[np.int32]
TYPEFACES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "STIXGeneral", "STIXGeneralBol")


def decorate(grey: Grey, labels: Labels, nm_per_px: float, generator: np.random.Generator) -> Grey:
    """The picture as it is printed, (H, W) as before; ``labels`` lose in place what is hidden."""
    picture = Image.fromarray(grey)
    pen = ImageDraw.Draw(picture)
    bottom = grey.shape[0]
    if generator.random() < 0.25:
        bottom = _strip(pen, grey, labels, nm_per_px, generator)
    elif generator.random() < 0.85:
        _bar(pen, grey, labels, choose(nm_per_px, grey.shape[1]), generator)
    if generator.random() < 0.5:
        _letter(pen, grey, labels, generator)
    if generator.random() < 0.08:
        _arrows(pen, grey, bottom, generator)
    if generator.random() < 0.05:
        _inset(picture, labels, generator)
    if generator.random() < 0.15:
        _margin(pen, grey, labels, generator)
    return np.array(picture)


def _typeface(height: int, generator: np.random.Generator) -> tuple[int, str]:
    return max(9, height), str(generator.choice(TYPEFACES))


def _ink(generator: np.random.Generator) -> int:
    return 255 if generator.random() < 0.55 else 0


def _hide(labels: Labels, left: float, top: float, right: float, bottom: float) -> None:
    labels[max(0, int(top)) : max(0, int(bottom) + 1), max(0, int(left)) : max(0, int(right) + 1)] = 0


def _bar(pen: ImageDraw.ImageDraw, grey: Grey, labels: Labels, bar: ScaleBar, generator: np.random.Generator) -> None:
    height, width = grey.shape
    font = typeface(*_typeface(round(height * generator.uniform(0.025, 0.075)), generator))
    thick = max(2, round(height * generator.uniform(0.004, 0.02)))
    gap = round(height * 0.012)
    _, text_top, text_right, text_bottom = pen.textbbox((0, 0), bar.text, font=font)
    high = float(text_bottom - text_top)
    broad = max(bar.length_px, float(text_right))
    left = generator.uniform(0.02, 0.06) * width if generator.random() < 0.4 else width * 0.96 - broad
    foot = height * generator.uniform(0.93, 0.98)
    above = generator.random() < 0.8
    top = foot - thick - gap - high
    ink = _ink(generator)
    if generator.random() < 0.25:
        pad = height * 0.012
        box = (left - pad, top - pad, left + broad + pad, foot + pad)
        pen.rectangle(box, fill=255 - ink)
        _hide(labels, *box)
    middle = left + 0.5 * broad
    bar_top = foot - thick if above else top
    text_y = top if above else top + thick + gap
    pen.rectangle((middle - 0.5 * bar.length_px, bar_top, middle + 0.5 * bar.length_px, bar_top + thick - 1), fill=ink)
    if generator.random() < 0.2:
        for end in (-0.5, 0.5):
            x = middle + end * bar.length_px
            pen.line((x, bar_top - thick, x, bar_top + 2 * thick), fill=ink, width=max(1, thick // 2))
    if generator.random() < 0.9:
        pen.text((middle - 0.5 * text_right, text_y - text_top), bar.text, fill=ink, font=font)


def _strip(
    pen: ImageDraw.ImageDraw, grey: Grey, labels: Labels, nm_per_px: float, generator: np.random.Generator
) -> int:
    """The line of settings below a scanning microscope's picture; its upper edge."""
    height, width = grey.shape
    rows = round(height * generator.uniform(0.04, 0.11))
    top = height - rows
    ground = 0 if generator.random() < 0.7 else 255
    pen.rectangle((0, top, width, height), fill=ground)
    _hide(labels, 0, top, width, height)
    bar = choose(nm_per_px, width)
    font = typeface(*_typeface(round(0.4 * rows), generator))
    volts, away, times = generator.uniform(1, 30), generator.uniform(3, 12), 10 * int(generator.integers(20, 9999))
    text = f"{volts:.1f} kV  {away:.1f} mm  x{times}"
    pen.text((0.02 * width, top + 0.2 * rows), text, fill=255 - ground, font=font)
    left, middle = 0.98 * width - bar.length_px, top + 0.8 * rows
    pen.line((left, middle, 0.98 * width, middle), fill=255 - ground, width=2)
    pen.text((left, top + 0.1 * rows), bar.text, fill=255 - ground, font=font)
    return top


def _letter(pen: ImageDraw.ImageDraw, grey: Grey, labels: Labels, generator: np.random.Generator) -> None:
    height, width = grey.shape
    letter = str(generator.choice(list("abcdefghABCDEF")))
    text = str(generator.choice([f"({letter})", letter, f"{letter})", f"{letter}{int(generator.integers(1, 5))}"]))
    if generator.random() < 0.12:
        text = str(
            generator.choice(["CdSe", "TEM", "Au@SiO2", "24 h", "pH 7", "200 °C", "PbS-3", "SEM", "NPs", "No. 4"])
        )
    font = typeface(*_typeface(round(height * generator.uniform(0.04, 0.12)), generator))
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    x = 0.02 * width if generator.random() < 0.8 else 0.97 * width - right
    y = 0.015 * height
    ink = _ink(generator)
    if generator.random() < 0.25:
        pen.rectangle((x + left - 4, y + top - 4, x + right + 4, y + bottom + 4), fill=255 - ink)
        _hide(labels, x + left - 4, y + top - 4, x + right + 4, y + bottom + 4)
    pen.text((x, y), text, fill=ink, font=font)


def _arrows(pen: ImageDraw.ImageDraw, grey: Grey, bottom: int, generator: np.random.Generator) -> None:
    ink = _ink(generator)
    for _ in range(int(generator.integers(1, 4))):
        x, y = generator.uniform(0.15, 0.85, 2) * [grey.shape[1], bottom]
        turn, length = generator.uniform(0, 2 * np.pi), generator.uniform(0.04, 0.1) * grey.shape[1]
        tip = np.array([x, y]) + length * np.array([np.cos(turn), np.sin(turn)])
        pen.line((x, y, *tip), fill=ink, width=3)
        side = 0.3 * length * np.array([np.cos(turn + 2.6), np.sin(turn + 2.6)])
        other = 0.3 * length * np.array([np.cos(turn - 2.6), np.sin(turn - 2.6)])
        pen.polygon([tuple(tip.tolist()), tuple((tip + side).tolist()), tuple((tip + other).tolist())], fill=ink)
    if generator.random() < 0.4:
        x, y = generator.uniform(0.2, 0.6, 2) * [grey.shape[1], bottom]
        pen.rectangle((x, y, x + 0.2 * grey.shape[1], y + 0.2 * bottom), outline=ink, width=2)


def _inset(picture: Image.Image, labels: Labels, generator: np.random.Generator) -> None:
    """A diffraction pattern in a corner: rings or spots, nothing to be measured."""
    width, height = picture.size
    side = round(min(width, height) * generator.uniform(0.2, 0.35))
    axis = np.linspace(-1.0, 1.0, side)
    distance = np.hypot(axis[None, :], axis[:, None])
    pattern = np.exp(-distance / 0.15) + 0.05 * generator.random((side, side))
    for ring in generator.uniform(0.25, 0.95, int(generator.integers(2, 6))):
        pattern += 0.35 * np.exp(-(((distance - ring) / 0.02) ** 2)) * (generator.random((side, side)) > 0.5)
    left, top = (width - side, 0) if generator.random() < 0.5 else (0, height - side)
    picture.paste(Image.fromarray(np.asarray(np.clip(220 * pattern, 0, 255), dtype=np.uint8)), (left, top))
    _hide(labels, left, top, left + side - 1, top + side - 1)


def _margin(pen: ImageDraw.ImageDraw, grey: Grey, labels: Labels, generator: np.random.Generator) -> None:
    """The white (or black) paper that a figure was cut out with."""
    height, width = grey.shape
    paper = 255 if generator.random() < 0.85 else 0
    for side in range(4):
        if generator.random() < 0.5:
            continue
        wide = int(generator.integers(1, max(3, round(0.03 * width))))
        box = [
            (0, 0, wide - 1, height),
            (width - wide, 0, width, height),
            (0, 0, width, wide - 1),
            (0, height - wide, width, height),
        ][side]
        pen.rectangle(box, fill=paper)
        _hide(labels, *box)
