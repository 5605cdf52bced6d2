"""Ways to design the next recipe within a campaign's space, under one interface; `find` has them by name."""

from closedloop.campaign.dryrun.designers.base import Brief, Design, Designer, Designing
from closedloop.campaign.dryrun.designers.registry import DESIGNERS, check_designers, find

__all__ = ["DESIGNERS", "Brief", "Design", "Designer", "Designing", "check_designers", "find"]
