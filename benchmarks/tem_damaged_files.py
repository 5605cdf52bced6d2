"""What becomes of 1,000 damaged, hostile or wrong files: each must end in a named error or a valid measurement.

``python benchmarks/tem_damaged_files.py [--count 1000] [--measure 100] [--seed 0] [--seconds 10]``: every file is read,
`--measure` of them, evenly spaced, are also measured, in a worker process that is watched: its time on the processor
(on a busy machine the clock says nothing; twenty times as long on the clock is too long all the same), its memory, its
stderr, whether it dies. Ends with 1 where any file broke a rule.
"""

import argparse
import collections
import math
import multiprocessing
import os
import re
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from conditions import conditions
from damaged_files import Damaged, damaged_files

# What reading may take beside the picture itself: buffers of a band of rows, the parsers' own.
MOST_MEMORY_MIB = 2048


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--measure", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    print(conditions(options.seed))
    measured = set(np.linspace(0, options.count - 1, options.measure).round().astype(int).tolist())
    outcomes: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    broken: list[str] = []
    slowest, largest = (0.0, ""), (0.0, "")
    with tempfile.TemporaryDirectory() as place:
        worker = Worker(options.seconds)
        for number, file in enumerate(damaged_files(options.count, Path(place), options.seed)):
            for task in ("read", "measure") if number in measured else ("read",):
                report = worker.run(task, file)
                name = f"{task} {file.path.name} ({file.damage}, {file.kind})"
                outcomes[f"{task}: {file.damage}"][report["outcome"]] += 1
                broken += [f"{name}: {rule}" for rule in report["broken"]]
                slowest = max(slowest, (report["seconds"], name))
                largest = max(largest, (report["mebibytes"], name))
            if file.path.is_file():
                file.path.unlink()
            if sys.stderr.isatty():
                print(f"\r{number + 1}/{options.count}", end="", file=sys.stderr)
        worker.stop()
    for damage, counts in outcomes.items():
        print(f"{damage}: " + ", ".join(f"{outcome} {count}" for outcome, count in counts.most_common()))
    print(f"slowest: {slowest[0]:.2f} s, {slowest[1]}")
    print(f"most memory above the worker's own: {largest[0]:.0f} MiB, {largest[1]}")
    print(f"{options.count} files, {len(broken)} broken rules")
    for rule in broken:
        print("  " + rule)
    sys.exit(1 if broken else 0)


class Worker:
    """A process that reads and measures, started again where it dies or hangs."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, end = context.Pipe()
        self.process = context.Process(target=_serve, args=(end,), daemon=True)
        self.process.start()
        end.close()
        self.pipe.recv()  # ready: what follows is not the time that imports take

    def run(self, task: str, file: Damaged) -> dict[str, Any]:
        self.pipe.send((task, file))
        began = time.monotonic()
        used = self.used()
        try:
            while not self.pipe.poll(1):
                if self.used() - used > self.seconds or time.monotonic() - began > 20 * self.seconds:
                    worked = self.used() - used
                    self.restart()
                    return _report("hung", [f"no answer after {worked:.0f} s of work"], worked)
            report: dict[str, Any] = self.pipe.recv()
        except EOFError:
            code = self.process.exitcode
            self.restart()
            return _report("died", [f"the process died ({code})"], time.monotonic() - began)
        if report["seconds"] > self.seconds:
            report["broken"].append(f"took {report['seconds']:.1f} s")
        return report

    def used(self) -> float:
        """Seconds of the worker on the processor; on the clock, where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return time.monotonic()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def restart(self) -> None:
        self.process.kill()
        self.process.join()
        self.start()

    def stop(self) -> None:
        self.pipe.send(None)
        self.process.join()


def _report(outcome: str, broken: list[str], seconds: float, mebibytes: float = 0.0) -> dict[str, Any]:
    return {"outcome": outcome, "broken": broken, "seconds": seconds, "mebibytes": mebibytes}


def _serve(pipe: Connection) -> None:
    from closedloop.tem import Segmenter
    from closedloop.tem.ocr import read_line

    segmenter = Segmenter.load(device="cpu")
    read_line(np.full((64, 128), 255, np.uint8))  # what loads once is not the time that a file takes
    with tempfile.TemporaryFile() as heard:
        os.dup2(heard.fileno(), 2)
        pipe.send("ready")
        while (order := pipe.recv()) is not None:
            heard.seek(0)
            heard.truncate()
            report = attempt(*order, segmenter)
            heard.seek(0)
            if said := heard.read(300):
                report["broken"].append(f"wrote to stderr: {said!r}")
            pipe.send(report)


def attempt(task: str, file: Damaged, segmenter: Any = None) -> dict[str, Any]:
    """Read or measure one file; the report says what came of it and which rules were broken."""
    from closedloop.recipes import ClosedloopError
    from closedloop.tem import measure_image
    from closedloop.tem.reading import read_picture

    before, began = _memory(reset=True), time.process_time()
    broken: list[str] = []
    try:
        if task == "read":
            picture = read_picture(file.path)
            outcome = "a picture" if picture.pixel_size is None else "a picture with a pixel size"
            broken += _wrong_picture(picture, file)
        else:
            broken += _wrong_measurement(measure_image(file.path, segmenter=segmenter), file)
            outcome = "a measurement"
    except ClosedloopError as error:
        outcome = type(error).__name__
        message = str(error)
        if "\n" in message or not message.startswith(str(file.path)):
            broken.append(f"the message does not name the file in one line: {message!r}")
    except Exception as error:
        outcome = f"{type(error).__name__} without a name of ours"
        broken.append(f"{type(error).__name__}: {error}")
    seconds = time.process_time() - began
    mebibytes = _memory() - before
    if mebibytes > MOST_MEMORY_MIB:
        broken.append(f"took {mebibytes:.0f} MiB")
    return _report(outcome, broken, seconds, mebibytes)


def _wrong_picture(picture: Any, file: Damaged) -> list[str]:
    broken = []
    grey = picture.grey
    if not (np.isfinite(grey).all() and grey.min() >= 0 and grey.max() <= 1):
        broken.append("grey levels outside 0 to 1")
    if picture.pixel_size is not None and not 1e-4 < picture.pixel_size.nm_per_px < 5e3:
        broken.append(f"a pixel of {picture.pixel_size.nm_per_px} nm")
    if picture.pixel_size is not None and not file.states_scale:
        broken.append(f"a pixel size that the file does not state: {picture.pixel_size}")
    return broken


def _wrong_measurement(measured: Any, file: Damaged) -> list[str]:
    broken = []
    if not (math.isfinite(measured.nm_per_px) and measured.nm_per_px > 0):
        broken.append(f"a scale of {measured.nm_per_px}")
    if not file.states_scale:
        broken.append(f"sizes with a scale from {measured.scale.source} that the file does not state")
    if file.damage in ("all black", "all white"):
        broken.append(f"{len(measured.particles)} particles in an even grey")
    if any(not math.isfinite(particle.equivalent_diameter_nm) for particle in measured.particles):
        broken.append("sizes that are no numbers")
    return broken


def _memory(reset: bool = False) -> float:
    """Most memory that this process has held since the last reset, in MiB (0 where the system does not tell)."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    main()
