"""Reads columns of numbers from the text files that spectrometers and diffractometers export; belongs to no room.

Copes with headers and footers, a byte-order mark, Windows line ends, tabs, semicolons, commas or blanks between
columns, and a comma as decimal mark. What could be read in two ways is refused, never guessed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import ClosedloopError

_POINT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(?:\d+(?:,\d+)?|,\d+)(?:[eE][+-]?\d+)?")
# A row that begins with a number, whatever becomes of it.
_BEGUN = re.compile(r"[+-]?[\d.,]*\d(?:[eE][+-]?\d+)?[.,;\s]")
# Separator and form of a number, in the order in which they are tried.
_FORMATS = tuple((separator, number) for separator in (";", "\t", ",", None) for number in (_POINT, _COMMA))
_LARGEST_BYTES = 50_000_000
# A second block of numbers this large, relative to the first, is a second measurement and not a stray line. One that
# only broken rows part from the first belongs to it, however small.
_SECOND_BLOCK = 0.2

_COMMENTS = ("#", "!", "%", "//")
_HEADING_LINES = 2
# A line that says what a column holds, however far above the numbers: JASCO and JCAMP write XUNITS and YUNITS.
_DECLARATION = re.compile(r"[xy]\s*(?:units?|axis|label)\b", re.IGNORECASE)

Columns = tuple[NDArray[np.float64], NDArray[np.float64]]


class ColumnFileError(ClosedloopError):
    """A file of columns cannot be read, or could be read in more than one way."""


@dataclass(frozen=True, eq=False)
class _Block:
    """Rows of numbers that follow each other; `first` and `last` are their places among the file's lines, from 0."""

    first: int
    last: int
    rows: list[list[float]]


def read_two_columns(path: Path, *, fewest_rows: int, most_columns: int = 2) -> tuple[Columns, str]:
    """The first two columns of the one table of numbers in the file, (n,) each, in file order; and their heading.

    ``most_columns`` is 3 where a third (an error estimate) may follow and be left aside. The heading is the last two
    lines of text above the numbers, and before them any that declares a column's units, without quotes and marks of a
    comment. Raises `ColumnFileError`.
    """
    lines = [line.strip() for line in _text(path).splitlines()]
    block = _table(lines, path)
    rows = block.rows
    width = len(rows[0])
    if width > most_columns:
        raise ColumnFileError(
            f"{path}: has {width} columns of numbers; keep the two that are meant (or, if its commas are decimal "
            "marks, separate the columns by semicolons)"
        )
    if len(rows) < fewest_rows:
        raise ColumnFileError(f"{path}: has only {len(rows)} rows of two numbers; at least {fewest_rows} are needed")
    table = np.array(rows, dtype=np.float64)
    if not np.isfinite(table).all():
        raise ColumnFileError(f"{path}: holds a number too large to be read; remove that row")
    return (table[:, 0], table[:, 1]), _heading(lines[: block.first])


def _heading(lines: list[str]) -> str:
    said = [line.lstrip("".join(_COMMENTS)).replace('"', "").strip() for line in lines]
    said = [line for line in said if line]
    declared = [line for line in said[:-_HEADING_LINES] if _DECLARATION.match(line)]
    return "\n".join([*declared, *said[-_HEADING_LINES:]])


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ColumnFileError(f"{path}: is larger than {_LARGEST_BYTES // 10**6} MB; this is not one measurement")
        content = path.read_bytes()
    except OSError as error:
        raise ColumnFileError(f"{path}: cannot be read ({error.strerror}); give the path of a text file") from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\x00" in content:
        raise ColumnFileError(f"{path}: is not a text file; export the measurement as text")
    else:
        encoding = "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        # Headers with a degree sign from older instruments; every byte is a character there, and numbers are the same.
        return content.decode("latin-1")


def _table(lines: list[str], path: Path) -> _Block:
    """The largest block of numbers, by the format under which it is largest."""
    best: list[_Block] = []
    best_format: tuple[str | None, re.Pattern[str]] = _FORMATS[0]
    for form in _FORMATS:
        blocks = sorted(_blocks(lines, *form), key=lambda block: len(block.rows), reverse=True)
        if blocks and (not best or len(blocks[0].rows) > len(best[0].rows)):
            best, best_format = blocks, form
    if not best:
        begun = next((f"; {_named(lines, row)} is none" for row, line in enumerate(lines) if _BEGUN.match(line)), "")
        raise ColumnFileError(
            f"{path}: holds no rows of two numbers{begun}; export the measurement as two columns of text, without "
            "separators of thousands"
        )
    table = best[0]
    in_order = sorted(best, key=lambda block: block.first)
    place = in_order.index(table)
    for other in (*best[1:2], *in_order[max(0, place - 1) : place], *in_order[place + 1 : place + 2]):
        after, before = min(table.last, other.last) + 1, max(table.first, other.first)
        between = [row for row in range(after, before) if _counts(lines[row])]
        breaker = _named(lines, between[0] if between else before)
        sizes = f"{len(table.rows)} and {len(other.rows)} rows"
        if between and all(_BEGUN.match(lines[row]) for row in between):
            raise ColumnFileError(
                f"{path}: {breaker}, is no row of numbers like the others and breaks the table ({sizes}); correct or "
                "delete it and any other like it"
            )
        if len(other.rows) > max(2, _SECOND_BLOCK * len(table.rows)):
            raise ColumnFileError(
                f"{path}: holds more than one table of numbers ({sizes}, broken by {breaker}); keep one of them"
            )
    if best_format == (",", _POINT) and len(table.rows[0]) > 2 and not any("." in line for line in lines):
        raise ColumnFileError(
            f"{path}: it cannot be told whether its commas are decimal marks; separate the columns by semicolons"
        )
    return table


def _named(lines: list[str], row: int) -> str:
    return f'line {row + 1}, "{lines[row][:40]}"'


def _counts(line: str) -> bool:
    """Whether a line is neither blank nor a comment, which do not end a block."""
    return bool(line) and not line.startswith(_COMMENTS)


def _blocks(lines: list[str], separator: str | None, number: re.Pattern[str]) -> Iterator[_Block]:
    """Runs of lines that hold the same count (two or more) of numbers."""
    block: list[list[float]] = []
    first = last = 0
    for place, line in enumerate(lines):
        if not _counts(line):
            continue
        cells = [cell.strip().strip('"') for cell in line.split(separator)]
        if separator is not None and cells[-1] == "":
            cells = cells[:-1]
        row = None
        if len(cells) >= 2 and all(number.fullmatch(cell) for cell in cells):
            row = [float(cell.replace(",", ".")) for cell in cells]
        if block and (row is None or len(row) != len(block[0])):
            yield _Block(first, last, block)
            block = []
        if row is not None:
            first = first if block else place
            last = place
            block.append(row)
    if block:
        yield _Block(first, last, block)
