"""Which chemicals of a data set the registry knows: ``python benchmarks/registry_coverage.py --data NAME=PATH``.

``--data`` as everywhere: cdse2022 (the default, in the package), gu2025=FOLDER, or a table of your own; several times
for several. A slot is one chemical in one recipe; empty slots do not count. Prints one JSON object: the conditions, and
for each data set the slots, the share resolved, and each unresolved name with its count; published recipes and
synthetic negatives are counted apart.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from conditions import conditions

from closedloop.chemistry import AmbiguousChemical, UnknownChemical, known_names, resolve
from closedloop.literature import load, name_and_path
from closedloop.recipes import Experiment


def coverage(experiments: Sequence[Experiment]) -> dict[str, object]:
    """Slots, distinct names, the share of each that resolves, and what does not."""
    names = Counter(reagent.name for one in experiments for reagent in one.recipe.reagents)
    unknown: Counter[str] = Counter()
    ambiguous: Counter[str] = Counter()
    for name, count in names.items():
        try:
            resolve(name)
        except AmbiguousChemical:
            ambiguous[name] = count
        except UnknownChemical:
            unknown[name] = count
    missed = unknown.total() + ambiguous.total()
    return {
        "slots": names.total(),
        "slots_resolved": round(1 - missed / max(names.total(), 1), 5),
        "names": len(names),
        "names_resolved": len(names) - len(unknown) - len(ambiguous),
        "unknown": dict(unknown.most_common()),
        "ambiguous": dict(ambiguous.most_common()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", action="append", metavar="NAME[=PATH]")
    report: dict[str, object] = {}
    files: list[Path] = []
    for data in parser.parse_args().data or ["cdse2022"]:
        name, path = name_and_path(data)
        if path:
            files += sorted(Path(path).glob("*.csv")) if Path(path).is_dir() else [Path(path)]
        experiments = load(name, path).experiments
        negatives = [one for one in experiments if "synthetic negative" in (one.source or "")]
        recipes = [one for one in experiments if "synthetic negative" not in (one.source or "")]
        report[name] = {"recipes": coverage(recipes)} | ({"negatives": coverage(negatives)} if negatives else {})
    report = {"conditions": conditions("none", files), "substances": len(known_names())} | report
    print(json.dumps(report, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
