"""A cell of a user's table -> a number, or the reason why it is none. A cell is never read in one of two ways.

"0,5" can only be a decimal comma and is read; "1,000" may be one or a thousand and is refused. A point is the decimal
mark, except that "1.000" is refused in a table that writes decimal commas elsewhere, or that has semicolons between
its cells (as spreadsheets write them where the comma is the decimal mark) and no decimal point elsewhere.
"""

import datetime
import math
import re

_POINT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
_GROUPED = re.compile(r"[+-]?\d{1,3}([.,'\u2019\s\u00a0\u202f]\d{3})+([.,]\d+)?")
_WITH_UNIT = re.compile(r"([+-]?[\d.,]+)\s*([^\d\s.,].*)")


class NotANumber(ValueError):
    """Why a cell is not a number, and what to write instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def has_decimal_comma(text: str) -> bool:
    """Whether the text can only be a number with a decimal comma."""
    return bool(_COMMA.fullmatch(text.strip())) and not _AMBIGUOUS.fullmatch(text.strip())


def has_decimal_point(text: str) -> bool:
    """Whether the text can only be a number with a decimal point."""
    return "." in text and bool(_POINT.fullmatch(text.strip())) and not _AMBIGUOUS.fullmatch(text.strip())


def parse_number(cell: object, *, comma_decimals: bool = False) -> float | None:
    """The finite number in a cell, ``None`` if the cell is empty; raises `NotANumber`.

    ``comma_decimals`` says that the table writes decimal commas, or may do so.
    """
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, bool):
        raise NotANumber("is TRUE or FALSE where a number belongs", "write the number, or leave the cell empty")
    if isinstance(cell, datetime.date | datetime.time | datetime.timedelta):
        raise NotANumber(
            "is a date: the spreadsheet has taken a number such as 1.5 for one",
            "format the column as numbers and type the value again",
        )
    if isinstance(cell, int | float):
        try:
            return _finite(float(cell))
        except OverflowError:
            return _finite(math.inf)
    text = str(cell).strip().replace("\u2212", "-")
    if _AMBIGUOUS.fullmatch(text) and ("," in text or comma_decimals):
        mark = "," if comma_decimals and "," in text else "."
        raise NotANumber(
            "can be read in two ways: with a decimal mark, or with a separator of thousands",
            f"write {re.sub('[.,]', '', text)} or {_with_decimals(text, mark)}",
        )
    if _POINT.fullmatch(text):
        return _finite(float(text))
    if _COMMA.fullmatch(text):
        return _finite(float(text.replace(",", ".")))
    if _GROUPED.fullmatch(text):
        raise NotANumber("has separators of thousands", "write the digits without them, and a point as decimal mark")
    if text.casefold() in ("nan", "inf", "-inf", "+inf", "infinity", "-infinity"):
        raise NotANumber("is not a finite number", "leave the cell empty if the value is unknown")
    if text.casefold() in ("na", "n/a", "none", "null", "-", "?", "unknown"):
        raise NotANumber("is a word for unknown", "leave the cell empty: empty means unknown")
    unit = _WITH_UNIT.fullmatch(text)
    if unit:
        raise NotANumber(
            f"has {unit.group(2)!r} behind the number",
            "write the number alone, in the unit that the column's name has, and format the cell as a plain number",
        )
    raise NotANumber("is not a number", "write a number, or leave the cell empty if it is unknown")


def _with_decimals(text: str, mark: str) -> str:
    """The number with a decimal mark, in as few digits as say it, and never in three, which could be thousands."""
    whole, decimals = re.split("[.,]", text)
    decimals = decimals.rstrip("0") or "0"
    return f"{whole}{mark}{decimals}{'0' if len(decimals) == 3 else ''}"


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise NotANumber("is not a finite number", "leave the cell empty if the value is unknown")
    return value
