"""A limit is of a substance, whatever the limit and the recipe call it."""

import pytest

from closedloop.chemistry import canonical_limits, limits_broken
from closedloop.recipes import Limits, Reagent, Recipe


def test_of_several_amounts_for_one_substance_the_least_stands() -> None:
    limits = canonical_limits(Limits(max_amounts_mmol={"CdO": 0.5, "cadmium oxide": 0.2}))
    assert limits.max_amounts_mmol == {"cadmium oxide": 0.2}


@pytest.mark.parametrize(("limited", "used"), [("CdO", "cadmium oxide"), ("cadmium oxide", "CdO"), ("CdO", "CdO")])
def test_a_recipe_breaks_a_limit_under_either_name(limited: str, used: str) -> None:
    limits = Limits(max_amounts_mmol={limited: 0.2})
    recipe = Recipe(product="CdSe", reagents=(Reagent(name=used, amount_mmol=0.3),))
    assert limits_broken(recipe, limits) == ["0.3 mmol of cadmium oxide is above the limit of 0.2 mmol"]
    assert limits_broken(recipe, Limits(max_amounts_mmol={limited: 0.4})) == []
