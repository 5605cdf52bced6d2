"""What a model is judged on: sources of the literature that no twin ever learns from, and the lab's last runs.

The choice depends on nothing but the source's own name, so it is the same for every model, data set and machine.
"""

import hashlib
from collections.abc import Collection, Sequence

from closedloop.recipes import Experiment
from closedloop.store import ExperimentRecord

# A fifth of all sources; which fifth is arbitrary, and must stay what it is, or old twins would be judged on what
# they learned from. Of cdse2022 it is 7 of 29 papers, 38 of 234 rows.
PARTS, HELD_PART = 5, 0
# The gate looks at a third of the lab's runs, within these bounds.
FEWEST_LAST, MOST_LAST = 2, 10
DOI_PREFIXES = ("https://doi.org/", "http://doi.org/", "https://dx.doi.org/", "http://dx.doi.org/", "doi:")


def is_held_out(source: str | None) -> bool:
    """Whether the source is kept for judging; one that is unknown never is, for its siblings could not be told."""
    if source is None:
        return False
    name = " ".join(source.lower().split())
    for prefix in DOI_PREFIXES:
        name = name.removeprefix(prefix).strip()
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % PARTS == HELD_PART


def divide(literature: Sequence[Experiment]) -> tuple[list[Experiment], list[Experiment]]:
    """(to learn from, to judge on). A recipe that is also in the first part judges nothing."""
    learned = [one for one in literature if not is_held_out(one.source)]
    known = {one.recipe for one in learned}
    return learned, [one for one in literature if is_held_out(one.source) and one.recipe not in known]


def last_runs(
    lab: Sequence[ExperimentRecord], seen: Collection[str]
) -> tuple[list[ExperimentRecord], list[ExperimentRecord]]:
    """(runs before, last runs): the last are the newest that the champion's twin has not ``seen``, in lab order."""
    count = min(MOST_LAST, len(lab), max(FEWEST_LAST, len(lab) // 3))
    unseen = [record for record in lab if record.id not in set(seen)]
    last = {record.id for record in unseen[-count:]} if count else set()
    return [one for one in lab if one.id not in last], [one for one in lab if one.id in last]
