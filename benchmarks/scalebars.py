"""How many scale bars are read rightly, doubtfully, wrongly, and wrongly at high confidence.

``python benchmarks/scalebars.py FOLDER [--generated N]``: a folder with ``crops.csv`` (crop, text), ``crops/NAME.tif``
and ``images/``, whose files are named after their label ("50 nm(2).png"); and N generated pictures of each style of
`scalebar_pictures`, whose bars are known. The crops are counted in two halves, parted by a hash of their names: the
code was developed looking at the first only.
"""

import argparse
import csv
import hashlib
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from conditions import conditions
from scalebar_pictures import STYLES, generate

from closedloop.tem import UnreadableScale, look_at_scale
from closedloop.tem.label_reading import HIGH_CONFIDENCE, read_label
from closedloop.tem.ocr import read_line
from closedloop.tem.reading import read_picture
from closedloop.tem.scale_text import parse_label

LARGEST_ERROR = 0.02  # of a generated bar's nm per pixel


class Count:
    """Right, wrong or nothing read; and of those at high confidence; with the processor's seconds for each."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, bool]] = []
        self.seconds: list[float] = []

    def add(self, right: bool | None, confidence: float, seconds: float) -> None:
        self.outcomes.append(
            ("nothing" if right is None else "right" if right else "wrong", confidence >= HIGH_CONFIDENCE)
        )
        self.seconds.append(seconds)

    def __str__(self) -> str:
        names = [name for name, _ in self.outcomes]
        sure = [name for name, surely in self.outcomes if surely]
        return (
            f"{len(names)}: right {names.count('right')} ({sure.count('right')} of them surely), wrong "
            f"{names.count('wrong')} ({sure.count('wrong')} of them surely), nothing read {names.count('nothing')}; "
            f"median {np.median(self.seconds):.2f} s, longest {max(self.seconds):.2f} s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--generated", type=int, default=20, help="pictures of each style")
    arguments = parser.parse_args()
    folder = arguments.folder
    with (folder / "crops.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figures = sorted((folder / "images").iterdir())
    print(conditions(seed="0", data=[folder / "crops.csv", *figures]))
    start = time.process_time()
    read_line(np.full((64, 128), 255, np.uint8))
    print(f"start of the OCR: {time.process_time() - start:.2f} s; all times are the processor's")
    crops(folder / "crops", rows)
    whole_figures(figures)
    generated(arguments.generated)


def crops(folder: Path, rows: list[dict[str, str]]) -> None:
    counts: dict[int, Count] = defaultdict(Count)
    for row in rows:
        half = int(hashlib.sha256(row["crop"].encode()).hexdigest(), 16) % 2
        grey = read_picture(folder / f"{row['crop']}.tif").grey
        start = time.process_time()
        reading = read_label(grey)
        seconds = time.process_time() - start
        true = parse_label(row["text"])
        right = None if reading is None else true is not None and abs(reading.label.nm / true.nm - 1) < 1e-9
        confidence = 0.0 if reading is None else reading.confidence
        counts[half].add(right, confidence, seconds)
        if reading is not None and not right and confidence >= HIGH_CONFIDENCE:
            print(f"  wrong for sure: crop {row['crop']}, {row['text']!r} read as {reading.label.text!r}", flush=True)
    for half, name in enumerate(("crops looked at", "crops kept apart")):
        print(f"{name}: {counts[half]}")


def whole_figures(figures: list[Path]) -> None:
    count = Count()
    for figure in figures:
        true = parse_label(figure.stem.partition("(")[0])
        start = time.process_time()
        try:
            seen = look_at_scale(figure)
        except UnreadableScale:
            count.add(None, 0.0, time.process_time() - start)
            continue
        right = true is not None and abs(seen["bar_nm"] / true.nm - 1) < 1e-9
        count.add(right, seen["confidence"] if seen["nm_per_px"] else 0.0, time.process_time() - start)
    print(f"whole figures {count}")


def generated(each: int) -> None:
    for style in STYLES if each else ():
        count = Count()
        for seed in range(each):
            drawn = generate(style, seed)
            start = time.process_time()
            try:
                seen = look_at_scale(drawn.image)
            except UnreadableScale:
                count.add(None, 0.0, time.process_time() - start)
                continue
            seconds = time.process_time() - start
            if not seen["nm_per_px"]:
                right = drawn.px > 0 and abs(seen["bar_nm"] / drawn.nm - 1) < 1e-6
                count.add(right or None, 0.0, seconds)
                continue
            right = drawn.px > 0 and abs(seen["nm_per_px"] * drawn.px / drawn.nm - 1) < LARGEST_ERROR
            count.add(right, seen["confidence"], seconds)
            if not right:
                print(
                    f"  wrong for sure: {style}, seed {seed}, {drawn.text!r} over {drawn.px:.0f} px as {seen}",
                    flush=True,
                )
        print(f"{style} {count}", flush=True)


if __name__ == "__main__":
    main()
