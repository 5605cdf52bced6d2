"""What a caller hands to a campaign, looked at before anything is stored. Leaves what it means to `campaign`."""

from operator import index

from pydantic import ValidationError

from closedloop.campaign.definition import canonical_recipe
from closedloop.campaign.errors import NotACount, NotRecordable
from closedloop.recipes import Outcome, Recipe


def checked_count(count: object) -> int:
    """Raises `NotACount`."""
    try:
        number = index(count)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if number < 0:
        raise NotACount(f"{count!r} recipes cannot be proposed; ask for a whole number of them")
    return number


def checked_recipe(recipe: object) -> Recipe:
    """In canonical form. Raises `NotRecordable`, `OneChemicalTwice`."""
    if not isinstance(recipe, Recipe):
        raise NotRecordable(f"a {type(recipe).__name__} is no recipe; give a closedloop.recipes.Recipe")
    try:
        return canonical_recipe(recipe)
    except ValidationError as error:
        raise NotRecordable(f"the recipe cannot be used: {_first_fault(error)}") from error


def checked_outcome(outcome: object) -> Outcome:
    """Read again, for ``model_copy`` lets anything in. Raises `NotRecordable`."""
    if not isinstance(outcome, Outcome):
        raise NotRecordable(f"a {type(outcome).__name__} is no outcome; give a closedloop.recipes.Outcome")
    try:
        outcome = Outcome.model_validate(outcome.model_dump(warnings=False))
    except ValidationError as error:
        raise NotRecordable(f"the outcome cannot be used: {_first_fault(error)}") from error
    if outcome.beyond_measure:
        raise NotRecordable(f"{outcome.beyond_measure}, which is not possible; sizes are in nm: check number and unit")
    return outcome


def _first_fault(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    said = first["msg"].removeprefix("Value error, ")
    return f"{where} is {first['input']!r}: {said}" if where else said
