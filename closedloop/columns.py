"""Reads columns of numbers from the text files that spectrometers and diffractometers export; belongs to no room.

Copes with headers and footers, a byte-order mark, Windows line ends, tabs, semicolons, commas or blanks between
columns, and a comma as decimal mark. What could be read in two ways is refused, never guessed.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import ClosedloopError

_POINT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(?:\d+(?:,\d+)?|,\d+)(?:[eE][+-]?\d+)?")
# Separator and form of a number, in the order in which they are tried.
_FORMATS = tuple((separator, number) for separator in (";", "\t", ",", None) for number in (_POINT, _COMMA))
_LARGEST_BYTES = 50_000_000
# A second block of numbers this large, relative to the first, is a second measurement and not a stray line.
_SECOND_BLOCK = 0.2

Columns = tuple[NDArray[np.float64], NDArray[np.float64]]


class ColumnFileError(ClosedloopError):
    """A file of columns cannot be read, or could be read in more than one way."""


def read_two_columns(path: Path, *, fewest_rows: int, most_columns: int = 2) -> Columns:
    """The first two columns of the one table of numbers in the file, (n,) each, in file order.

    ``most_columns`` is 3 where a third (an error estimate) may follow and be left aside. Raises `ColumnFileError`.
    """
    rows = _table([line.strip() for line in _text(path).splitlines()], path)
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
    return table[:, 0], table[:, 1]


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


def _table(lines: list[str], path: Path) -> list[list[float]]:
    """The rows of the largest block of numbers, by the format under which it is largest."""
    best: list[list[float]] = []
    best_blocks: list[list[list[float]]] = []
    best_format: tuple[str | None, re.Pattern[str]] = _FORMATS[0]
    for form in _FORMATS:
        blocks = sorted(_blocks(lines, *form), key=len, reverse=True)
        if blocks and len(blocks[0]) > len(best):
            best, best_blocks, best_format = blocks[0], blocks, form
    if not best:
        raise ColumnFileError(f"{path}: holds no rows of two numbers; export the measurement as two columns of text")
    if len(best_blocks) > 1 and len(best_blocks[1]) > max(2, _SECOND_BLOCK * len(best)):
        raise ColumnFileError(
            f"{path}: holds more than one table of numbers ({len(best)} and {len(best_blocks[1])} rows, broken by "
            "text); keep one of them"
        )
    if best_format == (",", _POINT) and len(best[0]) > 2 and not any("." in line for line in lines):
        raise ColumnFileError(
            f"{path}: it cannot be told whether its commas are decimal marks; separate the columns by semicolons"
        )
    return best


def _blocks(lines: list[str], separator: str | None, number: re.Pattern[str]) -> Iterator[list[list[float]]]:
    """Runs of lines that hold the same count (two or more) of numbers; blank lines and comments do not end a run."""
    block: list[list[float]] = []
    for line in lines:
        if not line or line.startswith(("#", "!", "%", "//")):
            continue
        cells = [cell.strip().strip('"') for cell in line.split(separator)]
        if separator is not None and cells[-1] == "":
            cells = cells[:-1]
        row = None
        if len(cells) >= 2 and all(number.fullmatch(cell) for cell in cells):
            row = [float(cell.replace(",", ".")) for cell in cells]
        if block and (row is None or len(row) != len(block[0])):
            yield block
            block = []
        if row is not None:
            block.append(row)
    if block:
        yield block
