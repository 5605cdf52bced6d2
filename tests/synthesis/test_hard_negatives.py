"""Each kind of hard negative does what it says, and nothing where it cannot."""

from typing import Any

import pytest

from closedloop.literature import load_experiments
from closedloop.recipes import Reagent, Recipe, Role
from closedloop.synthesis.functions import chemical, key_elements
from closedloop.synthesis.hard_negatives import KINDS, VARIANTS, HardNegative, Kind, make

CDSE = Recipe(
    product="CdSe",
    reagents=(
        Reagent(name="cadmium acetate", amount_mmol=0.5),
        Reagent(name="oleic acid", amount_mmol=4.0),
        Reagent(name="1-octadecene", amount_mmol=30.0),
        Reagent(name="selenium", amount_mmol=0.6),
    ),
    injection_temperature_c=260.0,
    reaction_temperature_c=240.0,
    reaction_time_min=10.0,
)
SILVER = Recipe(
    product="Ag",
    reagents=(
        Reagent(name="silver nitrate", amount_mmol=0.2),
        Reagent(name="sodium borohydride", amount_mmol=0.1),
        Reagent(name="oleylamine", amount_mmol=5.0),
        Reagent(name="toluene", amount_mmol=90.0),
    ),
    injection_temperature_c=25.0,
    reaction_temperature_c=60.0,
    reaction_time_min=30.0,
)
CSPBBR3 = Recipe(
    product="CsPbBr3",
    reagents=(
        Reagent(name="cesium carbonate", amount_mmol=0.1),
        Reagent(name="lead(II) bromide", amount_mmol=0.2),
        Reagent(name="oleic acid", amount_mmol=2.0),
        Reagent(name="oleylamine", amount_mmol=2.0),
        Reagent(name="1-octadecene", amount_mmol=16.0),
    ),
    reaction_temperature_c=170.0,
)


def names(recipe: Recipe) -> set[str]:
    return {reagent.name for reagent in recipe.reagents}


def elements(recipe: Recipe) -> set[str]:
    return {element for name in names(recipe) for element in chemical(name).elements}


def variant(recipe: Recipe, kind: Kind, name: str, seed: int = 0) -> Recipe | None:
    found = [
        one.recipe for one in make([recipe], kinds=[kind], seed=seed, each=len(VARIANTS[kind])) if one.variant == name
    ]
    return found[0] if found else None


def required(recipe: Recipe, kind: Kind, name: str, seed: int = 0) -> Recipe:
    made = variant(recipe, kind, name, seed)
    assert made is not None
    return made


@pytest.mark.parametrize("name", ["element removed", "cations removed", "precursor exchanged"])
@pytest.mark.parametrize("recipe", [CDSE, CSPBBR3])
def test_an_element_of_the_product_is_brought_by_nothing(name: str, recipe: Recipe) -> None:
    for seed in range(5):
        made = required(recipe, Kind.MISSING_ELEMENT, name, seed)
        assert made.product == recipe.product
        assert set(key_elements(recipe.product)) - elements(made)


def test_an_exchanged_precursor_is_of_the_same_kind() -> None:
    """Cadmium acetate makes way for another metal's acetate, in the same amount."""
    found = [required(CDSE, Kind.MISSING_ELEMENT, "precursor exchanged", seed) for seed in range(12)]
    new = {name for made in found for name in names(made) - names(CDSE)}
    metals = {name for name in new if chemical(name).role is Role.CATION_PRECURSOR}
    assert metals
    assert all(
        {"C", "H", "O"} < set(chemical(name).elements) and "Cd" not in elements(CDSE) & {name} for name in metals
    )
    assert all(len(made.reagents) == 4 for made in found)
    assert all([r.amount_mmol for r in made.reagents] == [r.amount_mmol for r in CDSE.reagents] for made in found)


def test_another_product_is_one_that_the_reagents_cannot_make() -> None:
    made = [one for one in make([CDSE, CSPBBR3], kinds=[Kind.MISSING_ELEMENT], each=9) if "product" in one.variant]
    assert made
    for one in made:
        assert set(key_elements(one.recipe.product)) - elements(one.recipe)
        assert one.recipe.reagents == (CDSE, CSPBBR3)[one.origin].reagents


def test_overheating_is_above_the_boiling_point_of_the_solvent() -> None:
    for seed in range(5):
        reaction = required(CDSE, Kind.OVERHEATED, "reaction overheated", seed)
        assert reaction.reaction_temperature_c is not None
        assert 315 + 5 <= reaction.reaction_temperature_c <= 315 + 120
        assert reaction.injection_temperature_c == 260.0
        both = required(CDSE, Kind.OVERHEATED, "all overheated", seed)
        assert both.injection_temperature_c == both.reaction_temperature_c
        exchanged = required(CDSE, Kind.OVERHEATED, "solvent exchanged", seed)
        (new,) = names(exchanged) - names(CDSE)
        boiling = chemical(new).boiling_point_c
        assert boiling is not None
        assert boiling < 240 - 5
        assert exchanged.reaction_temperature_c == 240.0
        assert chemical(new).role is Role.SOLVENT


def test_without_a_solvent_the_main_ligand_is_what_boils() -> None:
    neat = CDSE.model_copy(update={"reagents": tuple(r for r in CDSE.reagents if r.name != "1-octadecene")})
    made = required(neat, Kind.OVERHEATED, "reaction overheated")
    assert made.reaction_temperature_c is not None
    assert made.reaction_temperature_c > 360
    bare = CDSE.model_copy(update={"reagents": (CDSE.reagents[0], CDSE.reagents[3])})
    assert not make([bare], kinds=[Kind.OVERHEATED])


def test_all_ligands_go_even_if_one_is_the_solvent() -> None:
    assert names(required(CSPBBR3, Kind.NO_LIGAND, "ligands removed")) == names(CSPBBR3) - {"oleic acid", "oleylamine"}
    neat = Recipe(
        product="Ag",
        reagents=(Reagent(name="silver nitrate", amount_mmol=1.0), Reagent(name="oleylamine", amount_mmol=60.0)),
    )
    assert names(required(neat, Kind.NO_LIGAND, "ligands removed")) == {"silver nitrate"}
    diluted = required(neat, Kind.NO_LIGAND, "ligands diluted")
    assert names(diluted) == {"silver nitrate", "1-octadecene"}
    amount = diluted.amount_mmol("1-octadecene")
    # 60 mmol of oleylamine (267.5 g/mol, 0.813 g/mL) are 19.7 mL; of octadecene (252.5 g/mol, 0.789 g/mL) 61.7 mmol.
    assert amount == pytest.approx(61.7, rel=0.03)


def test_a_stated_role_outranks_the_usual_one() -> None:
    solvent = Reagent(name="oleic acid", amount_mmol=4.0, role=Role.SOLVENT)
    made = CDSE.model_copy(update={"reagents": (CDSE.reagents[0], solvent, CDSE.reagents[3])})
    assert not make([made], kinds=[Kind.NO_LIGAND])


def test_reducing_agents_go_from_metals_only() -> None:
    assert names(required(SILVER, Kind.NO_REDUCTANT, "agents removed")) == names(SILVER) - {"sodium borohydride"}
    weak = required(SILVER, Kind.NO_REDUCTANT, "reductants removed")
    assert names(weak) == {"silver nitrate", "toluene"}
    assert not make([CDSE], kinds=[Kind.NO_REDUCTANT])
    carbonyl = Recipe(
        product="Co",
        reagents=(Reagent(name="dicobalt octacarbonyl", amount_mmol=1.0), Reagent(name="oleylamine", amount_mmol=9.0)),
    )
    assert not make([carbonyl], kinds=[Kind.NO_REDUCTANT])


def test_the_anion_goes_and_the_metals_stay() -> None:
    assert names(required(CDSE, Kind.NO_ANION_SOURCE, "anion precursors removed")) == names(CDSE) - {"selenium"}
    salts = required(CSPBBR3, Kind.NO_ANION_SOURCE, "salts exchanged")
    assert "Br" not in elements(salts)
    assert {"Cs", "Pb"} <= elements(salts)
    assert not make([SILVER], kinds=[Kind.NO_ANION_SOURCE])


def test_an_anion_that_something_else_brings_is_not_called_missing() -> None:
    """With dodecanethiol, CdS grows without sulfur too; with trioctylphosphine, InP does not, and Ni2P does."""

    def recipe(product: str, *reagents: str) -> Recipe:
        return Recipe(product=product, reagents=tuple(Reagent(name=name, amount_mmol=1.0) for name in reagents))

    kinds = [Kind.NO_ANION_SOURCE]
    sulfide = recipe("CdS", "cadmium oxide", "sulfur", "1-dodecanethiol", "oleic acid")
    assert {one.variant for one in make([sulfide], kinds=kinds, each=9)} == {"anion sources removed"}
    source = "tris(trimethylsilyl)phosphine"
    indium = recipe("InP", "indium(III) acetate", source, "trioctylphosphine")
    assert "anion precursors removed" in {one.variant for one in make([indium], kinds=kinds, each=9)}
    nickel = recipe("Ni2P", "nickel(II) acetate", source, "trioctylphosphine", "1-octadecene")
    assert "anion precursors removed" not in {one.variant for one in make([nickel], kinds=kinds, each=9)}


def test_swapped_amounts_keep_the_chemicals() -> None:
    made = required(CDSE, Kind.SWAPPED_AMOUNTS, "ligand and cation swapped")
    assert [r.name for r in made.reagents] == [r.name for r in CDSE.reagents]
    assert made.amount_mmol("cadmium acetate") == 4.0
    assert made.amount_mmol("oleic acid") == 0.5
    assert made.amount_mmol("selenium") == 0.6


def test_totals_are_swapped_in_proportion() -> None:
    made = required(CSPBBR3, Kind.SWAPPED_AMOUNTS, "totals swapped")
    assert made.amount_mmol("oleic acid") == pytest.approx(0.15)
    assert made.amount_mmol("cesium carbonate") == pytest.approx(0.1 * 4 / 0.3)


def test_amounts_that_are_alike_are_not_swapped() -> None:
    assert variant(CDSE, Kind.SWAPPED_AMOUNTS, "cation and anion swapped") is None


def test_rotation_gives_the_precursor_another_amount() -> None:
    made = required(CDSE, Kind.SWAPPED_AMOUNTS, "roles rotated")
    assert sorted(r.amount_mmol or 0 for r in made.reagents) == sorted(r.amount_mmol or 0 for r in CDSE.reagents)
    assert (made.amount_mmol("cadmium acetate") or 0) / 0.5 > 3


def test_what_is_unknown_might_be_what_is_missing() -> None:
    """With a chemical that nobody knows, nothing can be said to lack an element, a ligand or a reducing agent."""
    mystery = Reagent(name="proprietary mix 7", amount_mmol=1.0)
    recipe = CDSE.model_copy(update={"reagents": (*CDSE.reagents, mystery)})
    assert {one.kind for one in make([recipe])} == {Kind.OVERHEATED, Kind.SWAPPED_AMOUNTS}


@pytest.mark.parametrize("recipe", [Recipe(product="CdSe"), Recipe(product="no formula", reagents=CDSE.reagents)])
def test_nothing_is_made_from_nothing(recipe: Recipe) -> None:
    assert make([recipe]) == []


def test_a_reagent_of_zero_mmol_is_not_there() -> None:
    none = Reagent(name="oleylamine", amount_mmol=0.0)
    recipe = CDSE.model_copy(update={"reagents": (CDSE.reagents[0], *CDSE.reagents[2:], none)})
    assert not make([recipe], kinds=[Kind.NO_LIGAND])


def test_the_seed_and_the_place_decide_and_what_follows_does_not() -> None:
    def told(made: list[HardNegative], place: int = 0) -> list[tuple[str, Recipe]]:
        return [(one.variant, one.recipe) for one in made if one.origin == place]

    assert told(make([CDSE], seed=3)) == told(make([CDSE], seed=3))
    assert any(told(make([CDSE], seed=3)) != told(make([CDSE], seed=seed)) for seed in range(4, 8))
    kinds = [kind for kind in KINDS if kind is not Kind.MISSING_ELEMENT]
    assert told(make([CDSE], kinds=kinds, seed=3)) == told(make([CDSE, SILVER], kinds=kinds, seed=3))
    assert any(told(make([CDSE], seed=seed)) != told(make([SILVER, CDSE], seed=seed), 1) for seed in range(4))


def test_each_limits_the_variants_and_left_out_ones_do_not_occur() -> None:
    def count(**options: Any) -> int:
        return len(make([CDSE], kinds=[Kind.OVERHEATED], **options))

    assert (count(), count(each=2), count(each=9)) == (1, 2, 3)
    assert count(each=9, leave_out=["all overheated"]) == 2


def test_every_negative_of_the_literature_is_a_valid_recipe_unlike_its_origin() -> None:
    recipes = [one.recipe for one in load_experiments("cdse2022")][:60]
    made = make(recipes, each=9)
    assert {one.kind for one in made} == set(KINDS) - {Kind.NO_REDUCTANT}
    for one in made:
        Recipe.model_validate(one.recipe.model_dump())
        assert one.recipe != recipes[one.origin]
        assert one.recipe.reagents
