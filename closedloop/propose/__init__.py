"""Target, model and what was tried in; the next recipes out. Knows neither the store nor the lab."""

from closedloop.propose.errors import EmptySpaceError, NothingToPropose, RecipeOutsideSpace, SearchSpaceError
from closedloop.propose.proposal import Arrays, Proposal, SizeModel
from closedloop.propose.proposer import propose
from closedloop.propose.quantity import Range
from closedloop.propose.space import SearchSpace, SpaceReagent

__all__ = [
    "Arrays",
    "EmptySpaceError",
    "NothingToPropose",
    "Proposal",
    "Range",
    "RecipeOutsideSpace",
    "SearchSpace",
    "SearchSpaceError",
    "SizeModel",
    "SpaceReagent",
    "propose",
]
