"""Reads linear comparisons such as ``oleic acid >= 4 * cadmium oxide``; knows no search space.

A comparison has one ``>=`` or ``<=`` between two sums. A term is a number, a name, or ``number * name``; terms are
joined by ``+`` or ``-`` with a space on both sides, so that the hyphen of ``1-octadecene`` stays part of the name.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from closedloop.propose.errors import SearchSpaceError

_COMPARISON = re.compile(r"(>=|<=|≥|≤)")
_JOIN = re.compile(r"\s([+-])\s")
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_TERM = re.compile(rf"(?:(?P<factor>{_NUMBER})\s*\*\s*)?(?P<name>.+)")


@dataclass(frozen=True)
class Comparison:
    """``sum(coefficients[name] * value[name]) <= bound``, and the text that it was read from."""

    text: str
    coefficients: Mapping[str, float]
    bound: float


def parse_comparison(text: str) -> Comparison:
    """Raises `SearchSpaceError`, quoting the text, where it is not one linear comparison."""
    parts = _COMPARISON.split(text)
    if len(parts) != 3:
        raise SearchSpaceError(
            f"constraint {text!r}: write one comparison with >= or <=, such as 'oleic acid >= 4 * cadmium oxide'"
        )
    left, sign, right = parts
    direction = 1.0 if sign in ("<=", "≤") else -1.0
    coefficients: dict[str, float] = {}
    bound = 0.0
    for side, weight in ((left, direction), (right, -direction)):
        for factor, name in _terms(side, text):
            if name is None:
                bound -= weight * factor
            else:
                coefficients[name] = coefficients.get(name, 0.0) + weight * factor
    coefficients = {name: factor for name, factor in coefficients.items() if factor != 0}
    if not coefficients:
        raise SearchSpaceError(f"constraint {text!r} compares nothing that varies; name a chemical or a condition")
    return Comparison(text, coefficients, bound)


def _terms(side: str, text: str) -> list[tuple[float, str | None]]:
    """The terms of one side as (factor, name); a plain number has no name."""
    pieces = _JOIN.split(f" {side.strip()} ")
    signs = [1.0] + [1.0 if sign == "+" else -1.0 for sign in pieces[1::2]]
    terms: list[tuple[float, str | None]] = []
    for sign, piece in zip(signs, pieces[0::2], strict=True):
        term = " ".join(piece.split())
        if re.fullmatch(_NUMBER, term):
            terms.append((sign * _finite(term, text), None))
            continue
        match = _TERM.fullmatch(term)
        if match is None or match["name"].startswith(("+", "-")):
            raise SearchSpaceError(f"constraint {text!r}: a term is missing beside a sign or a comparison")
        name = match["name"].strip()
        if "*" in name:
            raise SearchSpaceError(
                f"constraint {text!r}: cannot read {term!r}; a term is 'number * name', a name or a number"
            )
        terms.append((sign * _finite(match["factor"] or "1", text), name))
    return terms


def _finite(number: str, text: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise SearchSpaceError(f"constraint {text!r}: {number} is not a finite number")
    return value
