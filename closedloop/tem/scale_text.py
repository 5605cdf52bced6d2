"""What the label of a scale bar means: "50 nm", "0.2 µm", "1,000 nm", "5 Å", also as OCR misreads them.

A reading that needs a correction is believed less than one that needs none, and one that could mean two things is
not believed at all (its confidence stays below `closedloop.tem.label_views.HIGH_CONFIDENCE`).
"""

import re
from typing import NamedTuple

from closedloop.tem.scale_lexicon import NM_PER_UNIT


class Label(NamedTuple):
    """Length in nm, the text as understood, how little had to be guessed (0 to 1), and the text as it was read."""

    nm: float
    text: str
    certainty: float
    source: str


# As the reader spells them -> unit, certainty. EasyOCR's English alphabet has no µ: it comes out as u or p.
_SPELLINGS = {
    "nm": ("nm", 1.0),
    "µm": ("µm", 1.0),
    "μm": ("µm", 1.0),
    "um": ("µm", 1.0),
    "mm": ("mm", 1.0),
    "Å": ("Å", 1.0),  # the letter
    "\u212b": ("Å", 1.0),  # the sign of the unit
    "pm": ("µm", 0.95),
    "pm.": ("µm", 0.95),
    "nrn": ("nm", 0.9),
    "nni": ("nm", 0.8),
    "nm1": ("nm", 0.8),
    "nn": ("nm", 0.9),
    "mn": ("nm", 0.7),
    "nm.": ("nm", 1.0),
    "rm": ("nm", 0.6),
    "nin": ("nm", 0.8),
    "na": ("nm", 0.6),
    "urn": ("µm", 0.9),
    "prn": ("µm", 0.8),
    "jm": ("µm", 0.85),
    "ym": ("µm", 0.85),
    "hm": ("µm", 0.9),
    "A": ("Å", 0.6),
}
_DIGITS = str.maketrans(
    {"O": "0", "o": "0", "Q": "0", "D": "0", "l": "1", "I": "1", "|": "1", "i": "1", "S": "5", "s": "5"}
)
_UNIT = "|".join(sorted(map(re.escape, _SPELLINGS), key=len, reverse=True))
_LABEL = re.compile(
    rf"(?<![A-Za-z0-9.,])([0-9OoQDlI|iSs][0-9OoQDlI|iSs.,]*)\s*({_UNIT})(?![A-Za-z0-9µ])",
    flags=re.IGNORECASE,
)
# Scale bars are labelled with round numbers; another mantissa is more often a misread digit than a true label.
_MANTISSAS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5, 8.0)


def parse_label(text: str) -> Label | None:
    """The length that a text names, or ``None`` where it names none or a number that cannot be told."""
    cleaned = re.sub(r"[\"'`~_\[\]{}()*=:;\-—–]", " ", text).strip()
    # A space inside a unit, as in "10 p m" or "5 n m", is the letter spacing of some microscopes.
    cleaned = re.sub(r"(?<=[\s0-9OQl])([nupµμ])\s+m\b", r" \1m", cleaned)
    cleaned = re.sub(r"(?<=\d)\s+(?=[.,]\d)", "", cleaned)
    found = _LABEL.search(cleaned)
    if not found:
        return None
    digits, spelling = found.group(1).rstrip(".,"), found.group(2)
    unit = _unit(spelling)
    if unit is None:
        return None
    name, certainty = unit
    plain = digits.translate(_DIGITS)
    if plain != digits:
        certainty *= 0.9
        if not re.search(r"\d", digits) and digits not in ("l", "I", "|"):
            certainty *= 0.9
    number = _number(plain)
    if number is None or not 0 < number < 1e5:
        return None
    mantissa = float(f"{number:e}".partition("e")[0])
    if not any(abs(mantissa - usual) < 1e-6 for usual in _MANTISSAS):
        certainty *= 0.5
    if spelling.lower().startswith("p") and number >= 20:
        # 50 µm under a scanning microscope or 50 pm in an atomic picture: the letter does not say which.
        certainty *= 0.5
    if ((name == "µm" and number >= 100) or name == "mm") and not re.search(r"[.,]", digits):
        # Far beyond nanocrystals: "2.00 µm" that lost its point is likelier than 200 µm.
        certainty *= 0.7
    if name == "mm" and number > 10:
        certainty *= 0.5
    shown = f"{number:g} {name}"
    return Label(number * NM_PER_UNIT[name], shown, certainty, text)


def _unit(spelling: str) -> tuple[str, float] | None:
    if spelling in _SPELLINGS:
        return _SPELLINGS[spelling]
    lower = spelling.lower()
    if lower in _SPELLINGS and spelling != "a":
        unit, certainty = _SPELLINGS[lower]
        return unit, 0.9 * certainty
    return None


def _number(digits: str) -> float | None:
    """A comma before three digits groups thousands, any other single comma is a decimal mark."""
    if re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+", digits):
        return float(digits.replace(",", ""))
    if re.fullmatch(r"\d+([.,]\d+)?", digits):
        if digits.startswith("0") and not re.match(r"0[.,]", digits):
            return None
        return float(digits.replace(",", "."))
    return None
