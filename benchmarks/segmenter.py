"""The segmenter on what it never saw: EMPS sources held out of training, freshly rendered micrographs, time, memory.

``python benchmarks/segmenter.py [--emps FOLDER] [--rendered N] [--families N] [--seed S]``: with a copy of EMPS
(``images``, ``segmaps``, ``sources.csv``) its held-out fifth of sources, told by the same hash as in training; always N
rendered micrographs from a seed that training did not use; N more of each family of particles alone; the time for one
1024² image, for twenty others, and for these side by side; and with ``--large`` the
memory that an 8192² image takes beyond itself.
"""

import argparse
import resource
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from conditions import conditions

from closedloop.tem import NoParticles, Segmenter, measure_image
from closedloop.tem.annotations import annotation_mask
from closedloop.tem.classical import segment_classically
from closedloop.tem.learning.folders import read_folder, sources, split
from closedloop.tem.learning.samples import Sample
from closedloop.tem.metrics import Agreement, average, compare, errors
from closedloop.tem.otsu import segment_by_otsu
from closedloop.tem.side_by_side import side_by_side, useful_workers
from closedloop.tem.weights import SHIPPED, about
from sim.micrograph_outlines import FAMILIES
from sim.render import render_scene

HELD_OUT = 0.2
SCENES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emps", type=Path)
    parser.add_argument("--rendered", type=int, default=100)
    parser.add_argument("--families", type=int, default=0, metavar="N", help="scenes of each family of particles alone")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--large", action="store_true")
    chosen = parser.parse_args()
    print(conditions(seed=chosen.seed, data=[SHIPPED]))
    print("trained:", about(SHIPPED))
    segmenter = Segmenter.load()
    methods: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "closedloop": segmenter.segment,
        "classical": lambda grey: segment_classically(grey, annotation_mask(grey)),
        "otsu": lambda grey: segment_by_otsu(grey, annotation_mask(grey)),
    }
    if chosen.emps is not None:
        held = split(read_folder(chosen.emps), sources(chosen.emps), HELD_OUT)[1]
        _report(f"EMPS, {len(held)} images of held-out sources", held, methods)
    scenes = rendered(chosen.rendered, chosen.seed)
    if scenes:
        _report(f"rendered, {len(scenes)} images", scenes, methods)
    dense = [one for one in scenes if 300 <= one.labels.max() <= 1000]
    if dense:
        _report(f"of these with 300 to 1,000 particles, {len(dense)}", dense, methods)
    for family in FAMILIES if chosen.families else ():
        alone = rendered(chosen.families, chosen.seed + 1, family)
        _report(f"{family} alone, {len(alone)} images", alone, {"closedloop": segmenter.segment})
    _time(segmenter, chosen.seed)
    if chosen.large:
        _memory(segmenter, chosen.seed)


def rendered(count: int, seed: int, family: str | None = None) -> list[Sample]:
    made = []
    for index in range(count):
        grey, labels, _ = render_scene(np.random.default_rng([seed, index]), 512, family=family)
        if labels.any():
            made.append(Sample(str(index), grey, labels))
    return made


def _report(name: str, samples: Sequence[Sample], methods: dict[str, Callable[[np.ndarray], np.ndarray]]) -> None:
    print(name)
    for method, segment in methods.items():
        agreements: list[Agreement] = [compare(np.maximum(one.labels, 0), segment(one.light)) for one in samples]
        scores = average(agreements) | errors(agreements)
        rng = np.random.default_rng(0)
        drawn = rng.integers(0, len(agreements), (1000, len(agreements)))
        fifty = np.array([one.at(0.5) for one in agreements])[drawn].mean(1)
        low, high = np.percentile(fifty, (5, 95))
        told = ", ".join(f"{key} {value:.3f}" for key, value in scores.items() if value is not None)
        print(f"  {method:11} {told} (AP50 {low:.3f} to {high:.3f} over images drawn again)", flush=True)


def _time(segmenter: Segmenter, seed: int) -> None:
    grey, labels, _ = render_scene(np.random.default_rng([seed, 10**6]), 1024)
    with TemporaryDirectory() as folder:
        image = Path(folder) / "scene.png"
        cv2.imwrite(str(image), grey)
        for what, do in (
            ("segmenting", lambda: segmenter.segment(grey)),
            ("all of measuring", lambda: measure_image(image, nm_per_px=0.2, segmenter=segmenter).to_json()),
        ):
            do()
            took = []
            for _ in range(5):
                start = time.perf_counter()
                do()
                took.append(time.perf_counter() - start)
            print(f"1024², {what}: {min(took):.2f} to {max(took):.2f} s, {labels.max()} particles, {segmenter.device}")
        images = [Path(folder) / f"{number}.png" for number in range(SCENES)]
        seconds = []
        for number, image in enumerate(images):
            cv2.imwrite(str(image), render_scene(np.random.default_rng([seed, 10**6 + 10 + number]), 1024)[0])
            start = time.perf_counter()
            with suppress(NoParticles):
                measure_image(image, nm_per_px=0.2, segmenter=segmenter).to_json()
            seconds.append(time.perf_counter() - start)
        print(
            f"1024², all of measuring, {SCENES} scenes once each: median {np.median(seconds):.2f} s, longest "
            f"{max(seconds):.2f} s, {sum(one <= 2 for one in seconds)} within 2 s"
        )
        workers = useful_workers(SCENES)
        with side_by_side(segmenter, workers) as measure:
            list(measure([(image, 0.2) for image in images[:workers]]))  # the processes have started
            start = time.perf_counter()
            list(measure([(image, 0.2) for image in images]))
            rate = SCENES / (time.perf_counter() - start)
    print(f"the same, side by side in {workers} processes: {rate:.2f} images a second, {segmenter.device}")


def _memory(segmenter: Segmenter, seed: int) -> None:
    tile, _, _ = render_scene(np.random.default_rng([seed, 10**6 + 1]), 1024)
    grey = np.tile(tile, (8, 8))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    found = segmenter.segment(grey)
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    print(f"8192²: {found.max()} particles in {time.perf_counter() - start:.0f} s, {more:.2f} GiB beyond the image")


if __name__ == "__main__":
    main()
