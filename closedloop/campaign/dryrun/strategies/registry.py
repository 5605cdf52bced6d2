"""A strategy's name -> the strategy; each is imported when it is asked for."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib.util import find_spec

from closedloop.campaign.dryrun.errors import StrategyNotInstalled, UnknownStrategy
from closedloop.campaign.dryrun.strategies.base import Strategy


def _closedloop() -> Strategy:
    from closedloop.campaign.dryrun.strategies.closedloop import Closedloop

    return Closedloop()


def _random() -> Strategy:
    from closedloop.campaign.dryrun.strategies.random_choice import RandomChoice

    return RandomChoice()


def _nearest() -> Strategy:
    from closedloop.campaign.dryrun.strategies.nearest import Nearest

    return Nearest()


def _gp() -> Strategy:
    from closedloop.campaign.dryrun.strategies.plain_gp import PlainGP

    return PlainGP()


def _extra_trees() -> Strategy:
    from closedloop.campaign.dryrun.strategies.extra_trees import ExtraTrees

    return ExtraTrees()


def _baybe() -> Strategy:
    from closedloop.campaign.dryrun.strategies.by_baybe import ByBaybe

    return ByBaybe()


_MAKERS: dict[str, Callable[[], Strategy]] = {
    "closedloop": _closedloop,
    "random": _random,
    "nearest": _nearest,
    "gp": _gp,
    "extra-trees": _extra_trees,
    "baybe": _baybe,
}
# Module and package of what is an optional extra.
_NEEDS = {"baybe": ("baybe", "baybe"), "ax": ("ax", "ax-platform")}
NAMES = tuple(_MAKERS)


def check_strategies(written: str) -> tuple[str, ...]:
    """Names with commas between -> the names. Raises `UnknownStrategy` and `StrategyNotInstalled`."""
    return named(written, NAMES)


def named(written: str, among: Sequence[str]) -> tuple[str, ...]:
    """The names of ``written`` (commas between), each ``among`` those that there are and with all that it needs."""
    names = tuple(dict.fromkeys(name.strip() for name in written.split(",") if name.strip()))
    if not names:
        raise UnknownStrategy(f"no strategy is named; choose from {', '.join(among)}")
    for name in names:
        if name not in among:
            near = get_close_matches(name, among, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(among)}"
            raise UnknownStrategy(f"no strategy is called {name!r} here; {hint}")
        if name in _NEEDS and find_spec(_NEEDS[name][0]) is None:
            raise StrategyNotInstalled(
                f"the strategy {name!r} needs {_NEEDS[name][1]}, which is not installed; install it with "
                f"pip install {_NEEDS[name][1]}, or leave {name!r} out"
            )
    return names


def find(name: str) -> Strategy:
    """The strategy called ``name``, which `check_strategies` has accepted."""
    return _MAKERS[name]()
