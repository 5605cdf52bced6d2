"""Target, model and what was tried in; the next recipes out. Knows neither the store nor the lab."""

from closedloop.propose.checks import name_faults, narrowed, near_limits, refilled, shut_out
from closedloop.propose.couplings import Coupling
from closedloop.propose.errors import (
    EmptySpaceError,
    Faults,
    NothingToPropose,
    RecipeOutsideSpace,
    SearchSpaceError,
)
from closedloop.propose.proposal import Assessment, Outlook, Plan, Proposal, SizeModel
from closedloop.propose.proposer import HORIZON, assess, plan, propose
from closedloop.propose.quality import Arrays
from closedloop.propose.quantity import Range
from closedloop.propose.reagent import CONDITIONS, SpaceReagent
from closedloop.propose.space import SearchSpace

__all__ = [
    "CONDITIONS",
    "HORIZON",
    "Arrays",
    "Assessment",
    "Coupling",
    "EmptySpaceError",
    "Faults",
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
    "name_faults",
    "narrowed",
    "near_limits",
    "plan",
    "propose",
    "refilled",
    "shut_out",
]
