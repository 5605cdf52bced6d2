"""How many of 100,000 recipes, drawn as proposals are, break a limit of their campaign: over random campaigns.

Every step that makes a candidate counts: space-filling samples, steps from them, points far outside the space, and the
rounding at the end of each. The rules are read a second time, by code that shares nothing with the package.

    python benchmarks/proposals_within_limits.py [--recipes 100000] [--each 500] [--seconds 900] [--seed 0]
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from conditions import conditions
from pydantic import ValidationError

from closedloop.propose import SearchSpace

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.propose.random_spaces import broken, drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--recipes", type=int, default=100_000)
    parser.add_argument("--each", type=int, default=500, help="recipes of one campaign")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=900.0, help="stop here, and say how many recipes there were")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    started = time.perf_counter()
    recipes = spaces = empty = faults = 0
    examples: list[str] = []
    while recipes < options.recipes and time.perf_counter() - started < options.seconds:
        written = drawn(rng)
        try:
            space = SearchSpace.model_validate(written)
        except ValidationError:
            empty += 1
            continue
        spaces += 1
        third = max(1, options.each // 3)
        made = space.sample(third, spaces)
        places = np.array([space.encode(recipe) for recipe in made])
        made += space.decode_many(space.moved(places, rng.choice([0.02, 0.06, 0.18, 1.0], third), rng))
        made += space.decode_many(rng.uniform(-1, 2, (third, space.dimension)))
        recipes += len(made)
        for recipe in made:
            if said := [*broken(written, recipe), *space.violations(recipe)]:
                faults += 1
                examples.append("; ".join(said))
    report = {
        "conditions": conditions(options.seed),
        "recipes": recipes,
        "campaigns": spaces,
        "campaigns_that_left_no_recipe": empty,
        "recipes_that_break_a_limit": faults,
        "examples": examples[:5],
        "seconds": round(time.perf_counter() - started, 1),
    }
    print(json.dumps(report, indent=2) if options.json else report)


if __name__ == "__main__":
    main()
