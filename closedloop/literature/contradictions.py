"""What the cells of one row say against each other, each of them right by itself: numbers that nobody measured so.

`columns` says what a number alone may be. Nothing here stops a table from being read, for a person may have a reason.
"""

from collections.abc import Iterator
from typing import NamedTuple

from closedloop.recipes import FailureCause, Outcome

# Standard deviation over mean: the widest of the 3,415 distributions that gu2025 publishes has 0.78.
WIDEST_SPREAD = 0.8


class Contradiction(NamedTuple):
    column: str
    value: object
    problem: str
    remedy: str


def contradictions(outcome: Outcome) -> Iterator[Contradiction]:
    size = outcome.size_nm
    if outcome.failure_cause is FailureCause.NOTHING_FORMED:
        stated = {"size_nm": size, "shape": outcome.shape, "particle_count": outcome.particle_count or None}
        if said := [name for name, value in stated.items() if value is not None]:
            yield Contradiction(
                "failure_cause",
                outcome.failure_cause.value,
                f"stands beside {' and '.join(said)}; no size and no shape is learned from this row",
                "leave these empty if nothing formed, or name the cause that it was",
            )
    for column, value in (("size_std_nm", outcome.size_std_nm), ("size_error_nm", outcome.size_error_nm)):
        if size is not None and value is not None and value > WIDEST_SPREAD * size:
            yield Contradiction(
                column,
                f"{value:g}",
                f"is {value / size:.0%} of a size of {size:g} nm",
                "check the number; it is in nm, not a percentage",
            )
