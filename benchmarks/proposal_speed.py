"""Seconds for a batch of 4 in a 12-dimensional mixed space, model and libraries loaded, with 0 and 20 results.

python benchmarks/proposal_speed.py [--repeats 3] [--threads 2] [--json]
"""

import argparse
import json
import statistics
import time

import numpy as np
from conditions import conditions

from closedloop.propose import SearchSpace, propose
from closedloop.recipes import Experiment, Outcome, Target
from closedloop.synthesis import SynthesisModel

SPACE = SearchSpace.model_validate(
    {
        "product": "CdSe",
        "reagents": [
            {"name": "cadmium oxide", "max_mmol": 1, "role": "cation precursor", "vessel": "flask"},
            {"name": "cadmium stearate", "max_mmol": 1, "role": "cation precursor", "vessel": "flask"},
            {"name": "oleic acid", "max_mmol": 10, "role": "ligand", "vessel": "flask"},
            {"name": "stearic acid", "max_mmol": 10, "role": "ligand", "vessel": "flask"},
            {"name": "hexadecylamine", "max_mmol": 10, "role": "ligand", "vessel": "flask"},
            {"name": "trioctylphosphine oxide", "max_mmol": 10, "role": "ligand", "vessel": "flask"},
            {"name": "selenium", "amount_mmol": [0.1, 1.2], "role": "anion precursor", "vessel": "syringe"},
            {"name": "trioctylphosphine", "amount_mmol": [2, 6], "role": "ligand", "vessel": "syringe"},
            {"name": "tributylphosphine", "max_mmol": 4, "role": "ligand", "vessel": "syringe"},
            {"name": "1-octadecene", "fill_to_ml": 15, "role": "solvent", "vessel": "flask"},
        ],
        "injection_temperature_c": [220, 310],
        "reaction_temperature_c": [180, 290],
        "reaction_time_min": [0.5, 45],
        "constraints": ["reaction_temperature_c <= injection_temperature_c"],
        "couplings": [{"at_least": 1, "of": "cation precursor"}, {"at_most": 2, "of": ["oleic acid", "stearic acid"]}],
    }
)
TARGET = Target(product="CdSe", size_nm=4.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    model = SynthesisModel.default()
    rng = np.random.default_rng(0)
    tried = [
        Experiment(recipe=recipe, outcome=Outcome(success=True, size_nm=float(rng.uniform(2, 6)), size_std_nm=0.4))
        for recipe in SPACE.sample(20, 0)
    ]
    propose(SPACE, TARGET, model, [], [], 1, 0)
    report: dict[str, object] = {
        "conditions": conditions(f"1 to {options.repeats}"), "dimension": SPACE.dimension, "threads": options.threads
    }  # fmt: skip
    for name, known in (("no results", []), ("20 results", tried)):
        wall, cpu = [], []
        for seed in range(1, options.repeats + 1):
            started, busy = time.perf_counter(), time.process_time()
            propose(SPACE, TARGET, model, known, [], 4, seed)
            wall.append(time.perf_counter() - started)
            cpu.append(time.process_time() - busy)
        report[name] = {
            "median_wall_s": round(statistics.median(wall), 2), "median_processor_s": round(statistics.median(cpu), 2)
        }  # fmt: skip
    print(json.dumps(report, indent=2) if options.json else report)


if __name__ == "__main__":
    main()
