"""Which chemicals may be there together, ratios, and a solvent that fills a flask."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from closedloop.propose import EmptySpaceError, SearchSpace
from closedloop.propose.couplings import Count, Patterns
from closedloop.propose.volumes import ml_per_mmol
from closedloop.recipes import Limits, Reagent, Recipe, Vessel

STOCK = {
    "product": "CdSe",
    "reagents": [
        {"name": "cadmium oxide", "max_mmol": 1.0, "role": "cation precursor", "vessel": "flask"},
        {"name": "cadmium stearate", "max_mmol": 1.0, "role": "cation precursor", "vessel": "flask"},
        {"name": "oleic acid", "amount_mmol": [1, 8], "optional": True, "role": "ligand", "vessel": "flask"},
        {"name": "oleylamine", "amount_mmol": 3, "optional": True, "role": "ligand", "vessel": "flask"},
        {"name": "selenium", "amount_mmol": [0.1, 1.2], "role": "anion precursor", "vessel": "syringe"},
        {"name": "trioctylphosphine", "amount_mmol": [2, 6], "vessel": "syringe"},
        {"name": "1-octadecene", "fill_to_ml": 10, "role": "solvent", "vessel": "flask"},
    ],
    "reaction_temperature_c": [180, 290],
    "reaction_time_min": [1, 60],
    "constraints": ["1-octadecene >= 20"],
    "couplings": [
        {"exactly": 1, "of": "cation precursor"},
        {"at_most": 1, "of": ["oleic acid", "oleylamine"]},
        {"ratio": ["selenium", "cation precursor"], "between": [0.5, 4]},
    ],
    "max_volume_ml": 13,
}


def stock(**changes: Any) -> SearchSpace:
    return SearchSpace.model_validate(STOCK | changes)


def amounts(recipe: Recipe) -> dict[str, float]:
    return {r.name: r.amount_mmol or 0.0 for r in recipe.reagents}


def keeps_all(recipe: Recipe) -> None:
    """Every rule of STOCK, checked from the recipe alone."""
    a = amounts(recipe)
    cations = [a[name] for name in ("cadmium oxide", "cadmium stearate") if name in a]
    assert len(cations) == 1
    assert 0.01 <= cations[0] <= 1.0
    assert not {"oleic acid", "oleylamine"} <= set(a)
    assert 1 <= a.get("oleic acid", 1) <= 8
    assert a.get("oleylamine", 3) == 3
    assert 0.5 - 1e-9 <= a["selenium"] / cations[0] <= 4 + 1e-9
    assert a["1-octadecene"] >= 20
    flask = sum(v * ml_per_mmol(k) for k, v in a.items() if k not in ("selenium", "trioctylphosphine"))
    assert flask == pytest.approx(10, rel=2e-3)
    assert flask <= 10 + 1e-9
    assert sum(v * ml_per_mmol(k) for k, v in a.items()) <= 13 + 1e-9


def test_samples_moves_and_far_points_keep_every_coupling() -> None:
    space = stock()
    rng = np.random.default_rng(0)
    recipes = space.sample(128, seed=0)
    places = np.array([space.encode(recipe) for recipe in recipes])
    recipes += space.decode_many(space.moved(places, np.full(128, 0.2), rng))
    recipes += space.decode_many(rng.uniform(-2, 3, (128, space.dimension)))
    for recipe in recipes:
        keeps_all(recipe)
        assert space.violations(recipe) == []


def test_which_chemicals_to_use_is_part_of_the_search() -> None:
    space = stock()
    used = {frozenset(amounts(recipe)) for recipe in space.sample(64, seed=1)}
    assert len(used) == 2 * 3
    start = space.encode(space.sample(1, seed=1)[0])
    moved = space.decode_many(space.moved(np.tile(start, (64, 1)), np.full(64, 0.05), np.random.default_rng(0)))
    others = {frozenset(amounts(recipe)) for recipe in moved} - {frozenset(amounts(space.decode(start)))}
    assert len(others) >= 3


def test_places_are_read_back() -> None:
    space = stock()
    for recipe in space.sample(32, seed=2):
        assert space.decode(space.encode(recipe)) == recipe


def test_what_breaks_a_coupling_is_named() -> None:
    space = stock()
    recipe = next(r for r in space.sample(16, seed=0) if "oleylamine" in amounts(r))
    both = recipe.model_copy(
        update={"reagents": (*recipe.reagents, Reagent(name="oleic acid", amount_mmol=2, vessel=Vessel.FLASK))}
    )
    said = " ".join(space.violations(both))
    assert "at most 1 of oleic acid, oleylamine' is broken: there are 2" in said
    assert "1-octadecene should fill to 10 mL" in said
    assert any("selenium to cation precursor" in each for each in space.violations(_with(recipe, 1.2, 0.05)))


def _with(recipe: Recipe, selenium: float, cation: float) -> Recipe:
    changed = tuple(
        r.model_copy(update={"amount_mmol": selenium if r.name == "selenium" else cation})
        if r.name in ("selenium", "cadmium oxide", "cadmium stearate")
        else r
        for r in recipe.reagents
    )
    return recipe.model_copy(update={"reagents": changed})


def test_a_volume_limit_that_the_fill_meets_exactly_leaves_the_whole_space() -> None:
    """All volumes then add up to the limit whatever varies; nothing may collapse to the middle for it."""
    alone = [r | {"vessel": "flask"} for r in STOCK["reagents"]]  # type: ignore[attr-defined]
    recipes = stock(reagents=alone, max_volume_ml=10).sample(32, seed=0)
    assert len({recipe.amount_mmol("trioctylphosphine") for recipe in recipes}) > 25


def test_many_optional_chemicals() -> None:
    """Twenty may be left out: a million choices, of which one to three are wanted."""
    names = [f"additive {i}" for i in range(20)]
    space = SearchSpace.model_validate(
        {
            "product": "X",
            "reagents": [{"name": name, "max_mmol": 1.0, "role": "additive"} for name in names],
            "reaction_time_min": [1, 10],
            "couplings": [{"at_least": 1, "at_most": 3, "of": "additive"}],
        }
    )
    recipes = space.sample(128, seed=0)
    assert all(1 <= len(recipe.reagents) <= 3 for recipe in recipes)
    assert {r.name for recipe in recipes for r in recipe.reagents} == set(names)
    far = space.decode_many(np.random.default_rng(0).uniform(-1, 1, (64, space.dimension)))
    assert all(space.contains(recipe) for recipe in far)


def test_limits_take_optional_chemicals_away_before_they_empty_a_space() -> None:
    narrowed = stock().within(Limits(allowed_chemicals=tuple(n for n in _names() if n != "oleic acid")))
    assert all("oleic acid" not in amounts(recipe) for recipe in narrowed.sample(32, seed=0))
    with pytest.raises(EmptySpaceError, match="selenium is in every recipe"):
        stock().within(Limits(allowed_chemicals=tuple(n for n in _names() if n != "selenium")))
    with pytest.raises(EmptySpaceError, match="exactly 1 of cation precursor"):
        stock().within(Limits(allowed_chemicals=tuple(n for n in _names() if not n.startswith("cadmium"))))


def _names() -> list[str]:
    return [str(reagent["name"]) for reagent in STOCK["reagents"]]  # type: ignore[index]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"couplings": [{"at_least": 1}, {"at_least": 1, "at_most": 0}]}, "exclude each other"),
        ({"couplings": [{"of": "ligand"}]}, "either a count"),
        ({"couplings": [{"ratio": ["selenium", "oleic acid"]}]}, "between"),
        ({"couplings": [{"ratio": ["selenium", "Selenium"], "between": [1, 2]}]}, "selenium to itself is always 1"),
        ({"couplings": [{"at_least": 1, "of": "unobtainium"}]}, "'unobtainium' is not in this space"),
        ({"couplings": [{"at_least": 3, "of": "cation precursor"}]}, "there are only 2"),
        (
            {"couplings": [{"at_least": 2, "of": "ligand"}, {"at_most": 1, "of": "ligand"}]},
            "leave no choice of chemicals",
        ),
        ({"max_volume_ml": 9}, "max_volume_ml 9"),
        ({"constraints": ["1-octadecene >= 50"]}, "1-octadecene >= 50"),
        ({"constraints": ["ligand <= 0.5", "ligand >= 0.6"]}, "leave no recipe together|cannot be met|broken by"),
    ],
)
def test_couplings_that_cannot_hold_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        stock(**changes)


@pytest.mark.parametrize(
    ("couplings", "shut_out", "message"),
    [
        ([{"ratio": ["oleic acid", "selenium"], "between": [200, 300]}], ["oleic acid"], "between 200 and 300' cannot"),
        (
            [{"ratio": [name, "selenium"], "between": [200, 300]} for name in ("oleic acid", "oleylamine")],
            ["oleic acid", "oleylamine"],
            "oleylamine to selenium between 200 and 300",
        ),
        (
            [{"exactly": 1, "of": ["oleic acid", "oleylamine"]}, {"at_least": 1, "of": "oleic acid"}],
            ["oleylamine"],
            "the couplings leave it out",
        ),
    ],
)
def test_a_chemical_that_can_be_in_no_recipe_is_not_left_out_in_silence(
    couplings: list[dict[str, Any]], shut_out: list[str], message: str
) -> None:
    base = [{"exactly": 1, "of": "cation precursor"}]
    with pytest.raises(ValidationError) as refused:
        stock(couplings=base + couplings)
    said = str(refused.value)
    assert message in said
    named = [n for n in _names() if f"{n} (flask) can be in no recipe" in said]
    assert named == shut_out


def test_what_a_coupling_allows_none_of_was_meant_to_be_left_out() -> None:
    recipes = stock(couplings=[{"exactly": 0, "of": ["oleic acid"]}]).sample(16, seed=0)
    assert all("oleic acid" not in amounts(recipe) for recipe in recipes)


def test_a_chemical_may_be_on_both_sides_of_a_ratio() -> None:
    ratio = {"ratio": ["ligand", "oleic acid"], "between": [1.5, 2]}
    for recipe in stock(couplings=[{"at_least": 1, "of": "oleic acid"}, ratio]).sample(32, seed=0):
        a = amounts(recipe)
        ligands = a["oleic acid"] + a.get("oleylamine", 0.0) + a["trioctylphosphine"]
        assert 1.5 - 1e-9 <= ligands / a["oleic acid"] <= 2 + 1e-9


@pytest.mark.parametrize(
    ("reagent", "message"),
    [
        ({"name": "a", "max_mmol": 0}, "max_mmol 0 is not a largest amount"),
        ({"name": "a", "max_mmol": 1, "amount_mmol": 2}, "give it or amount_mmol"),
        ({"name": "a"}, "no amount"),
        ({"name": "1-octadecene", "fill_to_ml": 5, "optional": True}, "always there"),
        ({"name": "1-octadecene", "fill_to_ml": 5, "amount_mmol": 40}, "both say how much of it there is; give one"),
        ({"name": "unobtainium", "fill_to_ml": 5}, "density is not known"),
        ({"name": "a", "amount_mmol": [0, 1], "optional": True}, "starts above 0"),
    ],
)
def test_faulty_entries_are_named(reagent: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SearchSpace.model_validate({"product": "X", "reagents": [reagent], "reaction_time_min": [1, 2]})


def test_patterns_list_every_allowed_choice_once() -> None:
    patterns = Patterns(3, [Count("", (0, 1), 1, 1)])
    assert len(patterns.known) == 4
    drawn = patterns.draw(8, np.random.default_rng(0))
    assert {tuple(mask) for mask in drawn} == {tuple(mask) for mask in patterns.known}
    nearest = patterns.nearest(np.array([True, True, True]))[0]
    assert nearest[2]
    assert nearest[:2].sum() == 1
