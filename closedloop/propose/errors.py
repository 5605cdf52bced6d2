"""What a campaign can ask of the proposer that cannot be done."""

from collections.abc import Sequence

from closedloop.recipes import ClosedloopError

Place = tuple[int | str, ...]


class SearchSpaceError(ClosedloopError):
    """A search space that contradicts itself, or a constraint that cannot be read.

    ``place`` is where in the campaign's file the fault lies, below ``space`` or ``target``; empty where it has none.
    """

    def __init__(self, message: str, place: Place = ()) -> None:
        super().__init__(message)
        self.place = place


class EmptySpaceError(SearchSpaceError):
    """Limits or constraints leave no recipe, or only one, to choose from."""


class RecipeOutsideSpace(ClosedloopError):
    """A recipe uses other chemicals than the search space, or says too little to find its place in it."""


class NothingToPropose(ClosedloopError):
    """Every candidate was tried, is pending, or was objected to."""


class Faults(ValueError):
    """Everything that is wrong with a value, each fault with its place in it; raised within a validator."""

    def __init__(self, faults: Sequence[tuple[Place, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(message for _, message in faults))
