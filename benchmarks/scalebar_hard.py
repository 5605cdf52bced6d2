"""Harder pictures with a scale bar of known length: what real figures show that `scalebar_pictures` does not.

Tiny letters, bars of one pixel, instruments' strips with the label in a gap of the bar or under a ruler of ticks,
hollow bars with embossed letters, labels and bars of opposite greys, striped bars, decimal commas, panel letters, other
writing beside the label, bars in every corner, low contrast; most of them shrunk and stored as JPEG. Letters are in the
fonts that `closedloop.tem.label_drawing` finds, on which the label reader was trained, though on no such picture.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scalebar_pictures import LABELS, Generated, Pixels, specimen

from closedloop.tem.label_drawing import fonts

_COMMAS = (("0,5 µm", 500.0), ("0,2 µm", 200.0), ("1,5 µm", 1500.0), ("2,5 nm", 2.5))
_WORDS = (
    *("EHT = 20.00 kV", "WD = 7.5 mm", "Signal A = SE2", "Mag = 3.00 K X", "Date :31 Jan 2018", "HFW 592 nm"),
    *("8.9mm x500", "Operator: MF"),
)
_RULERS = (("500nm", 500), ("1.00um", 1000), ("5.00um", 5000), ("10.0um", 10_000), ("50.0um", 50_000), ("2.00um", 2000))


class _Pen:
    """Draws on one picture with one font."""

    def __init__(self, rng: np.random.Generator, image: Pixels, size: int) -> None:
        self.image, self.size = image, size
        self.font = ImageFont.truetype(str(rng.choice(fonts())), size)

    def width(self, text: str) -> int:
        return int(self.font.getlength(text)) + 2

    def write(self, text: str, at: tuple[float, float], ink: int, anchor: str = "lb", rim: int | None = None) -> None:
        picture = Image.fromarray(self.image)
        stroke = 0 if rim is None else max(1, self.size // 14)
        pen = ImageDraw.Draw(picture)
        pen.text(at, text, fill=ink, font=self.font, anchor=anchor, stroke_width=stroke, stroke_fill=rim)
        self.image = np.array(picture)

    def box(self, left: int, top: int, right: int, bottom: int, ink: int) -> None:
        self.image[max(0, top) : bottom, max(0, left) : right] = ink


def _label(rng: np.random.Generator) -> tuple[str, float]:
    if rng.random() < 0.1:
        return _COMMAS[int(rng.integers(len(_COMMAS)))]
    return LABELS[int(rng.integers(24))]


def _picture(rng: np.random.Generator) -> Pixels:
    return specimen(rng, int(rng.integers(420, 700)), int(rng.integers(480, 800)))


def _corner(rng: np.random.Generator, image: Pixels, wide: int, high: int) -> tuple[int, int]:
    """Left and top of a block in one of the four corners, the lower ones more often."""
    height, width = image.shape
    margin = int(rng.integers(6, 30))
    left = margin if rng.random() < 0.5 else width - wide - margin
    return max(2, left), margin if rng.random() < 0.2 else height - high - margin


def _plain(
    rng: np.random.Generator,
    size: tuple[int, int] = (10, 34),
    thick: tuple[int, int] = (2, 12),
    contrast: float | None = None,
    rim: bool = False,
    boxed: bool = False,
    panel: bool = False,
    opposite: bool = False,
) -> Generated:
    image = _picture(rng)
    text, nm = _label(rng)
    pen = _Pen(rng, image, int(rng.integers(*size)))
    length, bar = int(rng.integers(40, image.shape[1] // 3)), int(rng.integers(*thick))
    words, gap = pen.width(text), max(2, round(pen.size * rng.uniform(0.15, 0.5)))
    wide = max(words, length)
    left, top = _corner(rng, image, wide, round(1.3 * pen.size) + gap + bar)
    ink = int(rng.choice([0, 255]))
    paper = 255 - ink
    if boxed:
        grow = int(rng.integers(4, 12))
        pen.box(left - grow, top - grow, left + wide + grow, top + round(1.3 * pen.size) + gap + bar + grow, paper)
    if contrast is not None:
        around = float(np.median(image[top : top + 3 * pen.size, left : left + wide]))
        ink = int(np.clip(around + rng.choice([-1, 1]) * 255 * contrast, 0, 255))
    start = left + (wide - length) // 2
    y = top + round(1.3 * pen.size) + gap
    if opposite:
        pen.box(left - 3, top - 3, left + wide + 3, y - gap // 2, paper)
    if rim:
        pen.box(start - 1, y - 1, start + length + 1, y + bar + 1, paper)
    pen.box(start, y, start + length, y + bar, paper if opposite else ink)
    pen.write(text, (left + (wide - words) / 2, y - gap), ink, "lb", paper if rim else None)
    if panel:
        head = _Pen(rng, pen.image, int(rng.integers(24, 60)))
        head.write(str(rng.choice(["(a)", "b", "C", "d)", "b1", "II"])), (8, 4), int(rng.choice([0, 255])), "lt")
        pen.image = head.image
    return Generated(pen.image, nm, length, text)


def _strip(rng: np.random.Generator) -> tuple[_Pen, int, int, int]:
    """A picture with an instrument's strip under it: its pen, ink, paper, and the first row of the strip."""
    image = _picture(rng)
    paper = int(rng.choice([0, 0, 255]))
    size = int(rng.integers(9, 17))
    image = np.vstack([image, np.full((3 * size, image.shape[1]), paper, np.uint8)])
    return _Pen(rng, image, size), 255 - paper, paper, image.shape[0] - 3 * size


def _other_words(rng: np.random.Generator, pen: _Pen, ink: int, left: int, right: int, top: int) -> None:
    x = left
    for word in rng.permutation(_WORDS):
        for row in (0.3, 1.6):
            if x + pen.width(word) < right:
                pen.write(str(word), (x, top + round(row * pen.size)), ink, "lt")
        x += pen.width(str(word)) + 2 * pen.size


def _thin_ends(rng: np.random.Generator) -> Generated:
    """A thin bar with upright ends under its label, at the left of a strip, in grey."""
    pen, ink, _, top = _strip(rng)
    text, nm = _label(rng)
    length = int(rng.integers(40, 130))
    grey = int(np.clip(ink + rng.choice([-1, 1]) * rng.integers(0, 110), 0, 255)) if rng.random() < 0.6 else ink
    left, y, ends = 14, top + round(2.2 * pen.size), round(0.5 * pen.size)
    pen.box(left, y, left + length, y + 1, grey)
    for x in (left, left + length - 1):
        pen.box(x, y - ends, x + 1, y + ends, grey)
    pen.write(text, (left, top + 2), ink, "lt")
    _other_words(rng, pen, ink, left + max(length, pen.width(text)) + 30, pen.image.shape[1] - 8, top)
    return Generated(pen.image, nm, length, text)


def _in_gap(rng: np.random.Generator) -> Generated:
    """|—— 500 nm ——| at the right of a strip."""
    pen, ink, _, top = _strip(rng)
    text, nm = _label(rng)
    words = pen.width(text)
    length = words + int(rng.integers(60, 160))
    right = pen.image.shape[1] - 10
    y, thick = top + round(1.4 * pen.size), int(rng.integers(1, 4))
    half = (length - words) // 2 - 4
    pen.box(right - length, y, right - length + half, y + thick, ink)
    pen.box(right - half, y, right, y + thick, ink)
    ends = round(0.4 * pen.size) if rng.random() < 0.7 else 0
    for x in (right - length, right - 2):
        pen.box(x, y - ends, x + 2, y + thick + ends, ink)
    pen.write(text, (right - length / 2, y + thick / 2), ink, "mm")
    _other_words(rng, pen, ink, 10, right - length - 20, top)
    return Generated(pen.image, nm, length, text)


def _ruler(rng: np.random.Generator) -> Generated:
    """Eleven ticks over a label that ends where they end."""
    pen, ink, _, top = _strip(rng)
    text, nm = _RULERS[int(rng.integers(len(_RULERS)))]
    step = int(rng.integers(9, 20))
    right, wide = pen.image.shape[1] - 14, 1 + int(rng.integers(0, 3))
    for tick in range(11):
        x = right - (10 - tick) * step
        pen.box(x, top + 3, x + wide, top + 3 + round(0.6 * pen.size), ink)
    pen.write(text, (right + wide, top + round(1.1 * pen.size) + 3), ink, "rt")
    _other_words(rng, pen, ink, 8, right - 10 * step - 10, top + round(0.8 * pen.size))
    return Generated(pen.image, nm, 10 * step, text)


def _hollow(rng: np.random.Generator) -> Generated:
    """White letters with a dark shadow over a white bar with a dark outline."""
    image = _picture(rng)
    text, nm = _label(rng)
    pen = _Pen(rng, image, int(rng.integers(13, 30)))
    length, thick = int(rng.integers(60, image.shape[1] // 3)), int(rng.integers(3, 9))
    left, y = int(rng.integers(8, 30)), image.shape[0] - int(rng.integers(12, 30)) - thick
    pen.box(left - 1, y - 1, left + length + 1, y + thick + 1, 0)
    pen.box(left, y, left + length, y + thick, 255)
    pen.write(text, (left + 1, y - 4), 0)
    pen.write(text, (left, y - 5), 255)
    return Generated(pen.image, nm, length, text)


def _striped(rng: np.random.Generator) -> Generated:
    """A bar of black and white pieces; none of them is the scale, and to read none is right (px 0)."""
    image = _picture(rng)
    text, nm = _label(rng)
    pen = _Pen(rng, image, int(rng.integers(16, 34)))
    piece, thick = int(rng.integers(24, 50)), int(rng.integers(5, 12))
    left, top = _corner(rng, image, max(5 * piece, pen.width(text)), 2 * pen.size + thick)
    for index in range(5):
        pen.box(left + index * piece, top, left + (index + 1) * piece, top + thick, 255 * ((index + 1) % 2))
    pen.write(text, (left + 2.5 * piece, top + thick + 4), int(rng.choice([0, 255])), "mt")
    return Generated(pen.image, nm, 0, text)


def _two_panels(rng: np.random.Generator) -> Generated:
    """Two to six panels of one hand and two scales (px 0)."""
    text, nm = _label(rng)
    others = [(other, value) for other, value in LABELS[:16] if value != nm]
    rows, columns = int(rng.integers(1, 3)), int(rng.integers(2, 4))
    size, thick, ink = int(rng.integers(14, 26)), int(rng.integers(3, 9)), int(rng.choice([0, 255]))
    odd, length = int(rng.integers(rows * columns)), int(rng.integers(50, 130))
    face, panels = int(rng.integers(1 << 30)), []
    for index in range(rows * columns):
        own, stretch = (others[int(rng.integers(len(others)))][0], 1.0) if index == odd else (text, 1.0)
        pen = _Pen(np.random.default_rng(face), specimen(rng, 300, 340), size)
        y, wide = 300 - 14 - thick, int(length * stretch)
        pen.box(8, y - round(1.5 * size), 26 + max(wide, pen.width(own)), y + thick + 8, 255 - ink)
        pen.box(16, y, 16 + wide, y + thick, ink)
        pen.write(own, (16, y - 4), ink)
        panels.append(np.pad(pen.image, ((0, 6), (0, 6)), constant_values=255))
    image = np.vstack([np.hstack(panels[row * columns : (row + 1) * columns]) for row in range(rows)])
    return Generated(image, nm, 0, text)


def _from_a_paper(drawn: Generated, rng: np.random.Generator) -> Generated:
    """Shrunk or enlarged a little and stored as JPEG, three times of four."""
    if rng.random() < 0.25:
        return drawn
    factor = float(rng.uniform(0.75, 1.3))
    height, width = drawn.image.shape[:2]
    size = (round(width * factor), round(height * factor))
    resized = Image.fromarray(drawn.image).resize(size, Image.Resampling.BICUBIC)
    stored = io.BytesIO()
    resized.save(stored, "JPEG", quality=int(rng.integers(50, 95)))
    return drawn._replace(image=np.array(Image.open(stored)), px=drawn.px * size[0] / width)


HARD_STYLES: dict[str, Callable[[np.random.Generator], Generated]] = {
    "tiny letters": lambda rng: _plain(rng, size=(9, 14), thick=(1, 4)),
    "low contrast": lambda rng: _plain(rng, size=(16, 36), contrast=0.3),
    "rim": lambda rng: _plain(rng, size=(14, 40), rim=True),
    "small box": lambda rng: _plain(rng, size=(12, 30), boxed=True),
    "panel letter": lambda rng: _plain(rng, size=(12, 40), thick=(2, 20), panel=True),
    "opposite greys": lambda rng: _plain(rng, size=(14, 30), opposite=True),
    "thin with ends": _thin_ends,
    "strip, in a gap": _in_gap,
    "ruler": _ruler,
    "hollow": _hollow,
    "striped": _striped,
    "panels of two scales": _two_panels,
}


def generate_hard(style: str, seed: int) -> Generated:
    """One picture of a style of `HARD_STYLES`; the same seed and the same fonts give the same picture."""
    rng = np.random.default_rng([seed, 1 + sorted(HARD_STYLES).index(style), 77])
    return _from_a_paper(HARD_STYLES[style](rng), rng)
