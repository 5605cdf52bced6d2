"""What a spreadsheet's number format writes around a number: 433 in a cell of the format ``0" K"`` shows "433 K".

ECMA-376 part 1, 18.8.31. Leaves dates to openpyxl, and the meaning of the text that is shown to `numbers`.
"""

import operator
import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|\[\$(?P<currency>[^\]-]*)[^\]]*\]|\[(?P<bracket>[^\]]*)\]|[_*].'
    r"|(?P<general>general)|(?P<exponent>e[+-])|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)
_PLACES = "0#?.,/"
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[\d.]+)")
_COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    "<>": operator.ne,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}
# Signs and separators, which are no units; "@" stands for the text of a cell.
_DRESS = re.compile(r"[\s+\-()/:.,'\u2019@]*")


@dataclass
class _Section:
    """What one kind of numbers is shown as: the words before and behind the number, which a section may lack."""

    before: str = ""
    behind: str = ""
    places: str = ""
    is_percentage: bool = False
    conditions: list[tuple[str, float]] = field(default_factory=list)

    @property
    def divisor(self) -> float:
        """A thousand for each comma behind the last digit of the whole number: ``0.0,`` shows 4000 as "4.0"."""
        whole, _, fraction = self.places.partition(".")
        return 1000.0 ** sum(len(digits) - len(digits.rstrip(",")) for digits in (whole, fraction))

    def add(self, words: str) -> None:
        if self.places:
            self.behind += words
        else:
            self.before += words


def shown_text(value: float, number_format: str) -> str | None:
    """The number as its cell shows it where the format adds words, units or digits; ``None`` where it adds none."""
    section = _section_for(value, _sections(number_format))
    if _DRESS.fullmatch(section.before + section.behind) and section.divisor == 1:
        return None
    if not section.places:
        return section.before
    shown = f"{value * (100 if section.is_percentage else 1) / section.divisor:.12g}"
    return f"{section.before.replace('-', '')}{shown}{section.behind}".strip()


def _sections(number_format: str) -> list[_Section]:
    sections = [_Section()]
    for token in _TOKEN.finditer(number_format):
        kind, text = token.lastgroup, token.group(token.lastgroup or 0)
        here = sections[-1]
        if kind == "bracket":
            here.conditions += [(sign, float(bound)) for sign, bound in _CONDITION.findall(text)]
        elif kind == "plain" and text == ";":
            sections.append(_Section())
        elif kind == "general" or (kind == "plain" and text in _PLACES):
            here.places += text if kind == "plain" else "0"
        elif kind in ("quoted", "escaped", "currency", "plain"):
            here.is_percentage |= kind == "plain" and text == "%"
            here.add(text)
    return sections


def _section_for(value: float, sections: list[_Section]) -> _Section:
    """The first section whose condition holds; without conditions they are of positive, negative and zero numbers."""
    numeric = sections[:3]
    if any(section.conditions for section in numeric):
        holds = (
            section for section in numeric if all(_COMPARE[sign](value, bound) for sign, bound in section.conditions)
        )
        return next(holds, numeric[-1])
    at = 1 if value < 0 else 2 if value == 0 else 0
    return numeric[at] if at < len(numeric) else numeric[0]
