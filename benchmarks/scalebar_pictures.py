"""Pictures with a scale bar of known length and label, in the styles that papers and microscopes use.

Rendered from a style's name and a seed alone, for `scalebars.py` and for the tests; no microscope's font is copied:
the letters are matplotlib's DejaVu, STIX and Computer Modern, Pillow's own, and OpenCV's strokes.
"""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Generated(NamedTuple):
    """A picture (H, W) or (H, W, 3) uint8, the length of its bar in nm and in pixels, and the label as written."""

    image: Pixels
    nm: float
    px: int
    text: str


LABELS: tuple[tuple[str, float], ...] = (
    ("50 nm", 50),
    ("20 nm", 20),
    ("100 nm", 100),
    ("200 nm", 200),
    ("10 nm", 10),
    ("5 nm", 5),
    ("2 nm", 2),
    ("500 nm", 500),
    ("1 µm", 1000),
    ("2 µm", 2000),
    ("5 µm", 5000),
    ("10 µm", 10_000),
    ("0.2 µm", 200),
    ("0.5 µm", 500),
    ("1.0 µm", 1000),
    ("1.00 µm", 1000),
    ("2um", 2000),
    ("200nm", 200),
    ("50nm", 50),
    ("25 nm", 25),
    ("30 nm", 30),
    ("250 nm", 250),
    ("1,000 nm", 1000),
    ("1000 nm", 1000),
    ("10 Å", 1),
    ("500 n m", 500),
    ("50 µm", 50_000),
    ("100 µm", 100_000),
)
_FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSansMono",
    "DejaVuSans-Oblique",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
)
_INSTRUMENT = (
    ("HV 200 kV", "mag 50,000x", "WD 5 mm"),
    ("EHT = 10.00 kV", "WD = 5.6 mm", "Signal A = SE2"),
    ("15.0kV", "x50.0k", "SE(M)"),
    ("Acc.V 20.0 kV", "Spot 3.0", "Det TLD"),
)


@cache
def _font(face: str, size: int) -> Font:
    from matplotlib import get_data_path

    if face == "Pillow":
        return ImageFont.load_default(size)
    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"), size)


def specimen(rng: np.random.Generator, height: int, width: int) -> Pixels:
    """Particles on noisy ground: dark on light (transmission) or light on dark."""
    rows, columns = np.mgrid[:height, :width]
    image = np.full((height, width), rng.uniform(0.45, 0.75)) + rng.uniform(-0.1, 0.1) * columns / width
    depth = rng.uniform(0.2, 0.5)
    radius = rng.uniform(8, 40)
    for _ in range(int(rng.integers(10, 120))):
        y, x, r = rng.uniform(0, height), rng.uniform(0, width), radius * rng.uniform(0.7, 1.3)
        window = (slice(max(0, int(y - r)), int(y + r) + 2), slice(max(0, int(x - r)), int(x + r) + 2))
        distance = np.hypot(rows[window] - y, columns[window] - x)
        image[window] -= depth * np.clip(r - distance, 0, 1) * rng.uniform(0.6, 1)
    image = np.clip(image, 0.05, 0.95)
    if rng.random() < 0.4:
        image = 1 - image
    grain = rng.normal(0, 1, (height, width))
    if rng.random() < 0.5:
        grain = cv2.GaussianBlur(grain, (0, 0), 1.2) * 3
    return np.clip(255 * (image + rng.uniform(0.01, 0.09) * grain), 0, 255).astype(np.uint8)


def _write(
    image: Pixels,
    rng: np.random.Generator,
    text: str,
    at: tuple[float, float],
    size: int,
    ink: object,
    anchor: str,
    rim: object = None,
    face: str | None = None,
) -> Pixels:
    """Text with its anchor ("lb": left and bottom, "mt", "lm", …) at (x, y)."""
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    face = face or str(rng.choice(_FACES))
    stroke = 0 if rim is None else max(1, size // 14)
    pen.text(at, text, fill=ink, font=_font(face, size), anchor=anchor, stroke_width=stroke, stroke_fill=rim)
    return np.array(picture)


def _bar(image: Pixels, left: int, top: int, length: int, thick: int, ink: object, ticks: int = 0) -> None:
    image[top : top + thick, left : left + length] = ink
    if ticks:
        for x in (left, left + length - thick):
            image[top - ticks : top + thick + ticks, x : x + thick] = ink


class _Plan(NamedTuple):
    text: str
    nm: float
    px: int
    thick: int
    size: int


def _plan(rng: np.random.Generator, width: int) -> _Plan:
    text, nm = LABELS[int(rng.integers(len(LABELS)))]
    size = int(rng.integers(14, 40))
    return _Plan(text, nm, int(rng.integers(max(50, width // 10), width // 3)), int(rng.integers(2, 12)), size)


def _place(rng: np.random.Generator, image: Pixels, plan: _Plan) -> tuple[int, int]:
    """Left and top of a bar in a lower corner, with room for its label above and below."""
    height, width = image.shape[:2]
    margin = int(rng.integers(10, 40))
    wide = max(plan.px, round(0.75 * plan.size * len(plan.text)))
    left = margin if rng.random() < 0.5 else width - margin - wide
    return left + (wide - plan.px) // 2, height - margin - round(1.6 * plan.size) - plan.thick


def _over_specimen(
    rng: np.random.Generator,
    ink: object,
    rim: object,
    *,
    colour: bool = False,
    ticks: bool = False,
    where: str = "above",
) -> Generated:
    height, width = int(rng.integers(400, 900)), int(rng.integers(500, 1100))
    image = specimen(rng, height, width)
    if colour:
        image = np.dstack([image] * 3)
    plan = _plan(rng, width)
    if where == "beside":
        plan = plan._replace(px=min(plan.px, width // 4), size=min(plan.size, 28))
    left, top = _place(rng, image, plan)
    if where == "beside":
        left = min(left, width - plan.px - plan.size * len(plan.text) - 10)
    length = plan.px
    tall = int(rng.integers(3, 9)) if ticks else 0
    if rim is not None:
        _bar(image, left - 1, top - 1, length + 2, plan.thick + 2, rim)
    _bar(image, left, top, length, plan.thick, ink, tall)
    middle, gap = left + length / 2, round(0.3 * plan.size) + tall
    at, anchor = {
        "above": ((middle, top - gap), "mb"),
        "below": ((middle, top + plan.thick + gap), "mt"),
        "beside": ((left + length + 0.5 * plan.size, top + plan.thick / 2), "lm"),
    }[where]
    return Generated(_write(image, rng, plan.text, at, plan.size, ink, anchor, rim), plan.nm, length, plan.text)


def _inside(rng: np.random.Generator) -> Generated:
    """|—— 50 nm ——|: the label stands in a gap of the bar."""
    image = specimen(rng, 600, 800)
    plan = _plan(rng, 800)
    thick, size = max(2, plan.thick // 2), min(plan.size, 30)
    length = max(plan.px, round(0.8 * size * len(plan.text)) + 90)
    left, top = int(rng.integers(15, 60)), 540
    ink = int(rng.choice([0, 255]))
    # A box under it, as such bars are drawn.
    image[top - size : top + size, left - 10 : left + length + 10] = 255 - ink
    _bar(image, left, top, length, thick, ink, 7)
    image = _write(image, rng, plan.text, (left + length / 2, top + thick / 2), size, ink, "mm")
    before = image.copy()
    box = ImageDraw.Draw(Image.fromarray(image)).textbbox(
        (left + length / 2, top + thick / 2), plan.text, font=_font("DejaVuSans", size), anchor="mm"
    )
    image = before
    image[top - size : top + size, int(box[0]) - 6 : int(box[2]) + 6] = 255 - ink
    image = _write(image, rng, plan.text, (left + length / 2, top + thick / 2), size, ink, "mm", face="DejaVuSans")
    return Generated(image, plan.nm, length, plan.text)


def _on_bar(rng: np.random.Generator) -> Generated:
    """The label in a thick bar, in the opposite grey."""
    image = specimen(rng, 600, 800)
    plan = _plan(rng, 800)
    size = min(plan.size, 30)
    length = max(plan.px, round(0.8 * size * len(plan.text)) + 30)
    left, top = int(rng.integers(15, 60)), 530
    ink = int(rng.choice([0, 255]))
    _bar(image, left, top, length, round(1.6 * size), ink)
    at = (left + length / 2, top + 0.8 * size)
    return Generated(_write(image, rng, plan.text, at, size, 255 - ink, "mm"), plan.nm, length, plan.text)


def _boxed(rng: np.random.Generator) -> Generated:
    image = specimen(rng, int(rng.integers(400, 900)), int(rng.integers(500, 1100)))
    plan = _plan(rng, image.shape[1])
    left, top = _place(rng, image, plan)
    paper = int(rng.choice([0, 255]))
    wide = max(plan.px, round(0.75 * plan.size * len(plan.text)))
    middle = left + plan.px // 2
    image[
        max(0, top - round(1.7 * plan.size)) : top + plan.thick + 8,
        max(0, middle - wide // 2 - 8) : middle + wide // 2 + 8,
    ] = paper
    _bar(image, left, top, plan.px, plan.thick, 255 - paper)
    at = (left + plan.px / 2, top - 0.3 * plan.size)
    return Generated(_write(image, rng, plan.text, at, plan.size, 255 - paper, "mb"), plan.nm, plan.px, plan.text)


def _strip(rng: np.random.Generator, paper: int) -> Generated:
    """An instrument's strip below the picture: the bar with its label, and other text beside it."""
    image = specimen(rng, int(rng.integers(500, 900)), int(rng.integers(800, 1300)))
    height, width = image.shape
    plan = _plan(rng, width)
    size = int(rng.integers(13, 24))
    rows = round(3.4 * size)
    image = np.vstack([image, np.full((rows, width), paper, np.uint8)])
    face = str(rng.choice(_FACES[:5]))
    thick, ink = int(rng.integers(2, 5)), 255 - paper
    wide = max(plan.px, round(0.75 * size * len(plan.text)))
    bar_left = 15 + (wide - plan.px) // 2 if rng.random() < 0.5 else width - 15 - (wide + plan.px) // 2
    top = height + round(2.4 * size)
    _bar(image, bar_left, top, plan.px, thick, ink, 4 if rng.random() < 0.5 else 0)
    image = _write(image, rng, plan.text, (bar_left + plan.px / 2, top - 5), size, ink, "mb", face=face)
    x = 15 + wide + 2 * size if bar_left < width / 2 else 15
    limit = width if bar_left < width / 2 else width - wide - 40
    for word in _INSTRUMENT[int(rng.integers(len(_INSTRUMENT)))]:
        length = int(_font(face, size).getlength(word))
        if x + length + 10 > limit:
            break
        image = _write(image, rng, word, (x, height + rows / 2), size, ink, "lm", face=face)
        x += length + 2 * size
    return Generated(image, plan.nm, plan.px, plan.text)


def _strokes(rng: np.random.Generator) -> Generated:
    """Letters drawn in single strokes, as some cameras do; these have no µ and no Å."""
    image = specimen(rng, 600, 800)
    plan = _plan(rng, 800)
    text = plan.text.replace("µ", "u").replace("Å", "A")
    scale = rng.uniform(0.6, 1.2)
    (wide, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    ink = int(rng.choice([0, 255]))
    left, top = 25, 550
    _bar(image, left, top, plan.px, plan.thick, ink)
    at = (max(5, round(left + plan.px / 2 - wide / 2)), top - 10)
    image = np.asarray(cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 2, cv2.LINE_AA), np.uint8)
    return Generated(image, plan.nm, plan.px, text)


def _compressed(rng: np.random.Generator) -> Generated:
    """Shrunk for a paper and stored as JPEG."""
    ink = int(rng.choice([0, 255]))
    one = _over_specimen(rng, ink, 255 - ink if rng.random() < 0.5 else None)
    factor = rng.uniform(0.6, 0.9)
    width, height = round(one.image.shape[1] * factor), round(one.image.shape[0] * factor)
    small = Image.fromarray(one.image).resize((width, height), Image.Resampling.BICUBIC)
    stored = io.BytesIO()
    small.save(stored, "JPEG", quality=int(rng.integers(55, 90)))
    image = np.array(Image.open(stored))
    return Generated(image, one.nm, one.px * width / one.image.shape[1], one.text)


def _panels(rng: np.random.Generator, same: bool) -> Generated:
    """Four panels with a bar each: of one scale, or one of them of another (then px is 0: there is no one scale)."""
    text, nm = LABELS[int(rng.integers(12))]
    length, size = int(rng.integers(70, 160)), int(rng.integers(15, 26))
    ink = int(rng.choice([0, 255]))
    face = str(rng.choice(_FACES[:5]))
    odd = -1 if same else int(rng.integers(4))
    panels = []
    for index in range(4):
        panel = specimen(rng, 360, 480)
        own_text, own_length = (text, length) if index != odd else ("300 nm", length)
        panel[300:350, 12 : 40 + max(length, size * len(text))] = 255 - ink
        _bar(panel, 20, 335, own_length, 5, ink)
        panels.append(_write(panel, rng, own_text, (20, 330), size, ink, "lb", face=face))
    gap = np.full((360, 8), 255, np.uint8)
    rows = [np.hstack([panels[0], gap, panels[1]]), np.hstack([panels[2], gap, panels[3]])]
    image = np.vstack([rows[0], np.full((8, rows[0].shape[1]), 255, np.uint8), rows[1]])
    return Generated(image, nm, length if same else 0, text)


def _nothing(rng: np.random.Generator) -> Generated:
    """No scale to be read: particles, and the instrument's other text."""
    image = specimen(rng, 600, 800)
    words = "   ".join(_INSTRUMENT[int(rng.integers(len(_INSTRUMENT)))])
    image[560:] = 0
    return Generated(_write(image, rng, words, (20, 580), 18, 255, "lm"), 0, 0, "")


STYLES: dict[str, Callable[[np.random.Generator], Generated]] = {
    "white": lambda rng: _over_specimen(rng, 255, None),
    "black": lambda rng: _over_specimen(rng, 0, None),
    "white with a rim": lambda rng: _over_specimen(rng, 255, 0),
    "black with a rim": lambda rng: _over_specimen(rng, 0, 255),
    "yellow": lambda rng: _over_specimen(rng, (255, 255, 0), None, colour=True),
    "red": lambda rng: _over_specimen(rng, (255, 0, 0), None, colour=True),
    "end ticks": lambda rng: _over_specimen(rng, int(rng.choice([0, 255])), None, ticks=True),
    "label below": lambda rng: _over_specimen(rng, int(rng.choice([0, 255])), None, where="below"),
    "label beside": lambda rng: _over_specimen(rng, int(rng.choice([0, 255])), None, where="beside"),
    "label in a gap": _inside,
    "label on the bar": _on_bar,
    "box": _boxed,
    "black strip": lambda rng: _strip(rng, 0),
    "white strip": lambda rng: _strip(rng, 255),
    "strokes": _strokes,
    "shrunk JPEG": _compressed,
    "panels, one scale": lambda rng: _panels(rng, True),
    "panels, two scales": lambda rng: _panels(rng, False),
    "no bar": _nothing,
}


def generate(style: str, seed: int) -> Generated:
    """One picture of a style of `STYLES`; the same seed gives the same picture."""
    return STYLES[style](np.random.default_rng([seed, sorted(STYLES).index(style)]))
