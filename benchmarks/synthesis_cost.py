"""What the default model costs: ``python benchmarks/synthesis_cost.py --data gu2025=PATH``.

Fits it on everything in the data set, failures included, then asks it of all its recipes at once and of one at a time.
Prints the conditions, the seconds of the fit, the most memory that the process held, and recipes a second.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from conditions import conditions

from closedloop.literature import load_experiments, name_and_path
from closedloop.synthesis import SynthesisModel

REPEATS = 5
MOST_ASKED = 4096
ALONE = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a data set's name, or NAME=PATH")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    name, path = name_and_path(chosen.data)
    print(conditions(chosen.seed, Path(path).glob("*.csv") if path else ()), flush=True)
    experiments = load_experiments(name, path)
    start = time.perf_counter()
    model = SynthesisModel.fit(experiments, chosen.seed)
    fit_s = time.perf_counter() - start
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    recipes = [one.recipe for one in experiments[:MOST_ASKED]]

    def rates(ask: Callable[[], object]) -> list[int]:
        found = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            ask()
            found.append(round(len(recipes) / (time.perf_counter() - start)))
        return found

    one_ms = []
    for recipe in recipes[:ALONE]:
        start = time.perf_counter()
        model.predict([recipe])
        one_ms.append(1000 * (time.perf_counter() - start))
    figures = {
        "experiments": len(experiments),
        "model": model.description,
        "fit_s": round(fit_s, 1),
        "peak_gib": round(peak_gib, 2),
        "predict_arrays_per_s": rates(lambda: model.predict_arrays(recipes)),
        "predict_per_s": rates(lambda: model.predict(recipes)),
        "one_ms": round(float(np.median(one_ms)), 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
