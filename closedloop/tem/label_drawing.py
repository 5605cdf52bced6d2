"""Draw lines of text as they stand beside scale bars, for the label reader to learn from: every one from a seed.

Labels with any number and unit, other writing of microscopes and authors, and places without writing; in all fonts that
are installed, from seven pixels high, over any ground. No microscope's picture is copied.
"""

import io
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from closedloop.tem.label_network import HEIGHT, LETTERS, WIDEST

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Float = NDArray[np.float32]

# Where Linux keeps fonts that are cut like Arial, Times and Courier; what is not there is drawn in the others.
_FOLDERS = ("/usr/share/fonts/truetype/liberation", "/usr/share/fonts/truetype/dejavu")
# No letters, or no µ among them.
_UNFIT = ("LastResort", "STIXSiz", "STIXNonUni", "Display", "cmb", "cmex", "cmmi", "cmr", "cmss", "cmsy", "cmtt")
_WORDS = (
    *("HV", "WD", "Mag", "mag", "kV", "EHT =", "Signal A =", "SE2", "InLens", "Det", "Spot", "Date", "Time", "SEI"),
    *("x50,000", "X 75,000", "SU8010", "S-4800", "15.0kV", "5.0kV", "SE(M)", "20.00 kV", "WD 8.6mm", "WD = 5.6 mm"),
    *("High Vacuum", "TLD", "HFW", "curr", "spot", "Acc.V", "Print Mag", "AuNPs", "Au@Ag NP-5", "SiO2", "TiO2", "CdSe"),
    *("PbS", "(a)", "(b)", "(c)", "d)", "a", "b1", "B2", "III", "ZEISS", "JEOL", "TEM Mode: Imaging", "Camera"),
    *("Operator", "K X", "100 KX", "No.", "composite", "before", "after", "12:24:05", "50x", "8kV", "14.4 ± 2.2°"),
    *("Mag = 3.00 K X", "1/21/2019", "DEC1-82", "500"),
)


class Drawn(NamedTuple):
    """Grey picture (HEIGHT, w) uint8, dark letters on light, and what is written, in `LETTERS`."""

    picture: NDArray[np.uint8]
    text: str


@cache
def fonts() -> tuple[str, ...]:
    """Paths of all upright and slanted text fonts that matplotlib brings and the two folders hold."""
    from matplotlib import get_data_path

    own = sorted((Path(get_data_path()) / "fonts" / "ttf").glob("*.ttf"))
    others = [path for folder in _FOLDERS for path in sorted(Path(folder).glob("*.ttf"))]
    # The same font lies in both places.
    unique = {path.name: str(path) for path in [*others, *own]}
    return tuple(path for name, path in sorted(unique.items()) if not any(word in name for word in _UNFIT))


@cache
def _font(path: str, size: int) -> Font:
    return ImageFont.load_default(size) if path == "Pillow" else ImageFont.truetype(path, size)


def draw(rng: np.random.Generator) -> Drawn:
    """One line of text, or a place without."""
    kind = rng.choice(["label", "other", "nothing"], p=[0.62, 0.25, 0.13])
    size = int(np.exp(rng.uniform(np.log(8), np.log(38))))
    if kind == "nothing":
        high, wide = int(size * rng.uniform(1.0, 1.8)), int(size * rng.uniform(1.5, 7))
        ground = _ground(rng, high, wide, 0.3)
        return Drawn(_finished(rng, ground, 0.0, 1.0, False), "")
    words = _label(rng) if kind == "label" else _other(rng)
    return Drawn(_written(rng, words, size), in_letters(words))


def in_letters(words: str) -> str:
    """What the reader is to say of a text: µ and u are one letter, unknown signs are "#", spaces are nothing."""
    table = {"µ": "u", "μ": "u", "Å": "A", "A": "#", "±": "#"}
    return "".join(one if (one := table.get(sign, sign)) in LETTERS else "#" for sign in words if sign != " ")


def _label(rng: np.random.Generator) -> str:
    digits = "".join(str(digit) for digit in rng.integers(0, 10, 3))
    number = str(
        rng.choice(
            [
                f"{rng.choice([1, 2, 5])}{'0' * int(rng.integers(0, 4))}",
                str(rng.choice([10, 15, 20, 25, 30, 40, 50, 60, 100, 150, 200, 250, 300, 400, 500])),
                str(int(digits[: int(rng.integers(1, 4))])),
                "".join(
                    str(rng.choice(part))
                    for part in (["0", "1", "2", "3", "5", "10", digits[0]], [".", ".", ","], _places(digits[1]))
                ),
                "1,000",
            ],
            p=[0.35, 0.25, 0.14, 0.23, 0.03],
        )
    )
    unit = str(rng.choice(["nm", "µm", "um", "Å", "mm"], p=[0.5, 0.3, 0.13, 0.03, 0.04]))
    unit = " ".join(unit) if rng.random() < 0.05 else unit
    words = number + " " * int(rng.choice([0, 1, 2], p=[0.3, 0.6, 0.1])) + unit
    return words + "*" if rng.random() < 0.01 else words


def _places(digit: str) -> list[str]:
    return ["0", "00", "5", "2", "1", "25", digit]


def _other(rng: np.random.Generator) -> str:
    if rng.random() < 0.7:
        chosen = " ".join(str(rng.choice(_WORDS)) for _ in range(int(rng.integers(1, 3))))
        return chosen[: int(rng.integers(3, 17))].strip()
    signs = "0123456789.,:=-+/%()xkVXKMGabcdefghinmopqrstuvwyzABCDEFHILNOPRSTUZ"
    return "".join(rng.choice(list(signs), int(rng.integers(1, 9))))


def _written(rng: np.random.Generator, words: str, size: int) -> NDArray[np.uint8]:
    path = "Pillow" if rng.random() < 0.05 else str(rng.choice(fonts()))
    stroke = 0
    left, top, right, bottom = _font(path, size).getbbox(words)
    wide, high = max(4, round(right - left)), max(4, round(bottom - top))
    # The place that a finder of lines would cut out: mostly the letters with some room, now and then a little less.
    above, below = (round(high * rng.uniform(-0.02, 0.45)) for _ in range(2))
    before, behind = (round(high * rng.uniform(-0.03, 1.1)) for _ in range(2))
    room = max(3, size // 3)
    canvas = (high + 2 * room + high, wide + 2 * room + round(2.4 * high))
    y, x = room + high // 2, room + round(1.2 * high)
    boxed = rng.random() < 0.35
    ground = _ground(rng, *canvas, 0.0 if boxed else float(rng.choice([0.0, 0.12, 0.3], p=[0.35, 0.4, 0.25])))
    light = bool(rng.random() < 0.5)
    paper = float(np.median(ground))
    contrast = float(rng.uniform(0.5, 1.0) if rng.random() < 0.75 else rng.uniform(0.13, 0.5))
    ink = paper + contrast if light else paper - contrast
    if not 0 <= ink <= 1:
        ground = ground - (ink - float(np.clip(ink, 0, 1)))
        paper, ink = float(np.median(ground)), float(np.clip(ink, 0, 1))
    mask = Image.new("L", (canvas[1], canvas[0]), 0)
    pen = ImageDraw.Draw(mask)
    pen.fontmode = "1" if rng.random() < 0.2 else "L"
    style = rng.random()
    image = ground
    if style < 0.14:
        stroke = max(1, size // 16)
        image = _inked(image, canvas, (x - left, y - top), words, _font(path, size), 1.0 - ink, stroke)
    elif style < 0.2:
        image = _inked(image, canvas, (x - left + 1, y - top + 1), words, _font(path, size), 1.0 - ink, 0)
    pen.text((x - left, y - top), words, fill=255, font=_font(path, size))
    share = np.asarray(mask, np.float32) / np.float32(255)
    image = image * (1 - share) + np.float32(ink) * share
    if rng.random() < 0.35:
        thick = max(1, round(size * rng.uniform(0.05, 0.4)))
        under = (
            y + high + round(size * rng.uniform(0.1, 0.6)) if rng.random() < 0.75 else y - thick - round(0.25 * size)
        )
        start = x + round(rng.uniform(-1.5, 0.4) * high)
        image[max(0, under) : under + thick, max(0, start) : start + round(wide * rng.uniform(0.5, 2))] = ink
    if rng.random() < 0.1:
        # A frame, or the end of a bar, beside the letters.
        column = x - max(2, round(rng.uniform(0.15, 1) * high)) if rng.random() < 0.5 else x + wide + round(0.3 * high)
        image[:, column : column + max(1, size // 12)] = rng.choice([0.0, 1.0, ink])
    image = _weathered(rng, image)
    cut = image[max(0, y - above) : y + high + below, max(0, x - before) : x + wide + behind]
    inked_view = rng.random() < 0.25 and style >= 0.2
    return _finished(rng, cut, ink, paper, light, inked_view)


def _inked(
    image: Float, canvas: tuple[int, int], at: tuple[float, float], words: str, font: Font, grey: float, stroke: int
) -> Float:
    mask = Image.new("L", (canvas[1], canvas[0]), 0)
    ImageDraw.Draw(mask).text(at, words, fill=255, font=font, stroke_width=stroke, stroke_fill=255)
    share = np.asarray(mask, np.float32) / np.float32(255)
    return np.asarray(image * (1 - share) + np.float32(grey) * share, np.float32)


def _ground(rng: np.random.Generator, high: int, wide: int, structure: float) -> Float:
    """Even or noisy, with particles and edges as strong as `structure`."""
    level = float(rng.choice([0.0, 1.0])) if rng.random() < 0.3 else rng.uniform(0.05, 0.95)
    image = np.full((high, wide), level, np.float32)
    rows, columns = np.mgrid[:high, :wide].astype(np.float32)
    if structure:
        for _ in range(int(rng.integers(0, 5))):
            radius = rng.uniform(0.2, 2.5) * high
            far = np.hypot(rows - rng.uniform(0, high), columns - rng.uniform(0, wide))
            image += rng.uniform(-structure, structure) * np.clip((radius - far) / max(1, 0.1 * radius), 0, 1)
        image += rng.uniform(-structure, structure) * (columns / wide - 0.5)
    grain = rng.standard_normal((high, wide), np.float32)
    if rng.random() < 0.5:
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.6, 1.5)) * 3, np.float32)
    amount = 0.0 if level in (0.0, 1.0) and rng.random() < 0.8 else rng.uniform(0, 0.09)
    return np.asarray(np.clip(image + amount * grain, 0, 1), np.float32)


def _weathered(rng: np.random.Generator, image: Float) -> Float:
    """Blurred, shrunk, stored as JPEG: what happens to a picture on its way into a paper."""
    if rng.random() < 0.35:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.9)), np.float32)
    if rng.random() < 0.08:
        turn = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), rng.uniform(-2, 2), 1)
        image = np.asarray(cv2.warpAffine(image, turn, image.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.float32)
    if rng.random() < 0.45:
        stored = io.BytesIO()
        Image.fromarray(np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)).save(
            stored, "JPEG", quality=int(rng.integers(35, 95))
        )
        image = np.asarray(Image.open(stored), np.float32) / np.float32(255)
    return image


def _finished(
    rng: np.random.Generator, cut: Float, ink: float, paper: float, light: bool, inked: bool = False
) -> NDArray[np.uint8]:
    """As the reader sees a line: stretched, dark on light, HEIGHT high; `inked`: only what has the letters' grey."""
    if inked:
        share = np.clip((cut - paper) / (ink - paper), 0, 1).astype(np.float32)
        near = cv2.dilate((share > rng.uniform(0.3, 0.6)).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        grey = 1 - np.where(near, share, 0)
    else:
        low, high = np.percentile(cut, (1, 99))
        grey = np.clip((cut - low) / max(float(high - low), 1e-6), 0, 1)
        grey = 1 - grey if light else grey
    factor = HEIGHT / cut.shape[0]
    size = (int(np.clip(round(cut.shape[1] * factor), 8, WIDEST)), HEIGHT)
    method = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    return np.asarray(np.clip(255 * cv2.resize(grey.astype(np.float32), size, interpolation=method), 0, 255), np.uint8)
