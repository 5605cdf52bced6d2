"""How many real scale-bar labels and whole figures are read rightly, wrongly, and wrongly at high confidence.

``python benchmarks/scalebars.py FOLDER``: a folder with ``crops.csv`` (crop, text), ``crops/NAME.tif`` and ``images/``,
whose files are named after their label ("50 nm(2).png").
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from conditions import conditions

from closedloop.tem import UnreadableScale, read_scale
from closedloop.tem.label_reading import HIGH_CONFIDENCE, read_label
from closedloop.tem.ocr import read_line
from closedloop.tem.reading import read_picture
from closedloop.tem.scale_text import parse_label


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with (folder / "crops.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figures = sorted((folder / "images").iterdir())
    print(conditions(seed="none", data=[folder / "crops.csv", *figures]))
    start = time.perf_counter()
    read_line(np.full((64, 128), 255, np.uint8))
    print(f"start of the OCR: {time.perf_counter() - start:.2f} s")
    crops(folder / "crops", rows)
    whole_figures(figures)


def crops(folder: Path, rows: list[dict[str, str]]) -> None:
    right = sure = wrong_for_sure = nothing = 0
    seconds = []
    for row in rows:
        grey = read_picture(folder / f"{row['crop']}.tif").grey
        start = time.perf_counter()
        reading = read_label(grey)
        seconds.append(time.perf_counter() - start)
        true = parse_label(row["text"])
        hit = reading is not None and true is not None and abs(reading.label.nm / true.nm - 1) < 1e-9
        right += hit
        nothing += reading is None
        if reading is not None and reading.confidence >= HIGH_CONFIDENCE:
            sure += 1
            wrong_for_sure += not hit
            if not hit:
                print(f"  wrong for sure: crop {row['crop']}, {row['text']!r} read as {reading.label.text!r}")
    count = len(rows)
    print(
        f"crops: {count}; right {right / count:.1%}, nothing read {nothing / count:.1%}; "
        f"sure of {sure / count:.1%}, {wrong_for_sure} of those wrong; median {np.median(seconds):.2f} s each"
    )


def whole_figures(figures: list[Path]) -> None:
    right = wrong = 0
    for figure in figures:
        true = parse_label(figure.stem.partition("(")[0])
        try:
            scale = read_scale(figure)
        except UnreadableScale as error:
            print(f"  doubtful: {figure.name} ({str(error).partition(': ')[2]})")
            continue
        hit = true is not None and scale.bar_nm == true.nm
        right, wrong = right + hit, wrong + (not hit)
    print(f"whole figures: {len(figures)}; right {right}, wrong {wrong}, doubtful {len(figures) - right - wrong}")


if __name__ == "__main__":
    main()
