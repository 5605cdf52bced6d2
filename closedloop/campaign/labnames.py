"""Joins the lab's words to the campaign's: stocks under the registry's names, and what the lab can make of them."""

from collections.abc import Callable
from importlib.metadata import EntryPoint

from closedloop.campaign.definition import canonical
from closedloop.chemistry import UnknownChemical
from closedloop.lab import LabConfig, LabFileError, ProcedureError, compile_recipe
from closedloop.recipes import Recipe


def canonical_lab(config: LabConfig) -> LabConfig:
    """The lab with its stocks' chemicals under the registry's names. Raises `LabFileError` for an unknown one."""
    stocks = []
    for stock in config.stocks:
        try:
            contains = {canonical(name): concentration for name, concentration in stock.contains.items()}
        except UnknownChemical as error:
            raise LabFileError(f"{config.name}: stock {stock.name!r}: {error}") from error
        if len(contains) < len(stock.contains):
            raise LabFileError(f"{config.name}: stock {stock.name!r} names a chemical twice; add the two up")
        stocks.append(stock.model_copy(update={"contains": contains}))
    return config.model_copy(update={"stocks": tuple(stocks)})


def lab_name(source: LabConfig | EntryPoint) -> str:
    """What a store knows the lab by: the name in its file, or the one that it is installed under."""
    return source.name if isinstance(source, LabConfig) else f"{source.name} (installed)"


def makeable_in(config: LabConfig) -> Callable[[Recipe], bool]:
    """Whether this lab's stocks, vessel and limits allow a recipe."""

    def makeable(recipe: Recipe) -> bool:
        try:
            compile_recipe(recipe, config, "trial")
        except ProcedureError:
            return False
        return True

    return makeable
