"""Which recipes are one, however they are written."""

import random
from itertools import permutations, product

from closedloop.campaign.same_recipe import groups
from closedloop.recipes import Recipe, Role, Vessel

FLASK, SYRINGE = Vessel.FLASK, Vessel.SYRINGE


def _recipe(*reagents: tuple[str, float | None, Vessel | None], **changes: object) -> Recipe:
    listed = [{"name": name, "amount_mmol": amount, "vessel": vessel} for name, amount, vessel in reagents]
    return Recipe.model_validate({"product": "CdSe", "reaction_time_min": 5, "reagents": listed} | changes)


WHOLE = _recipe(("cadmium oxide", 0.3, FLASK), ("trioctylphosphine", 1.0, FLASK), ("trioctylphosphine", 2.0, SYRINGE))


def _one(*recipes: Recipe) -> bool:
    return len(set(groups(recipes))) == 1


def test_order_roles_and_names_make_no_other_recipe() -> None:
    for reagents in permutations(WHOLE.reagents):
        written = [
            each.model_dump() | {"name": each.name.replace("cadmium oxide", "CdO"), "role": role}
            for each, role in zip(reagents, (None, Role.LIGAND, Role.SOLVENT), strict=True)
        ]
        assert _one(WHOLE, Recipe.model_validate(WHOLE.model_dump() | {"reagents": written}))


def test_an_amount_a_condition_or_a_chemical_makes_another() -> None:
    others = [
        _recipe(*[(r.name, r.amount_mmol, r.vessel) for r in WHOLE.reagents], reaction_time_min=6),
        _recipe(*[(r.name, r.amount_mmol, r.vessel) for r in WHOLE.reagents], reaction_temperature_c=240),
        _recipe(*[(r.name, r.amount_mmol, r.vessel) for r in WHOLE.reagents], product="CdS"),
        _recipe(*[(r.name, None, r.vessel) for r in WHOLE.reagents]),
        _recipe(*[(r.name, r.amount_mmol, r.vessel) for r in WHOLE.reagents[:2]]),
        _recipe(("cadmium oxide", 0.3, FLASK), ("trioctylphosphine", 2.0, FLASK), ("trioctylphosphine", 1.0, SYRINGE)),
    ]
    assert len(set(groups([WHOLE, *others]))) == 7


def test_what_is_there_with_an_amount_of_nothing_is_not_there() -> None:
    assert _one(_recipe(("cadmium oxide", 0.3, FLASK)), _recipe(("CdO", 0.3, FLASK), ("oleic acid", 0.0, FLASK)))


def test_a_vessel_that_is_left_out_is_the_only_one_that_it_can_be() -> None:
    for vessel in (None, FLASK, SYRINGE):
        assert _one(_recipe(("selenium", 0.5, vessel)), _recipe(("Se", 0.5, None)))
    one, other, open_ = (_recipe(("selenium", 0.5, vessel)) for vessel in (FLASK, SYRINGE, None))
    first, flask, again, syringe = groups([open_, one, open_, other])
    assert len({first, flask, syringe}) == 3, "it may be either of them"
    assert first == again
    # One of two is stated: the other is where that leaves room.
    told = [("cadmium oxide", 0.3, None), ("trioctylphosphine", 1.0, FLASK), ("trioctylphosphine", 2.0, None)]
    assert _one(WHOLE, _recipe(*told))
    # A total over both vessels does not say how much is in which.
    assert not _one(WHOLE, _recipe(("cadmium oxide", 0.3, None), ("trioctylphosphine", 3.0, None)))
    assert not _one(WHOLE, _recipe(("cadmium oxide", 0.3, None), ("trioctylphosphine", 2.0, FLASK)))


def test_groups_are_the_same_in_every_order_of_the_recipes() -> None:
    recipes = [_recipe(("selenium", amount, vessel)) for amount, vessel in product((0.5, 0.6), (None, FLASK))]
    found = dict(zip(recipes, groups(recipes), strict=True))
    assert len(set(found.values())) == 2
    for seed in range(5):
        mixed = random.Random(seed).sample(recipes, len(recipes))
        numbers = groups(mixed)
        pairs = {(found[recipe], number) for recipe, number in zip(mixed, numbers, strict=True)}
        assert len(pairs) == 2
