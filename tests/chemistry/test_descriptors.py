import numpy as np
import pytest

from closedloop.chemistry.descriptors import (
    COMPOSITION_SIZE,
    GRAPH_SIZE,
    SUBSTANCE_SIZE,
    composition_vector,
    describe_product,
    describe_substance,
    phase_of,
)


def test_names_of_one_substance_have_one_vector() -> None:
    np.testing.assert_array_equal(describe_substance("ODE").vector, describe_substance("1-octadecene").vector)


@pytest.mark.parametrize("name", ["oleic acid", "cadmium oxide", "selenium", "cadmium acetate", "trioctylphosphine"])
def test_vectors_have_their_shape_and_are_of_order_one(name: str) -> None:
    described = describe_substance(name)
    assert described.known
    assert described.vector.shape == (SUBSTANCE_SIZE,)
    assert 0.5 < np.abs(described.vector).max() < 12
    with pytest.raises(ValueError, match="read-only"):
        described.vector[0] = 1


def test_what_is_unknown_is_flagged_and_not_confused_with_a_substance() -> None:
    for described in (describe_substance("unobtainium oleate"), describe_product("philosopher's stone")):
        assert not described.known
        assert not described.vector.any()


def test_only_molecules_with_carbon_have_a_graph_vector() -> None:
    assert describe_substance("oleic acid").vector[0] == 1
    assert describe_substance("cadmium acetate").vector[0] == 1
    assert not describe_substance("cadmium oxide").vector[: 1 + GRAPH_SIZE].any()


def test_composition_is_fractions_and_does_not_depend_on_the_formula_unit() -> None:
    once, twice = composition_vector({"Cd": 1, "Se": 1}), composition_vector({"Cd": 2, "Se": 2})
    assert once.shape == (COMPOSITION_SIZE,)
    np.testing.assert_allclose(once, twice)
    elements = COMPOSITION_SIZE - 12
    assert once[:elements].sum() == pytest.approx(1)
    assert sorted(once[:elements])[-2:] == [0.5, 0.5]
    # Mean and range of the atomic number over 50: cadmium 48, selenium 34.
    assert once[elements] == pytest.approx((48 + 34) / 2 / 50)
    assert once[elements + 6] == pytest.approx((48 - 34) / 50)


def test_a_polymorph_has_the_composition_of_its_formula() -> None:
    np.testing.assert_array_equal(describe_product("CdSe-1").vector, describe_product("CdSe").vector)


@pytest.mark.parametrize(
    ("product", "phase"),
    [
        ("CdSe-1", 1),
        ("Cu2SnSe3-2", 2),
        (" CoO-12 ", 12),
        ("CdSe", None),
        ("Cs2InCl5-H2O", None),
        ("octadecene-1", None),
        ("CdSe-", None),
        ("-1", None),
    ],
)
def test_the_phase_is_the_number_after_a_formula(product: str, phase: int | None) -> None:
    assert phase_of(product) == phase
