"""What a model is judged on: sources of the literature that no twin ever learns from, and the lab's last runs.

The choice depends on nothing but the source's own name, so it is the same for every model, data set and machine.
"""

import hashlib
from collections.abc import Collection, Sequence

from closedloop.literature import source_key
from closedloop.recipes import Experiment, Recipe
from closedloop.store import ExperimentRecord

# A fifth of all sources; which fifth is arbitrary, and must stay what it is, or old twins would be judged on what
# they learned from. Of cdse2022 it is 7 of 29 papers, 38 of 234 rows.
PARTS, HELD_PART = 5, 0
# The gate looks at a third of the lab's runs, within these bounds, and at the rest of the recipes that they repeat.
FEWEST_LAST, MOST_LAST = 2, 10


def is_held_out(source: str | None) -> bool:
    """Whether the source is kept for judging; one that is unknown never is, for its siblings could not be told."""
    name = source_key(source)
    if name is None:
        return False
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % PARTS == HELD_PART


def divide(literature: Sequence[Experiment]) -> tuple[list[Experiment], list[Experiment]]:
    """(to learn from, to judge on). A recipe that is also in the first part judges nothing."""
    learned = [one for one in literature if not is_held_out(one.source)]
    known = {one.recipe for one in learned}
    return learned, [one for one in literature if is_held_out(one.source) and one.recipe not in known]


def last_runs(
    lab: Sequence[ExperimentRecord], seen: Collection[str]
) -> tuple[list[ExperimentRecord], list[ExperimentRecord]]:
    """(runs before, last runs), in lab order: the last are the newest that the champion's twin has not ``seen``.

    All unseen runs of a recipe are on one side: one that the challenger has learned from would tell it of its repeats,
    and the champion nothing. There are no last runs where nothing would be left to learn from.
    """
    count = min(MOST_LAST, max(FEWEST_LAST, len(lab) // 3))
    by_recipe: dict[Recipe, list[str]] = {}
    for record in reversed(lab):
        if record.id not in seen:
            by_recipe.setdefault(record.recipe, []).append(record.id)
    last: set[str] = set()
    for runs in by_recipe.values():
        if len(last) < count:
            last |= set(runs)
    if len(last) == len(lab):
        last = set()
    return [one for one in lab if one.id not in last], [one for one in lab if one.id in last]
