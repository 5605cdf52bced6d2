"""How long gu2025 takes to load, and what its loader repaired: ``python benchmarks/load_gu2025.py FOLDER``.

Prints one JSON object: seconds, counts, repairs, the share of chemical slots that the registry knows, and what they
were measured on (machine, commit, hash of the data).
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path

from conditions import conditions

from closedloop.chemistry import UnknownChemical, resolve
from closedloop.literature import load
from closedloop.recipes import Experiment


def unresolved(experiments: list[Experiment]) -> tuple[int, Counter[str]]:
    """How many slots there are, and how often each name occurs that the registry does not know."""
    names = Counter(reagent.name for one in experiments for reagent in one.recipe.reagents)
    unknown: Counter[str] = Counter()
    for name, count in names.items():
        try:
            resolve(name)
        except UnknownChemical:
            unknown[name] = count
    return names.total(), unknown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    started, started_cpu = time.perf_counter(), time.process_time()
    loaded = load("gu2025", folder)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - started_cpu
    recipes = [one for one in loaded.experiments if one.outcome.success]
    slots, unknown = unresolved(recipes)
    report = {
        "load_seconds": round(seconds, 2),
        "processor_seconds": round(cpu_seconds, 2),
        "recipes": len(recipes),
        "negatives": len(loaded.experiments) - len(recipes),
        "repairs": dict(loaded.repairs),
        "slots": slots,
        "slots_resolved": round(1 - unknown.total() / slots, 4),
        "most_frequent_unresolved": dict(unknown.most_common(15)),
        "conditions": conditions("none", folder.glob("*.csv")),
    }
    print(json.dumps(report, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
