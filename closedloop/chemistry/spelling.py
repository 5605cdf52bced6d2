"""What chemists write differently when they mean the same name: hyphens, Greek letters, British spelling, purities.

`key_of` brings a name into the form in which names are compared; `variants` are other ways to write it that cannot
change what it means. Knows no substance: `registry` does.
"""

import re
import unicodedata
from collections.abc import Iterator

_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "μ": "mu", "ω": "omega", "Δ": "delta"}
_SPELLING = re.compile(r"sulph|caesium|aluminium|grey", re.IGNORECASE)
_AMERICAN = {"sulph": "sulf", "caesium": "cesium", "aluminium": "aluminum", "grey": "gray"}
_DASHES = re.compile(r"[\s\-\u00ad\u2010-\u2015\u2212]+")
_DOTS = re.compile(r"[•∙⋅‧・*]")
# "CdCl2.2H2O", "CdCl2 2H2O", "CdCl2-2H2O", "CdCl2 x 2 H2O": water of crystallisation after a formula.
_WATER = re.compile(r"(?<![·x×.\-\s]\d)(?<=[\d)\]])\s*(?:[.\-\u2010-\u2015]|\s|\s[x×]\s)\s*(?=\d{0,2}(?:\.5)?\s*H2O$)")
# The same after a name in words, once its dots are alike; how much water "xH2O" is, nobody says.
_SALT_AND_WATER = re.compile(
    r"(?P<salt>.*[^\s\d.·x×\-])\s*(?:[·.\-]|\s|\s[x×]\s(?=\s*\d))\s*(?P<count>\d{1,2}(?:\.5)?)?\s*H2O"
)
_HYDRATES = {
    "1": "monohydrate",
    "1.5": "sesquihydrate",
    "2": "dihydrate",
    "2.5": "hemipentahydrate",
    "3": "trihydrate",
    "4": "tetrahydrate",
    "5": "pentahydrate",
    "6": "hexahydrate",
    "7": "heptahydrate",
    "8": "octahydrate",
    "9": "nonahydrate",
    "10": "decahydrate",
    "12": "dodecahydrate",
}
_PRIMES = re.compile(r"[′’‘`´]")
_ACETATE = re.compile(r"\((?:CH3COO|CH3CO2|O2CCH3|OOCCH3|C2H3O2|H3CCOO|Ac)\)")
_ACETYLACETONATE = re.compile(r"\((?:C5H7O2|Acac|ACAC)\)")

# What a supplier writes beside a name, and a chemist copies: it says how pure or in what form, not what.
_QUALITY = re.compile(
    r"""\b(?:technical|tech|reagent|analytical|acs|hplc|laboratory|lab|synthesis|electronic|semiconductor|puriss|
        absolute|extra|pure)\b\.?(?:\s*(?:grade|reagent|quality|pure|dry)\b)?
    |\b(?:anhydrous|degassed|distilled|dried|dry|purum|pro\ analysi|p\.a\.|(?:trace\ )?metals?\ basis|purity)(?!\w)
    |[<>≥~≈]?\s*\d{1,3}(?:\.\d+)?\s*\+?\s*(?:wt\.?\s*|vol\.?\s*)?%\s*\+?
    |[-+]?\d+\s*mesh\b
    |\b(?:average\s+)?(?:mw|mn|m\.w\.)\s*[=~≈]?\s*\d[\d,.]*\s*(?:k|kda|da|g/mol)?(?!\w)
    |\b(?:powder|pellets?|shot|granules?|granulated|beads?|pieces|flakes|lumps?|chips|dust|turnings|foil|wire)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_PUNCTUATION = re.compile(r"\(\s*[,;]*\s*\)|[,;]\s*(?=[,;)]|$)|^[,;\s]+")
_NORMAL = re.compile(r"(^|\b(?:di|tri|tetra)-?|\()n-(?=[a-z])")
_BRACKETED_ALKYL = re.compile(r"^((?:di|tri|tetra)-?)\((?:n-)?([a-z]+yl)\)")
_CHAIN = r"(?:prop|but|pent|hex|hept|oct|non|(?:un|do|tri|tetra|penta|hexa|hepta|octa)?dec|eicos|icos|docos)"
_TERMINAL = re.compile(rf"^1-(?={_CHAIN}[a-z]*(?:amine|thiol|mercaptan|ol|ene|acid)$)", re.IGNORECASE)


def key_of(name: str) -> str:
    """The name without what people write differently; case is kept."""
    text = unicodedata.normalize("NFKC", name).strip()
    text = _WATER.sub("·", _PRIMES.sub("'", _DOTS.sub("·", text)))
    text = "".join(_GREEK.get(letter, letter) for letter in text)
    text = _DASHES.sub("", text)
    text = _ACETYLACETONATE.sub("(acac)", _ACETATE.sub("(OAc)", text))
    return _SPELLING.sub(lambda found: _AMERICAN[found.group().lower()], text)


def variants(name: str) -> Iterator[str]:
    """Other spellings of the same thing: without a stated purity or form, without "n-" (a chain is meant without it).

    "1-" is left out only before an alkyl chain with one functional group, where the name alone means the same isomer.
    """
    plain = " ".join(unicodedata.normalize("NFKC", name).split())
    stripped = " ".join(_QUALITY.sub(" ", plain).split())
    while (shorter := _PUNCTUATION.sub("", stripped).strip()) != stripped:
        stripped = shorter
    for text in dict.fromkeys((plain, stripped)):
        if not text:
            continue
        normal = _BRACKETED_ALKYL.sub(r"\1\2", _NORMAL.sub(r"\1", text))
        yield from dict.fromkeys((text, normal, _TERMINAL.sub("", normal)))


def salt_and_water(text: str) -> tuple[str, str] | None:
    """A salt and its water in words: "zinc acetate·2H2O" -> ("zinc acetate", "dihydrate"); None if it states none."""
    found = _SALT_AND_WATER.fullmatch(_DOTS.sub("·", text))
    word = _HYDRATES.get(found["count"] or "1") if found else None
    return (found["salt"], word) if found and word else None


def two_names(text: str) -> tuple[str, str] | None:
    """A name and what follows it in brackets after a space: "1-octadecene (ODE)"; None if it does not end so."""
    if not text.endswith(")"):
        return None
    depth = 0
    for place in range(len(text) - 1, 0, -1):
        depth += (text[place] == ")") - (text[place] == "(")
        if depth == 0:
            inside = text[place + 1 : -1].strip(" ,;")
            return (text[:place].strip(), inside) if inside and text[place - 1] == " " else None
    return None
