"""Memory and time that reading an image of 8192 × 8192 pixels takes, by depth and codec.

``python benchmarks/tem_large_files.py [--side 8192]``: each file is written by one process and read by another, whose
largest resident size before and after ``read_picture`` the system tells (`resource.getrusage`).
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from conditions import conditions

KINDS = ("u1 raw", "u2 raw", "f4 raw", "u2 zlib", "u1 lzw", "u1 rgb", "u1 png")


def write(path: Path, kind: str, side: int) -> None:
    import tifffile
    from PIL import Image

    dtype, codec = kind.split()
    tile = np.random.default_rng(0).integers(0, 250, (1024, 1024)).astype(dtype)
    image = np.tile(tile, (side // 1024, side // 1024))
    if codec in ("lzw", "png"):
        options = {"compression": "tiff_lzw"} if codec == "lzw" else {"compress_level": 1}
        Image.fromarray(image).save(path, "TIFF" if codec == "lzw" else "PNG", **options)
    elif codec == "rgb":
        tifffile.imwrite(path, np.stack([image] * 3, -1), photometric="rgb")
    else:
        tifffile.imwrite(path, image, compression=None if codec == "raw" else codec)


def read(path: Path, kind: str) -> None:
    from closedloop.tem.reading import read_picture

    small = path.with_suffix(".small")
    write(small, kind, 1024)
    read_picture(small)  # loads what is loaded when it is needed
    before, began = _most_mebibytes(), time.process_time()
    picture = read_picture(path)
    seconds = time.process_time() - began
    dtype, codec = kind.split()
    stored = picture.grey.size * np.dtype(dtype).itemsize * (3 if codec == "rgb" else 1) / 2**20
    print(
        f"{kind}: {stored:.0f} MiB of pixels, {picture.grey.nbytes / 2**20:.0f} MiB of grey; at most "
        f"{_most_mebibytes() - before:.0f} MiB above the start, {seconds:.1f} s on the processor",
        flush=True,
    )


def _most_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--do", nargs=3, metavar=("WHAT", "KIND", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.do:
        what, kind, path = options.do
        if what == "write":
            write(Path(path), kind, options.side)
        else:
            read(Path(path), kind)
        return
    print(conditions(seed=0), flush=True)
    with tempfile.TemporaryDirectory() as place:
        for kind in KINDS:
            for what in ("write", "read"):
                command = [sys.executable, __file__, "--side", str(options.side), "--do", what, kind, f"{place}/large"]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
