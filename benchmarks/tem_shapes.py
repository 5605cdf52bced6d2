"""Shape classes of rendered outlines, and how long describing particles takes.

``python benchmarks/tem_shapes.py`` draws outlines with the simulated microscope's own generator, which the classifier
never saw, shows them as pixels with a noisy edge, and counts how many get their class; ``--own`` does the same with
fresh outlines of the training generator. Prints JSON: accuracy by class and size, what it says when it is sure, the
confusion matrix, and seconds of processor time for 1,000 particles in 1024² pixels.
"""

import argparse
import json
import sys
import time

import cv2
import numpy as np
from conditions import conditions
from numpy.typing import NDArray

from closedloop.recipes import Shape
from closedloop.tem.outline_classes import CLASSES, LEAST_SURE, classify
from closedloop.tem.outline_contours import trace
from closedloop.tem.outline_drawing import draw, rasterised
from closedloop.tem.particles import describe_particles
from sim.microscope_particles import Outline, draw_outline

BANDS_PX = ((8, 12), (12, 15), (15, 25), (25, 50), (50, 100), (100, 200))


def line_of(outline: Outline) -> NDArray[np.complex128]:
    """The simulated microscope's outline as a closed line of unit-circle area, (m,) complex."""
    at = np.exp(2j * np.pi * np.arange(len(outline.radius)) / len(outline.radius)) * outline.radius
    stretch = np.sqrt(outline.aspect)
    return np.asarray((at.real * stretch + 1j * at.imag / stretch) * np.exp(1j * outline.rotation))


def judged(count: int, seed: int, noise_px: float, own: bool) -> dict[str, object]:
    """Accuracy over `count` outlines, all classes alike often, sizes even on a logarithmic scale from 8 to 200 px."""
    random = np.random.default_rng(seed)
    masks: list[NDArray[np.bool_]] = []
    truth: list[Shape] = []
    sizes: list[float] = []
    while len(masks) < count:
        if own:
            line, targets = draw(random)
            shape, share = max(targets.items(), key=lambda item: item[1])
            if share < 0.8:  # between two classes
                continue
        else:
            shape = CLASSES[len(masks) % len(CLASSES)]
            line = line_of(draw_outline(shape, random))
        sizes.append(float(np.exp(random.uniform(np.log(BANDS_PX[0][0]), np.log(BANDS_PX[-1][1])))))
        masks.append(rasterised(line, sizes[-1], random.uniform(0, noise_px), random))
        truth.append(shape)
    found, sure = classify(trace(masks))
    right = np.array([one is other for one, other in zip(found, truth, strict=True)])
    size, kinds = np.array(sizes), np.array([str(shape) for shape in truth])
    confident = sure >= 0.8
    large = size >= 15
    return {
        "outlines": count,
        "accuracy_from_15_px": round(float(right[large].mean()), 4),
        "by_size_px": {
            f"{low}-{high}": {
                "accuracy": round(float(right[(size >= low) & (size < high)].mean()), 4),
                "confidence": round(float(sure[(size >= low) & (size < high)].mean()), 4),
                "abstained": round(float((sure[(size >= low) & (size < high)] < LEAST_SURE).mean()), 4),
            }
            for low, high in BANDS_PX
        },
        "by_class_from_15_px": {shape: round(float(right[large & (kinds == shape)].mean()), 4) for shape in CLASSES},
        "by_class_from_25_px": {
            shape: round(float(right[(size >= 25) & (kinds == shape)].mean()), 4) for shape in CLASSES
        },
        "confidence_at_least_0.8": {
            "share": round(float(confident.mean()), 4),
            "accuracy": round(float(right[confident].mean()), 4),
        },
        "confusion_from_15_px": _confusion(truth, found, large),
    }


def _confusion(truth: list[Shape], found: list[Shape], counted: NDArray[np.bool_]) -> dict[str, dict[str, int]]:
    """How often each class (outer) was given each name (inner)."""
    table: dict[str, dict[str, int]] = {str(shape): {} for shape in Shape}
    for true, said, count in zip(truth, found, counted, strict=True):
        if count:
            row = table[str(true)]
            row[str(said)] = row.get(str(said), 0) + 1
    return table


def timed(side: int = 1024, cells: int = 32) -> dict[str, float]:
    """Processor time of describing and naming cells² ellipses in a picture of side² pixels."""
    random = np.random.default_rng(0)
    labels = np.zeros((side, side), np.int32)
    step = side // cells
    for index in range(cells**2):
        row, column = divmod(index, cells)
        axes = (int(random.integers(step // 4, step // 2 - 1)), int(random.integers(step // 4, step // 2 - 1)))
        centre = (step * column + step // 2, step * row + step // 2)
        cv2.ellipse(labels, centre, axes, float(random.uniform(0, 180)), 0, 360, index + 1, -1)
    grey = np.where(labels > 0, np.float32(0.3), np.float32(0.7))
    seconds = []
    for _ in range(5):
        start = time.process_time()
        count = len(describe_particles(labels, grey))
        seconds.append(time.process_time() - start)
    return {"particles": count, "side_px": side, "seconds": round(min(seconds[1:]), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--noise-px", type=float, default=0.7, help="largest standard deviation of the edge")
    parser.add_argument("--own", action="store_true", help="outlines of the training generator")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print(conditions(seed=arguments.seed, data=[]), file=sys.stderr)
    report = judged(arguments.count, arguments.seed, arguments.noise_px, arguments.own)
    report["time"] = timed()
    print(json.dumps(report, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
