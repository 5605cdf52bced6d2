"""Scale, mean diameter and count of a published picture against the published sizes, and how long it takes.

``python benchmarks/tem_5_0011.py FOLDER``: a folder with ``5-0011.tif`` and ``5-0011.csv`` (column ``D``, nm).
"""

import argparse
import time
from pathlib import Path

import pandas as pd
from conditions import conditions

from closedloop.tem import measure_image

TRUE_NM_PER_PX = 50 / 192


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    picture, table = folder / "5-0011.tif", folder / "5-0011.csv"
    print(conditions(seed="none", data=[picture, table]))
    published = pd.read_csv(table)["D"]
    start = time.perf_counter()
    found = measure_image(picture)
    first = time.perf_counter() - start
    start, start_cpu = time.perf_counter(), time.process_time()
    measure_image(picture)
    again, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    mean = found.mean_diameter_nm or float("nan")
    scale_error = found.nm_per_px / TRUE_NM_PER_PX - 1
    print(f"scale: {found.nm_per_px:.6f} nm per pixel ({scale_error:+.2%}), confidence {found.scale.confidence:.3f}")
    print(f"mean:  {mean:.3f} nm, published {published.mean():.3f} nm ({mean / published.mean() - 1:+.1%})")
    print(f"count: {found.count}, published {len(published)} ({found.count / len(published) - 1:+.1%})")
    print(f"time:  {first:.2f} s with the start of the OCR, {again:.2f} s after it ({cpu:.2f} s of processor time)")


if __name__ == "__main__":
    main()
