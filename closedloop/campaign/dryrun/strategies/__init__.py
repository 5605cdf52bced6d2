"""Ways to choose the next recipe, under one interface; `find` has them by name."""

from closedloop.campaign.dryrun.strategies.base import Known, Pick, Prior, Session, Strategy
from closedloop.campaign.dryrun.strategies.registry import NAMES, check_strategies, find

__all__ = ["NAMES", "Known", "Pick", "Prior", "Session", "Strategy", "check_strategies", "find"]
