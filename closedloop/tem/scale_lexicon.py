"""Which labels scale bars carry, how often, and how each is spelled in the letters that the reader knows.

Microscopes and authors label bars with round lengths; a label that is none of these is read, but never believed.
What a free text means is for `closedloop.tem.scale_text`.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NM_PER_UNIT = {"pm": 1e-3, "Å": 0.1, "nm": 1.0, "µm": 1e3, "mm": 1e6}

# Letter classes that labels are spelled in, each with what the reader writes for them and how readily.
# Its English alphabet has no µ and no Å.
CONFUSIONS: dict[str, dict[str, float]] = {
    "0": {"0": 1.0, "O": 0.5, "o": 0.5, "Q": 0.2, "D": 0.2},
    "1": {"1": 1.0, "l": 0.5, "I": 0.5, "|": 0.4, "i": 0.3, "!": 0.2, "]": 0.1, "[": 0.1},
    "2": {"2": 1.0, "Z": 0.3, "z": 0.3},
    "3": {"3": 1.0},
    "4": {"4": 1.0, "A": 0.2},
    "5": {"5": 1.0, "S": 0.4, "s": 0.3},
    "6": {"6": 1.0, "b": 0.1, "G": 0.1},
    "7": {"7": 1.0},
    "8": {"8": 1.0, "B": 0.2},
    "9": {"9": 1.0},
    ".": {".": 1.0, ",": 0.5},
    ",": {",": 1.0, ".": 0.2},
    "n": {"n": 1.0, "N": 0.2},
    "µ": {"u": 1.0, "p": 0.6, "y": 0.4, "j": 0.4, "U": 0.3, "H": 0.3, "P": 0.2, "h": 0.15},
    "m": {"m": 1.0, "M": 0.3},
    "r": {"r": 1.0},
    "Å": {"A": 1.0},
}
# What the reader may write between the letters, or for a speck, without changing the label.
IGNORED = " '\"`~_-*^:;"

# Mantissas of bar labels, with weights: how much likelier one is than another before it was looked at.
_MANTISSAS = {1.0: 1.0, 2.0: 1.0, 5.0: 1.0, 3.0: 0.15, 4.0: 0.15, 2.5: 0.15, 6.0: 0.05, 8.0: 0.05}
_RARE = {1.5: 0.05, 1.2: 0.02, 1.25: 0.02, 3.5: 0.02, 7.5: 0.02, 7.0: 0.02, 9.0: 0.01}
# unit: smallest and largest number, weight. What lies beyond is read by nobody who looks at nanocrystals.
_UNITS = {"nm": (0.1, 9000, 1.0), "µm": (0.01, 900, 0.6), "Å": (1, 500, 0.02), "mm": (0.1, 5, 0.005)}
_MISSPELT = {"nm": {"nrn": 0.05}, "µm": {"µrn": 0.05}, "mm": {}, "Å": {}}


class Entry(NamedTuple):
    """One label: length in nm, as it is shown, as it is spelled in letter classes, weight, and whether few have it."""

    nm: float
    text: str
    spelling: str
    weight: float
    rare: bool


class Lexicon(NamedTuple):
    """All labels, and the same as arrays.

    codes: (n, longest) int64, an index into `letters` per letter, −1 after the last. lengths: (n,) int64, the number of
    the length in nm that a label states, the same for all that state it. log_weights: (n,).
    """

    entries: tuple[Entry, ...]
    letters: str
    codes: NDArray[np.int64]
    lengths: NDArray[np.int64]
    log_weights: NDArray[np.float64]


@cache
def lexicon() -> Lexicon:
    entries = []
    for mantissa, weight in (_MANTISSAS | _RARE).items():
        for power in range(-2, 4):
            number = round(mantissa * 10.0**power, 6)
            for unit, (least, most, share) in _UNITS.items():
                if least <= number <= most:
                    for written, how_often in _writings(number).items():
                        for ending, seldom in ({unit: 1.0} | _MISSPELT[unit]).items():
                            value = weight * share * how_often * seldom
                            entries.append(
                                Entry(
                                    number * NM_PER_UNIT[unit],
                                    f"{number:g} {unit}",
                                    written + ending,
                                    value,
                                    mantissa in _RARE,
                                )
                            )
    letters = "".join(CONFUSIONS)
    longest = max(len(entry.spelling) for entry in entries)
    codes = np.full((len(entries), longest), -1, np.int64)
    for row, entry in enumerate(entries):
        codes[row, : len(entry.spelling)] = [letters.index(letter) for letter in entry.spelling]
    _, lengths = np.unique(np.round([np.log(entry.nm) for entry in entries], 6), return_inverse=True)
    weights = np.array([entry.weight for entry in entries])
    return Lexicon(tuple(entries), letters, codes, lengths, np.log(weights / weights.sum()))


def _writings(number: float) -> dict[str, float]:
    """How a number is written on bars: 0.5, .5, 0,5, 0.50; 1, 1.0, 1.00; 1000, 1,000."""
    plain = f"{number:g}"
    found = {plain: 1.0}
    if number < 1:
        found[plain.replace("0.", "0,")] = 0.1
        found[plain[1:]] = 0.05
        found[f"{number:.2f}"] = found.get(f"{number:.2f}", 0.1)
    elif number != int(number):
        found[plain.replace(".", ",")] = 0.1
        found[f"{number:.2f}"] = found.get(f"{number:.2f}", 0.1)
    elif number < 100:
        found[f"{number:.1f}"] = 0.1
        found[f"{number:.2f}"] = 0.1
        found[f"{number:.1f}".replace(".", ",")] = 0.01
    elif number >= 1000:
        found[f"{number:,.0f}"] = 0.3
    # Two places are too few for 0.125.
    return {written: often for written, often in found.items() if _value(written) == number}


def _value(written: str) -> float:
    return float(written.replace(",", "") if len(written) > 4 and "." not in written else written.replace(",", "."))
