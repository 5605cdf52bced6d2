"""A designer's name -> the designer; each is imported when it is asked for."""

from collections.abc import Callable

from closedloop.campaign.dryrun.designers.base import Designer
from closedloop.campaign.dryrun.strategies.registry import named


def _closedloop() -> Designer:
    from closedloop.campaign.dryrun.designers.proposer import Proposer

    return Proposer()


def _random() -> Designer:
    from closedloop.campaign.dryrun.designers.random_recipes import RandomRecipes

    return RandomRecipes()


def _gp() -> Designer:
    from closedloop.campaign.dryrun.designers.plain import gp

    return gp()


def _extra_trees() -> Designer:
    from closedloop.campaign.dryrun.designers.plain import trees

    return trees()


def _baybe() -> Designer:
    from closedloop.campaign.dryrun.designers.by_baybe import ByBaybe

    return ByBaybe()


def _ax() -> Designer:
    from closedloop.campaign.dryrun.designers.by_ax import ByAx

    return ByAx()


_MAKERS: dict[str, Callable[[], Designer]] = {
    "closedloop": _closedloop,
    "random": _random,
    "gp": _gp,
    "extra-trees": _extra_trees,
    "baybe": _baybe,
    "ax": _ax,
}
DESIGNERS = tuple(_MAKERS)


def check_designers(written: str) -> tuple[str, ...]:
    """Names with commas between -> the names. Raises `UnknownStrategy` and `StrategyNotInstalled`."""
    return named(written, DESIGNERS)


def find(name: str) -> Designer:
    """The designer called ``name``, which `check_designers` has accepted."""
    return _MAKERS[name]()
