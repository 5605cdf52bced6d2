"""What can be wrong with a dry run before, or while, it is done."""

from closedloop.recipes import ClosedloopError


class DryRunError(ClosedloopError):
    """A dry run that cannot be done as it was asked for."""


class NoSuchPool(DryRunError):
    """The data hold no recipe of the product whose outcome is known."""


class PoolTooSmall(DryRunError):
    """There is nothing to choose from."""


class NoHitInPool(DryRunError):
    """No recipe of the pool meets the target, so that no strategy could ever hit."""


class UnknownStrategy(DryRunError):
    """No strategy is called that."""


class StrategyNotInstalled(DryRunError):
    """A strategy that needs a library which is not there."""


class ExecutorError(DryRunError):
    """The runs cannot be handed to what should do them."""


class NoSuchSimulator(DryRunError):
    """No simulator is installed under that name, or it cannot make the product."""
