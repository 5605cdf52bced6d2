"""Joins the lab's words to the campaign's: stocks under the registry's names, and what the lab can make of them."""

from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint

from closedloop.campaign.definition import canonical
from closedloop.chemistry import UnknownChemical
from closedloop.lab import LabConfig, LabFileError, ProcedureError, Stock, compile_recipe
from closedloop.recipes import Recipe


def canonical_lab(config: LabConfig) -> LabConfig:
    """The lab with its stocks' chemicals under the registry's names. Raises `LabFileError` with each that is unknown or
    stands in one stock twice."""
    stocks: list[Stock] = []
    faults: list[str] = []
    for stock in config.stocks:
        given: dict[str, str] = {}
        for name in stock.contains:
            try:
                known = canonical(name)
            except UnknownChemical as error:
                faults.append(f"stock {stock.name!r}: {error}")
                continue
            if known in given:
                faults.append(f"stock {stock.name!r}: {given[known]!r} and {name!r} are one chemical; add the two up")
            given[known] = name
        contains = {known: stock.contains[name] for known, name in given.items()}
        stocks.append(stock.model_copy(update={"contains": contains}))
    if faults:
        raise LabFileError(f"{config.name}: {'; '.join(faults)}")
    return config.model_copy(update={"stocks": tuple(stocks)})


def lab_name(source: LabConfig | EntryPoint) -> str:
    """What a store knows the lab by: the name in its file, or the one that it is installed under."""
    return source.name if isinstance(source, LabConfig) else f"{source.name} (installed)"


def makeable_in(config: LabConfig) -> Callable[[Recipe], bool | Sequence[str]]:
    """Whether this lab's stocks, vessel and limits allow a recipe, or the chemicals of which it has no stock."""

    def makeable(recipe: Recipe) -> bool | Sequence[str]:
        try:
            compile_recipe(recipe, config, "trial")
        except ProcedureError:
            held = {name for stock in config.stocks for name in stock.contains}
            absent = sorted({each.name for each in recipe.reagents if each.amount_mmol != 0} - held)
            return [f"{config.name} has no stock of {', '.join(absent)}"] if absent else False
        return True

    return makeable
