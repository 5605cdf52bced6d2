"""Recipes as rows of numbers: what each number says, and that it says the same in any company."""

import numpy as np
import pytest

from closedloop.chemistry.descriptors import ELEMENTS
from closedloop.recipes import Reagent, Recipe, Role
from closedloop.synthesis.columns import Columns
from closedloop.synthesis.functions import GROUP_NAMES
from closedloop.synthesis.tokens import CONDITIONS, ROLES, Vocabulary


def made(**amounts: float | None) -> Recipe:
    names = {"cd": "cadmium oxide", "oa": "oleic acid", "se": "selenium", "zn": "zinc acetate"}
    roles = {
        "cd": Role.CATION_PRECURSOR,
        "oa": Role.LIGAND,
        "se": Role.ANION_PRECURSOR,
        "zn": Role.CATION_PRECURSOR,
    }
    reagents = tuple(Reagent(name=names[key], amount_mmol=mmol, role=roles[key]) for key, mmol in amounts.items())
    return Recipe(product="CdSe", reagents=reagents, reaction_temperature_c=240.0, reaction_time_min=5.0)


@pytest.fixture(scope="module")
def recipes() -> list[Recipe]:
    rng = np.random.default_rng(0)
    found = []
    for i in range(24):
        amounts = {name: float(rng.uniform(0.1, 2)) for name in ("cd", "oa", "se")}
        one = made(**amounts, **({"zn": 0.3 + 0.01 * i} if i < 2 else {}))
        found.append(one.model_copy(update={"reaction_temperature_c": 200.0 + 3 * i}))
    return found


@pytest.fixture(scope="module")
def words(recipes: list[Recipe]) -> Vocabulary:
    return Vocabulary.of(recipes)


@pytest.fixture(scope="module")
def columns(recipes: list[Recipe], words: Vocabulary) -> Columns:
    return Columns.of(words.encode(recipes), len(words.chemicals), 1.0)


def everything(columns: Columns, words: Vocabulary, *asked: Recipe) -> dict[str, np.ndarray]:
    """All columns by group, before any is dropped, (n, ...) each."""
    row = columns._all(words.encode(list(asked)))
    first = 2 * len(CONDITIONS) + 1
    found, start = {"conditions": row[:, : len(CONDITIONS)]}, first
    for name, width in (
        ("own", len(columns.chemicals)),
        ("roles", len(ROLES)),
        ("groups", len(GROUP_NAMES)),
        ("supply", len(ELEMENTS)),
        ("unknown", 1),
    ):
        found[name] = row[:, start : start + width]
        start += width
    return found


def test_the_order_of_reagents_cannot_matter(columns: Columns, words: Vocabulary, recipes: list[Recipe]) -> None:
    turned = [one.model_copy(update={"reagents": one.reagents[::-1]}) for one in recipes]
    np.testing.assert_allclose(columns(words.encode(recipes)), columns(words.encode(turned)), rtol=1e-6, atol=1e-6)


def test_entries_of_one_chemical_add_up_in_its_supply(columns: Columns, words: Vocabulary) -> None:
    whole = made(cd=1.0, oa=2.0, se=0.5)
    half = whole.reagents[0].model_copy(update={"amount_mmol": 0.5})
    split = whole.model_copy(update={"reagents": (half, half, *whole.reagents[1:])})
    one, two = (everything(columns, words, asked) for asked in (whole, split))
    for name in ("own", "roles", "groups", "supply"):
        np.testing.assert_allclose(one[name], two[name], rtol=1e-6, err_msg=name)


def test_the_inventory_of_elements_is_that_of_the_bottles(columns: Columns, words: Vocabulary) -> None:
    """0.5 mmol CdO, 2 mmol oleic acid (C18H34O2), 0.25 mmol Se; logarithms of 1 + 5 mmol."""
    found = everything(columns, words, made(cd=0.5, oa=2.0, se=0.25))
    mmol = {name: np.expm1(row[0].astype(float)) / 5 for name, row in found.items()}
    brought = {"Cd": 0.5, "O": 0.5 + 4.0, "C": 36.0, "H": 68.0, "Se": 0.25}
    np.testing.assert_allclose(mmol["supply"], [brought.get(one, 0.0) for one in ELEMENTS], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mmol["groups"], [2.0 * (one == "acid") for one in GROUP_NAMES], rtol=1e-4, atol=1e-5)
    used = {Role.LIGAND: 2.0, Role.CATION_PRECURSOR: 0.5, Role.ANION_PRECURSOR: 0.25}
    np.testing.assert_allclose(mmol["roles"], [used.get(role, 0.0) for role in ROLES], rtol=1e-4, atol=1e-5)


def test_an_unknown_amount_is_neither_zero_nor_a_typical_one(columns: Columns, words: Vocabulary) -> None:
    absent, unknown, typical = (
        everything(columns, words, made(cd=amount, oa=2.0, se=0.5)) for amount in (0.0, None, columns.typical_mmol)
    )
    assert [found["unknown"][0, 0] for found in (absent, unknown, typical)] == [0, 1, 0]
    cadmium = list(columns.chemicals).index(words.chemicals.index("cadmium oxide") + 1)
    assert absent["own"][0, cadmium] == 0
    assert unknown["own"][0, cadmium] == pytest.approx(np.log1p(5 * columns.typical_mmol))
    kept = [columns(words.encode([made(cd=amount, oa=2.0, se=0.5)])) for amount in (0.0, None)]
    assert np.abs(kept[0] - kept[1]).max() > 0.1


def test_a_rare_chemical_has_no_column_and_a_common_one_has(columns: Columns, words: Vocabulary) -> None:
    named = {words.chemicals[place - 1] for place in columns.chemicals}
    assert named == {"cadmium oxide", "oleic acid", "selenium"}, "zinc acetate was used twice only"


def test_a_chemical_that_is_new_is_described(columns: Columns, words: Vocabulary) -> None:
    plain = made(cd=0.5, oa=2.0, se=0.25)
    with_new, with_nonsense = (
        plain.model_copy(update={"reagents": (*plain.reagents, Reagent(name=name, amount_mmol=1.0))})
        for name in ("trioctylphosphine", "unobtainium oleate")
    )
    rows = columns(words.encode([plain, with_new, with_nonsense]))
    assert np.isfinite(rows).all()
    assert np.abs(rows[1] - rows[2]).max() > 0.1, "phosphine and nonsense look alike"
    phosphorus = ELEMENTS.index("P")
    supply = everything(columns, words, plain, with_new, with_nonsense)["supply"][:, phosphorus]
    np.testing.assert_allclose(supply, [0, np.log(6), 0], rtol=1e-5)


def test_a_row_alone_is_the_row_in_a_batch(columns: Columns, words: Vocabulary, recipes: list[Recipe]) -> None:
    strange = made(cd=0.5, oa=None).model_copy(
        update={"product": "CsPbBr3", "reagents": tuple(Reagent(name=f"thing {i}", amount_mmol=1.0) for i in range(9))}
    )
    asked = [*recipes, strange, Recipe(product="CdSe")]
    together = columns(words.encode(asked))
    alone = np.concatenate([columns(words.encode([one])) for one in asked])
    np.testing.assert_allclose(together, alone, rtol=1e-6, atol=1e-6)
    assert together.dtype == np.float32
    assert np.isfinite(together).all()


def test_only_what_varies_is_kept(columns: Columns, words: Vocabulary, recipes: list[Recipe]) -> None:
    rows = columns(words.encode(recipes))
    assert (np.ptp(rows, axis=0) > 0).all()
    assert rows.shape[1] < columns._all(words.encode(recipes[:1])).shape[1] / 2


def test_recipes_that_are_all_the_same_leave_something_to_look_at(words: Vocabulary, recipes: list[Recipe]) -> None:
    arrays = words.encode(recipes[:1] * 5)
    assert Columns.of(arrays, len(words.chemicals), 1.0)(arrays).shape == (5, 1)
