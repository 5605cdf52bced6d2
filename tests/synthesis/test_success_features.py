"""The questions asked of a recipe have the answers that a chemist would give."""

import numpy as np
import pytest

from closedloop.recipes import Reagent, Recipe, Role
from closedloop.synthesis.success_features import ABSENT, features, names
from closedloop.synthesis.typical_amounts import TypicalAmounts

NOTHING_USUAL = TypicalAmounts({})


def recipe(product: str, reaction_temperature_c: float | None = None, /, **amounts: float | None) -> Recipe:
    reagents = tuple(Reagent(name=name.replace("_", " "), amount_mmol=amount) for name, amount in amounts.items())
    return Recipe(product=product, reagents=reagents, reaction_temperature_c=reaction_temperature_c)


def ask(question: str, *recipes: Recipe) -> list[float]:
    return features(recipes, NOTHING_USUAL)[:, names().index(question)].tolist()


def test_what_is_missing() -> None:
    asked = (
        recipe("CdSe", cadmium_oxide=1.0, selenium=1.0),
        recipe("CdSe", cadmium_oxide=1.0),
        recipe("CdSe", cadmium_oxide=1.0, selenium=0.0),
        recipe("CdSe", cadmium_oxide=1.0, selenium=None),
        recipe("CdSe", cadmium_oxide=1.0, catalogue_item=1.0),
        recipe("CdSe", cadmium_oxide=1.0, Sexyzzy=1.0),
        recipe("CdO", cadmium_acetate=1.0),
    )
    assert ask("supply: missing", *asked) == [0, 1, 1, 0, 1, 0, 0]
    assert ask("supply: missing, and nothing unknown", *asked) == [0, 1, 1, 0, 0, 0, 0]


def test_ratios_are_those_of_the_product() -> None:
    stoichiometric, rich = recipe("Cu2S", CuCl=2.0, sulfur=1.0), recipe("Cu2S", CuCl=2.0, sulfur=10.0)
    assert ask("supply: anion over metal", stoichiometric, rich) == pytest.approx([0.0, 1.0])
    assert ask("supply: metals' spread", recipe("CuInS2", CuCl=1.0, InCl3=0.01, sulfur=2.0)) == pytest.approx([2.0])


def test_sulfur_of_a_ligand_is_not_that_of_a_precursor() -> None:
    thiol = recipe("CdS", cadmium_oxide=1.0, **{"1-dodecanethiol": 5.0})
    assert ask("supply: missing", thiol) == [0]
    assert ask("supply: not from a precursor", thiol) == [1]


def test_degrees_above_the_boiling_point() -> None:
    mixed = recipe("Ag", 120.0, silver_nitrate=1.0, toluene=50.0, ethanol=5.0)
    assert ask("reaction above the boiling point of the main solvent", mixed) == pytest.approx([120 - 110.6])
    assert ask("reaction above the boiling point of the lowest solvent", mixed) == pytest.approx([120 - 78.3])
    dry = recipe("Ag", 120.0, silver_nitrate=1.0)
    assert np.isnan(ask("reaction above the boiling point of the main solvent", dry)).all()


def test_a_stated_role_counts() -> None:
    stated = Recipe(product="Ag", reagents=(Reagent(name="oleylamine", amount_mmol=10.0, role=Role.SOLVENT),))
    assert ask("ligand: amount", stated, recipe("Ag", oleylamine=10.0)) == [ABSENT, 1.0]
    assert ask("solvent: amount", stated) == [1.0]


def test_amounts_are_compared_with_what_is_usual() -> None:
    usual = TypicalAmounts.fit(["oleic acid"] * 500, np.tile([1.0, 0.5], (500, 1)), [0] * 500)
    place = names().index("ligand: surprise of the main amount")
    found = features([recipe("CdSe", oleic_acid=1000.0)], usual)[0, place]
    assert found == pytest.approx(2.0, abs=0.05)


def test_nothing_is_infinite_and_the_shape_holds() -> None:
    odd = [Recipe(product="CdSe"), Recipe(product="no formula"), recipe("CdSe", cadmium_oxide=1e-30, selenium=1e30)]
    found = features(odd, NOTHING_USUAL)
    assert found.shape == (3, len(names()))
    assert not np.isinf(found).any()
    assert features([], NOTHING_USUAL).shape == (0, len(names()))
