"""Round trips on generated values, and the limits that each model keeps."""

import copy
import itertools
import math
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from pydantic import BaseModel, ValidationError

from closedloop.recipes import (
    CauseKind,
    Evidence,
    Experiment,
    FailureCause,
    Limits,
    Method,
    Outcome,
    Reagent,
    Recipe,
    Shape,
    Target,
    Vessel,
)
from tests import strategies


def _round_trips(value: BaseModel) -> None:
    again = type(value).model_validate_json(value.model_dump_json())
    assert again == value
    assert hash(again) == hash(value)
    assert pickle.loads(pickle.dumps(value)) == value == copy.deepcopy(value)


@given(strategies.experiments)
def test_experiments_survive_json(experiment: Experiment) -> None:
    _round_trips(experiment)


@given(strategies.targets)
def test_targets_survive_json(target: Target) -> None:
    _round_trips(target)


@given(strategies.recipes)
def test_nothing_frozen_can_be_changed(recipe: Recipe) -> None:
    with pytest.raises(ValidationError):
        recipe.product = "other"


@pytest.mark.parametrize(("written", "plain"), [("CsPbBr₃", "CsPbBr3"), (" Fe₃O₄ ", "Fe3O4"), ("CdSe-1", "CdSe-1")])
def test_a_product_is_one_however_its_digits_are_written(written: str, plain: str) -> None:
    assert Recipe(product=written) == Recipe(product=plain)
    assert Target(product=written, size_nm=3) == Target(product=plain, size_nm=3)
    assert Recipe.model_validate_json(Recipe(product="x").model_dump_json().replace("x", written)).product == plain


def test_unknown_is_not_zero_in_json() -> None:
    unknown, zero = Reagent(name="oleic acid"), Reagent(name="oleic acid", amount_mmol=0)
    assert unknown != zero
    assert Reagent.model_validate_json(unknown.model_dump_json()).amount_mmol is None
    assert Reagent.model_validate_json(zero.model_dump_json()).amount_mmol == 0


@pytest.mark.parametrize("amount", [-1e-9, math.nan, math.inf, -math.inf])
def test_amounts_are_finite_and_not_negative(amount: float) -> None:
    with pytest.raises(ValidationError):
        Reagent(name="CdO", amount_mmol=amount)


@pytest.mark.parametrize("field", ["injection_temperature_c", "reaction_temperature_c"])
@pytest.mark.parametrize("value", [-273.16, math.nan, math.inf])
def test_nothing_is_colder_than_absolute_zero(field: str, value: float) -> None:
    with pytest.raises(ValidationError):
        Recipe.model_validate({"product": "CdSe", field: value})


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(ValidationError, match="reaction_temp"):
        Recipe.model_validate({"product": "CdSe", "reaction_temp": 250})


def test_a_chemical_may_stand_in_both_vessels_but_not_twice_in_one() -> None:
    flask = Reagent(name="TOP", amount_mmol=1, vessel=Vessel.FLASK)
    syringe = Reagent(name="TOP", amount_mmol=2, vessel=Vessel.SYRINGE)
    assert Recipe(product="CdSe", reagents=(flask, syringe)).amount_mmol("TOP") == 3
    with pytest.raises(ValidationError, match="listed twice"):
        Recipe(product="CdSe", reagents=(flask, flask))


def test_an_unknown_amount_makes_the_total_unknown() -> None:
    known = Reagent(name="TOP", amount_mmol=1, vessel=Vessel.FLASK)
    unknown = Reagent(name="TOP", vessel=Vessel.SYRINGE)
    assert Recipe(product="CdSe", reagents=(known, unknown)).amount_mmol("TOP") is None


def test_with_amounts_changes_only_what_is_named() -> None:
    recipe = Recipe(product="CdSe", reagents=(Reagent(name="CdO", amount_mmol=1), Reagent(name="Se", amount_mmol=2)))
    changed = recipe.with_amounts({("Se", None): 5.0})
    assert [reagent.amount_mmol for reagent in changed.reagents] == [1, 5.0]
    with pytest.raises(ValidationError):
        recipe.with_amounts({("Se", None): -5.0})


@pytest.mark.parametrize(
    ("success", "cause"),
    [
        (True, FailureCause.NOTHING_FORMED),
        (None, FailureCause.NOTHING_FORMED),
        (False, FailureCause.BLOCKED),
        (True, FailureCause.NO_IMAGE),
    ],
)
def test_success_and_cause_must_agree(success: bool | None, cause: FailureCause) -> None:
    with pytest.raises(ValidationError) as caught:
        Outcome(success=success, failure_cause=cause)
    assert cause.value in str(caught.value.errors()[0]["msg"])
    assert "FailureCause" not in str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize("beside", [{"success": True}, {"size_nm": 4.0}, {"success": False, "size_nm": 4.0}])
def test_where_no_particle_was_counted_there_is_no_size_and_no_success(beside: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="cannot have a particle count of 0"):
        Outcome(particle_count=0, **beside)
    assert Outcome(particle_count=1, **beside).particle_count == 1
    assert Outcome.kept({"particle_count": 0, **beside}).particle_count == 0
    assert Outcome(success=False, particle_count=0).is_negative_example


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"size_nm": 1e-12}, "size_nm is 1e-12 nm"),
        ({"size_nm": 1e300}, "size_nm is 1e+300 nm"),
        ({"size_nm": 4.0, "size_std_nm": 1e300}, "size_std_nm is 1e+300 nm"),
        ({"size_nm": 0.1, "size_std_nm": 0.0}, None),
        ({"size_nm": 1e6}, None),
        ({}, None),
    ],
)
def test_sizes_that_no_microscope_sees_are_told(numbers: dict[str, float], said: str | None) -> None:
    assert Outcome(**numbers).beyond_measure == said


def test_only_chemistry_is_a_negative_example() -> None:
    for cause in FailureCause:
        chemical = cause.kind is CauseKind.CHEMISTRY
        assert Outcome(success=False if chemical else None, failure_cause=cause).is_negative_example is chemical
    assert Outcome(success=False).is_negative_example
    assert not Outcome(success=True).is_negative_example


def test_a_size_is_learned_from_unless_the_run_was_spoiled_or_gave_nothing_or_another_product() -> None:
    for cause in (None, *FailureCause):
        chemical = cause is None or cause.kind is CauseKind.CHEMISTRY
        success = cause is None if chemical else None
        outcome = Outcome(success=success, failure_cause=cause, size_nm=4.0, shape=Shape.CUBE)
        learned = chemical and cause not in (FailureCause.WRONG_PRODUCT, FailureCause.NOTHING_FORMED)
        assert outcome.is_spoiled is not chemical
        assert outcome.learnable_size_nm == (4.0 if learned else None)
        assert outcome.learnable_shape == (Shape.CUBE if learned else None)
        assert not {"is_spoiled", "learnable_size_nm", "learnable_shape"} & set(outcome.model_dump())
    assert Outcome(success=True).learnable_size_nm is None


def test_shape_fractions_cannot_exceed_the_whole() -> None:
    with pytest.raises(ValidationError, match=r"add up to 1\.200"):
        Outcome(shape_fractions={Shape.CUBE: 0.6, Shape.SPHERE: 0.6})


def test_stronger_evidence_supersedes_and_as_much_does_whatever_its_time() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    peak = Evidence(method=Method.ABSORBANCE, recorded_at=noon + timedelta(days=9))
    tem = Evidence(method=Method.TEM, recorded_at=noon)
    later = Evidence(method=Method.TEM, recorded_at=noon + timedelta(hours=1))
    timeless = Evidence(method=Method.TEM)
    corrected = Evidence(method=Method.TEM_CORRECTED)
    assert tem.supersedes(peak)
    assert not peak.supersedes(tem)
    assert all(one.supersedes(other) for one in (tem, later, timeless) for other in (tem, later, timeless))
    assert corrected.supersedes(later)
    assert not later.supersedes(corrected)


def _hit(**changes: object) -> Outcome:
    return Outcome.model_validate({"success": True, "size_nm": 4.1, "size_std_nm": 0.3, "shape": "sphere"} | changes)


def test_a_target_is_met_only_by_what_is_known_to_satisfy_every_wish() -> None:
    target = Target(product="CdSe", size_nm=4.0, tolerance_nm=0.2, shape=Shape.SPHERE, max_relative_spread=0.1)
    assert target.is_met_by(_hit())
    assert not target.is_met_by(_hit(size_nm=4.21))
    assert not target.is_met_by(_hit(size_std_nm=0.42))
    assert not target.is_met_by(_hit(size_std_nm=None))
    assert not target.is_met_by(_hit(shape="cube"))
    assert not target.is_met_by(_hit(shape=None))
    assert not target.is_met_by(_hit(success=None))
    demanding = target.model_copy(update={"min_shape_fraction": 0.9})
    assert not demanding.is_met_by(_hit(shape_fractions={Shape.SPHERE: 0.8}))
    assert demanding.is_met_by(_hit(shape_fractions={Shape.SPHERE: 0.95}))


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"shape": "sphere", "shape_fractions": {"sphere": 0.9}}, True),
        ({"shape_fractions": {"sphere": 0.9}}, True),
        ({"shape": "sphere", "shape_fractions": {"sphere": 0.7}}, False),
        ({"shape_fractions": {"sphere": 0.7}}, False),
        ({"shape": "sphere"}, None),
        ({}, None),
        ({"shape_fractions": {"sphere": 0.5, "cube": 0.5}}, None),
        ({"shape": "sphere", "shape_fractions": {"cube": 0.1}}, None),
        ({"shape": "sphere", "shape_fractions": {"cube": 0.3}}, False),
        ({"shape": "cube"}, False),
        ({"shape_fractions": {"cube": 0.9}}, False),
    ],
)
def test_a_fraction_that_is_not_known_meets_no_wish_and_denies_none(
    told: dict[str, object], known: bool | None
) -> None:
    target = Target(product="CdSe", size_nm=4.0, shape=Shape.SPHERE, min_shape_fraction=0.8)
    outcome = Outcome.model_validate({"success": True, "size_nm": 4.0} | told)
    assert target.has_shape(outcome) is known
    assert target.is_met_by(outcome) is (known is True)
    assert outcome.shape == told.get("shape"), "what was recorded stays as it was"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        ({"shape": None}, ["shape unknown"]),
        ({"shape": "cube"}, ["cube where sphere is wanted"]),
        ({"shape_fractions": {}}, ["fraction of sphere unknown"]),
        ({"shape_fractions": {"sphere": 0.7}}, ["0.7 sphere where 0.8 is wanted"]),
        ({"size_std_nm": None}, ["spread unknown"]),
        ({"size_nm": 4.3, "size_std_nm": 0.86}, ["+0.30 nm off", "spread 0.2 where 0.1 is wanted"]),
        ({"size_nm": None}, ["size unknown", "spread unknown"]),
    ],
)
def test_each_wish_that_is_not_known_to_be_met_is_named(changes: dict[str, object], words: list[str]) -> None:
    target = Target(product="CdSe", size_nm=4.0, shape=Shape.SPHERE, min_shape_fraction=0.8, max_relative_spread=0.1)
    told = {"shape_fractions": {} if changes.get("shape", "") is None else {"sphere": 0.9}}
    outcome = _hit(**(told | changes))
    assert target.unmet(outcome) == words
    assert target.is_missed_by(outcome) is any("unknown" not in word for word in words)


def test_a_size_on_the_edge_of_the_band_is_a_hit_and_one_beyond_is_not() -> None:
    for tenths, width in itertools.product(range(10, 200), (1, 2, 3, 5)):
        target = Target(product="CdSe", size_nm=tenths / 10, tolerance_nm=width / 10)
        for side in (-1, 1):
            edge = (tenths + side * width) / 10
            assert target.is_met_by(Outcome(success=True, size_nm=edge)), (target.band_nm, edge)
            assert not target.is_met_by(Outcome(success=True, size_nm=edge + side * 1e-6)), (target.band_nm, edge)


def test_a_spread_and_a_fraction_at_their_limits_are_hits() -> None:
    for hundredths in range(2, 40):
        target = Target(product="CdSe", size_nm=3.0, max_relative_spread=hundredths / 100)
        assert target.is_met_by(Outcome(success=True, size_nm=3.0, size_std_nm=3 * hundredths / 100)), hundredths
        assert not target.is_met_by(Outcome(success=True, size_nm=3.0, size_std_nm=3 * hundredths / 100 + 1e-6))
    target = Target(product="CdSe", size_nm=3.0, shape=Shape.SPHERE, min_shape_fraction=0.3)
    fractions = {Shape.SPHERE: 1 - 0.7, Shape.ROD: 0.7}
    assert target.is_met_by(Outcome(success=True, size_nm=3.0, shape=Shape.SPHERE, shape_fractions=fractions))


def test_a_sum_of_amounts_at_its_limit_keeps_it() -> None:
    halves = [Reagent(name="TOP", amount_mmol=a, vessel=v) for a, v in ((0.1, Vessel.FLASK), (0.2, Vessel.SYRINGE))]
    recipe = Recipe(product="CdSe", reagents=tuple(halves))
    assert Limits(max_amounts_mmol={"TOP": 0.3}).violations(recipe) == []
    assert Limits(max_amounts_mmol={"TOP": 0.2999}).violations(recipe) != []


def test_the_default_tolerance_is_five_percent() -> None:
    assert Target(product="CdSe", size_nm=4.0).band_nm == pytest.approx((3.8, 4.2))


def test_limits_name_everything_that_a_recipe_breaks() -> None:
    limits = Limits(
        allowed_chemicals=("CdO",), max_temperature_c=300, max_reaction_time_min=10, max_amounts_mmol={"CdO": 1}
    )
    recipe = Recipe(
        product="CdSe",
        reagents=(Reagent(name="CdO", amount_mmol=2), Reagent(name="Se", amount_mmol=1)),
        injection_temperature_c=310,
        reaction_temperature_c=290,
        reaction_time_min=11,
    )
    broken = limits.violations(recipe)
    assert len(broken) == 4
    assert any("310" in each for each in broken)
    assert any("Se is not among" in each for each in broken)
    assert limits.violations(Recipe(product="CdSe", reagents=(Reagent(name="CdO"),))) == []


def test_an_outcome_without_a_stated_error_is_written_as_before_there_was_one() -> None:
    """Digests of literature, and which rows a network leaves out, hang on it."""
    plain = Outcome(success=True, size_nm=4.0)
    assert "size_error_nm" not in plain.model_dump_json()
    stated = Outcome(success=True, size_nm=4.0, size_error_nm=0.2)
    assert Outcome.model_validate_json(stated.model_dump_json()).size_error_nm == 0.2
    assert Outcome.model_validate_json(plain.model_dump_json()) == plain
