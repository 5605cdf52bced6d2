"""What a campaign can ask of the proposer that cannot be done."""

from closedloop.recipes import ClosedloopError


class SearchSpaceError(ClosedloopError):
    """A search space that contradicts itself, or a constraint that cannot be read."""


class EmptySpaceError(SearchSpaceError):
    """Limits or constraints leave no recipe, or only one, to choose from."""


class RecipeOutsideSpace(ClosedloopError):
    """A recipe uses other chemicals than the search space, or says too little to find its place in it."""


class NothingToPropose(ClosedloopError):
    """Every candidate was tried, is pending, or was objected to."""
