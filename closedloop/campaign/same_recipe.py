"""Which recipes are one, however they are written: a lab's own program lists chemicals in its own order, leaves roles
and vessels out, and means the recipe that was proposed to it.
"""

from collections import defaultdict
from collections.abc import Sequence

from closedloop.chemistry import canonical_name
from closedloop.recipes import Recipe, Vessel

# By chemical: how much is in which vessel, mmol; a vessel that is not told is ``None``.
_Contents = dict[str, dict[Vessel | None, float | None]]

_CONDITIONS = tuple(field for field in Recipe.model_fields if field != "reagents")


def groups(recipes: Sequence[Recipe]) -> list[int]:
    """A number for each recipe, the same for those that are one: the same chemicals, whatever name they go by, in the
    same amounts and vessels, under the same conditions. Roles and order do not count, nor does an amount of 0.

    A vessel that is left out is the only one that it can be; where that could mean two of the other recipes, it is none
    of them.
    """
    contents = [_contents(recipe) for recipe in recipes]
    alike: dict[object, list[int]] = defaultdict(list)
    for i, recipe in enumerate(recipes):
        alike[_key(recipe, contents[i])].append(i)
    found = [0] * len(recipes)
    for same in alike.values():
        # What tells most comes first, so that the others find it.
        firsts: list[int] = []
        for i in sorted(same, key=lambda i: sum(None in vessels for vessels in contents[i].values())):
            fits = [first for first in firsts if contents[first] == contents[i]]
            fits = fits or [first for first in firsts if _fits(contents[first], contents[i])]
            found[i] = fits[0] if len(fits) == 1 else i
            firsts += [i] if found[i] == i else []
    return found


def _contents(recipe: Recipe) -> _Contents:
    contents: _Contents = defaultdict(dict)
    for reagent in recipe.reagents:
        if reagent.amount_mmol != 0:
            contents[canonical_name(reagent.name)][reagent.vessel] = reagent.amount_mmol
    return contents


def _key(recipe: Recipe, contents: _Contents) -> object:
    """All but the vessels."""
    unknown_last = sorted(
        (name, amount is None, amount or 0.0) for name, vessels in contents.items() for amount in vessels.values()
    )
    return tuple(getattr(recipe, field) for field in _CONDITIONS), tuple(unknown_last)


def _fits(one: _Contents, other: _Contents) -> bool:
    """Whether two recipes of one key may be one, vessels that are not told being what they can be."""
    for name in one:
        here, there = one[name], other[name]
        if any(here[vessel] != there[vessel] for vessel in here.keys() & there.keys()):
            return False
        left = [here.keys() - there.keys(), there.keys() - here.keys()]
        # A vessel that only one of them tells is the untold one of the other, if that is the only thing left.
        if any(left) and not (len(left[0]) == len(left[1]) == 1 and None in left[0] | left[1]):
            return False
    return True
