"""Target, model and what was tried in; the next recipes out. Knows neither the store nor the lab."""

from closedloop.propose.errors import EmptySpaceError, NothingToPropose, RecipeOutsideSpace, SearchSpaceError
from closedloop.propose.proposal import Assessment, Outlook, Plan, Proposal, SizeModel
from closedloop.propose.proposer import HORIZON, assess, plan, propose
from closedloop.propose.quality import Arrays
from closedloop.propose.quantity import Range
from closedloop.propose.space import SearchSpace, SpaceReagent

__all__ = [
    "HORIZON",
    "Arrays",
    "Assessment",
    "EmptySpaceError",
    "NothingToPropose",
    "Outlook",
    "Plan",
    "Proposal",
    "Range",
    "RecipeOutsideSpace",
    "SearchSpace",
    "SearchSpaceError",
    "SizeModel",
    "SpaceReagent",
    "assess",
    "plan",
    "propose",
]
