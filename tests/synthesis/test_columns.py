"""Recipes as rows of numbers: what each number says, and that it says the same in any company."""

import numpy as np
import pytest

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
    return Columns.of(words.encode(recipes), 1.0)


def everything(columns: Columns, words: Vocabulary, *asked: Recipe) -> dict[str, np.ndarray]:
    """All columns by group, before any is dropped, (n, ...) each."""
    row = columns._all(words.encode(list(asked)))
    first = 2 * len(CONDITIONS) + 1
    found, start = {"conditions": row[:, : len(CONDITIONS)]}, first
    roles = len(ROLES)
    for name, width in (
        ("totals", 5),
        ("roles", roles),
        ("role ratios", roles),
        ("counts", 2),
        ("groups", len(GROUP_NAMES)),
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
    for name in ("totals", "roles", "groups"):
        np.testing.assert_allclose(one[name], two[name], rtol=1e-6, err_msg=name)
    assert two["counts"][0, 0] == one["counts"][0, 0] + 1


def test_amounts_are_those_of_the_bottles(columns: Columns, words: Vocabulary) -> None:
    """0.5 mmol CdO, 2 mmol oleic acid (C18H34O2), 0.25 mmol Se; logarithms of 1 + 5 mmol."""
    found = everything(columns, words, made(cd=0.5, oa=2.0, se=0.25))
    in_groups = dict(zip(GROUP_NAMES, np.expm1(found["groups"][0].astype(float)) / 5, strict=True))
    assert in_groups == pytest.approx(dict.fromkeys(GROUP_NAMES, 0.0) | {"acid": 2.0}, abs=1e-4)
    total, metal, anion, metal_to_anion, metal_to_total = np.exp(found["totals"][0].astype(float))
    assert total == pytest.approx(2.75, rel=1e-3)
    assert metal == pytest.approx(0.5, rel=3e-3)
    assert anion == pytest.approx(0.25, rel=5e-3)
    assert metal_to_anion == pytest.approx(2, rel=5e-3)
    assert metal_to_total == pytest.approx(0.5 / 2.75, rel=5e-3)
    by_role = np.exp(found["roles"][0].astype(float)) - 1e-3
    assert by_role[ROLES[Role.LIGAND]] == pytest.approx(2.0, rel=1e-4)
    assert by_role[ROLES[Role.CATION_PRECURSOR]] == pytest.approx(0.5, rel=1e-4)
    assert by_role[ROLES[Role.SOLVENT]] == pytest.approx(0.0, abs=1e-6)


def test_an_unknown_amount_is_neither_zero_nor_a_typical_one(columns: Columns, words: Vocabulary) -> None:
    absent, unknown, typical = (
        everything(columns, words, made(cd=amount, oa=2.0, se=0.5)) for amount in (0.0, None, columns.typical_mmol)
    )
    assert [found["counts"][0].tolist() for found in (absent, unknown, typical)] == [[2, 0], [3, 1], [3, 0]]
    metal = [np.exp(found["totals"][0, 1].astype(float)) for found in (absent, unknown, typical)]
    assert metal == pytest.approx([1e-3, columns.typical_mmol + 1e-3, columns.typical_mmol + 1e-3], rel=1e-4)
    kept = [columns(words.encode([made(cd=amount, oa=2.0, se=0.5)])) for amount in (0.0, None)]
    assert np.abs(kept[0] - kept[1]).max() > 0.1


def test_a_chemical_that_is_new_is_described(columns: Columns, words: Vocabulary) -> None:
    plain = made(cd=0.5, oa=2.0, se=0.25)
    with_new, with_nonsense = (
        plain.model_copy(update={"reagents": (*plain.reagents, Reagent(name=name, amount_mmol=1.0))})
        for name in ("trioctylphosphine", "unobtainium oleate")
    )
    rows = columns(words.encode([plain, with_new, with_nonsense]))
    assert np.isfinite(rows).all()
    assert np.abs(rows[1] - rows[2]).max() > 0.1, "phosphine and nonsense look alike"
    phosphine = everything(columns, words, plain, with_new, with_nonsense)["groups"][:, GROUP_NAMES.index("phosphine")]
    np.testing.assert_allclose(phosphine, [0, np.log(6), 0], rtol=1e-5)


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
    assert Columns.of(arrays, 1.0)(arrays).shape == (5, 1)
