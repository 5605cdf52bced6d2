"""A file -> its cells: .csv in the encodings and dialects that spreadsheets write, .xlsx, .parquet.

Leaves the meaning of the cells to `tables`. A row keeps the number that the spreadsheet shows for it.
"""

import csv
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closedloop.literature.errors import DataError
from closedloop.literature.number_format import shown_text

SUFFIXES = (".csv", ".xlsx", ".parquet")
_SIGNATURES = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True)
class Formula:
    """A spreadsheet cell with a formula that was never calculated, so that its value is not in the file."""

    text: str


@dataclass(frozen=True)
class Merged:
    """A spreadsheet cell that was merged into ``range``; it shows the ``value`` that only the first of them holds."""

    range: str
    value: Any


@dataclass(frozen=True)
class Grid:
    """``rows``: (row number as shown, cells) below the header; a cell is text, a number, a date, or ``None``.

    ``header`` has "" for each column without a name, wherever it stands.
    ``delimiter`` is what stands between the cells of a text file, ``None`` in the other formats; in a text file a row
    may have another number of cells than the header, so that cells have slipped into other columns.
    """

    header: tuple[str, ...]
    rows: list[tuple[int, list[Any]]]
    delimiter: str | None = None


def read_grid(path: Path) -> Grid:
    """All cells of the file's (first) table; raises `DataError`, naming what is wrong with the file."""
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: not a table that can be read; save it as one of {', '.join(SUFFIXES)}")
    try:
        if not path.is_file():
            raise DataError(f"{path}: no such file; check the path")
        lines, delimiter = {".csv": _csv, ".xlsx": _xlsx, ".parquet": _parquet}[path.suffix.lower()](path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); check the file") from error
    numbered = [(number, cells) for number, cells in enumerate(lines, start=1) if not all(map(is_empty, cells))]
    if not numbered:
        raise DataError(f"{path}: the table is empty; it needs a header row and at least one experiment")
    header = tuple("" if cell is None or isinstance(cell, Merged) else str(cell).strip() for cell in numbered[0][1])
    return Grid(header, numbered[1:], delimiter=delimiter)


def is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _csv(path: Path) -> tuple[list[list[Any]], str | None]:
    raw = path.read_bytes()
    encoding = next((name for signature, name in _SIGNATURES if raw.startswith(signature)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: neither UTF-8 nor UTF-16 with its mark; save it as 'CSV UTF-8'") from error
    if "\0" in text:
        raise DataError(f"{path}: contains NUL characters, so it is no text file; save it as 'CSV UTF-8'")
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    if first.lower().startswith("sep=") and len(first.strip()) == 5:
        delimiter = first.strip()[4]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows: list[list[Any]] = list(reader)
    except csv.Error as error:
        longest = csv.field_size_limit()
        if f"({longest})" in str(error):
            raise DataError(
                f"{path}: line {reader.line_num}: a cell of more than {longest:,} characters; shorten it, or close the "
                "quotation mark that it begins with"
            ) from error
        raise DataError(f"{path}: its quotation marks do not match ({error}); save it as CSV again") from error
    if first.lower().startswith("sep="):
        rows[next(index for index, row in enumerate(rows) if row)] = []
    return rows, delimiter


def _xlsx(path: Path) -> tuple[list[list[Any]], str | None]:
    from openpyxl import load_workbook

    raw = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # on styles and extensions, which hold no values
            values = load_workbook(io.BytesIO(raw), data_only=True).worksheets[0]
            formulas = load_workbook(io.BytesIO(raw), data_only=False).worksheets[0]
        merged = _merged(formulas)
        rows = [
            [merged.get(source.coordinate, _content(cell, source)) for cell, source in zip(shown, written, strict=True)]
            for shown, written in zip(values.iter_rows(), formulas.iter_rows(), strict=True)
        ]
    except Exception as error:  # a damaged file sets off whatever its decoder stumbles over
        raise DataError(f"{path}: not a whole Excel workbook with a sheet; save it as .xlsx again") from error
    return rows, None


def _content(cell: Any, source: Any) -> Any:
    """What the cell shows where its format adds to the value: 0.08 in a cell of percentages is the text "8%"."""
    if source.data_type == "f" and cell.value is None:
        return Formula(str(source.value))
    if isinstance(cell.value, int | float) and not isinstance(cell.value, bool):
        text = shown_text(cell.value, cell.number_format)
        return cell.value if text is None else text
    return cell.value


def _merged(sheet: Any) -> dict[str, Merged]:
    """Coordinate -> what it shows, of each cell but the first of a range that shows anything."""
    found: dict[str, Merged] = {}
    for area in sheet.merged_cells.ranges:
        first, *others = (sheet.cell(row, column) for row, column in area.cells)
        if not is_empty(first.value):
            found |= {cell.coordinate: Merged(area.coord, first.value) for cell in others}
    return found


def _parquet(path: Path) -> tuple[list[list[Any]], str | None]:
    import pandas as pd
    import pyarrow as pa

    raw = path.read_bytes()
    try:
        frame = pd.read_parquet(io.BytesIO(raw), dtype_backend="pyarrow")
        # An index that somebody named is a column like the others; pandas' own numbering has no name.
        named = [place for place, name in enumerate(frame.index.names) if name is not None]
        frame = frame.reset_index(level=named, allow_duplicates=True) if named else frame
        # NaN in a float column stays NaN, and is a fault; only a missing value is empty.
        columns = [pa.array(frame.iloc[:, at].array, from_pandas=False).to_pylist() for at in range(frame.shape[1])]
    except Exception as error:  # a damaged file sets off whatever its decoder stumbles over
        raise DataError(f"{path}: not a whole Parquet file; write it again") from error
    rows = [list(row) for row in zip(*columns, strict=True)]
    return [[str(name) for name in frame.columns], *rows], None
