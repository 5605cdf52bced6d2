"""The published silver table -> the table that ships: ``python -m closedloop.literature.build_agnp2021 RAW.csv OUT``.

RAW is AgNP_dataset.csv of PV-Lab/Benchmarking (MIT). Its 3,295 rows are repeated readings at 164 settings; the shipped
table has one row for each setting, with the readings in their order. Nothing else is changed.
"""

import csv
import sys
from pathlib import Path

from closedloop.chemistry.build import write_table
from closedloop.literature.errors import DataError

RAW_COLUMNS = ("QAgNO3(%)", "Qpva(%)", "Qtsc(%)", "Qseed(%)", "Qtot(uL/min)", "loss")
COLUMNS = (
    "agno3_flow_percent",
    "pva_flow_percent",
    "trisodium_citrate_flow_percent",
    "seed_flow_percent",
    "total_flow_ul_per_min",
    "losses",
)


def build(raw: Path, out: Path) -> int:
    """Write agnp2021.csv into ``out``; returns the number of settings."""
    try:
        with raw.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{raw}: cannot be read ({error}); give the path of AgNP_dataset.csv") from error
    if tuple(header) != RAW_COLUMNS or any(len(row) != len(header) for row in rows):
        raise DataError(f"{raw}: not the published table; its columns are {', '.join(RAW_COLUMNS)}")
    settings: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        settings.setdefault(tuple(row[:-1]), []).append(row[-1])
    write_table(out / "agnp2021.csv", COLUMNS, [[*setting, " ".join(losses)] for setting, losses in settings.items()])
    return len(settings)


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit("usage: python -m closedloop.literature.build_agnp2021 RAW.csv OUT")
    print(f"{build(Path(sys.argv[1]), Path(sys.argv[2]))} settings", file=sys.stderr)


if __name__ == "__main__":
    main()
