"""Shares of a prediction, against laws whose shares are known, and against the real model."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from closedloop.recipes import Experiment, Reagent, Recipe, Role, Shape, Vessel
from closedloop.synthesis import PredictedArrays, SynthesisModel
from closedloop.synthesis.explanation import Explanation, NoPrecedents, NothingToExplain, explain
from closedloop.synthesis.learned import Priors

Law = Callable[[Recipe], float]


class LawModel:
    """Says what a law says; keeps what it was asked."""

    def __init__(self, law: Law, success: float | None = None) -> None:
        self.law, self.priors = law, Priors(None, success)
        self.asked: list[Recipe] = []

    def predict_arrays(self, recipes: Sequence[Recipe]) -> PredictedArrays:
        self.asked += recipes
        n = len(recipes)
        logs = np.log([self.law(one) for one in recipes])
        shapes = np.zeros((n, len(Shape)))
        shapes[:, list(Shape).index(Shape.ROD)] = [min(self.law(one) / 100, 1) for one in recipes]
        shapes[:, 0] = 1 - shapes.sum(1)
        return PredictedArrays(logs, logs, logs, logs, logs, shapes, logs)

    def predict(self, recipes: Sequence[Recipe]) -> list[Any]:
        class Said:
            warnings = ("dust: an unknown chemical", "shape: a prior")

        return [Said() for _ in recipes]


def cdse(
    cadmium: float = 1.0,
    acid: float = 2.0,
    *,
    name: str = "oleic acid",
    temperature: float = 250.0,
    time: float | None = 10.0,
    selenium: float = 1.0,
    more: tuple[Reagent, ...] = (),
) -> Recipe:
    return Recipe(
        product="CdSe",
        reagents=(
            Reagent(name="cadmium oxide", amount_mmol=cadmium, role=Role.CATION_PRECURSOR, vessel=Vessel.FLASK),
            Reagent(name="selenium", amount_mmol=selenium, role=Role.ANION_PRECURSOR, vessel=Vessel.SYRINGE),
            Reagent(name=name, amount_mmol=acid, role=Role.LIGAND, vessel=Vessel.FLASK),
            *more,
        ),
        reaction_temperature_c=temperature,
        reaction_time_min=time,
    )


def shares(found: Explanation) -> dict[str, float]:
    return {one.name: one.value for one in found.contributions}


def added_up(found: Explanation) -> float:
    return found.reference + sum(one.value for one in found.contributions)


def test_an_additive_law_gives_each_part_its_own_difference() -> None:
    model = LawModel(lambda r: 0.02 * (r.reaction_temperature_c or 0) + 0.5 * (r.amount_mmol("oleic acid") or 0))
    precedents = [cdse(acid=1.0, temperature=200.0), cdse(acid=4.0, temperature=260.0)]
    found = explain(model, cdse(acid=2.0, temperature=250.0), precedents)  # type: ignore[arg-type]
    assert found.prediction == pytest.approx(6.0)
    assert found.reference == pytest.approx((4.5 + 7.2) / 2)
    said = shares(found)
    assert said["reaction temperature"] == pytest.approx(0.02 * (250 - 230))
    assert said["oleic acid"] == pytest.approx(0.5 * (2 - 2.5))
    assert said["reaction time"] == said["cadmium oxide"] == said["batch size"] == 0
    heat = next(one for one in found.contributions if one.name == "reaction temperature")
    assert (heat.low, heat.high) == pytest.approx((-0.2, 1.0))
    assert (heat.yours, heat.instead) == ("250 °C", "200 to 260 °C")
    assert found.exact
    assert found.unit == "nm"


def test_parts_that_work_together_share_what_they_do_together() -> None:
    model = LawModel(lambda r: 1 + (r.reaction_temperature_c or 0) * (r.reaction_time_min or 0) / 1000)
    found = explain(model, cdse(temperature=200.0, time=20.0), [cdse(temperature=100.0, time=10.0)])  # type: ignore[arg-type]
    # The mean over both orders: 100 * (10 + 20) / 2 / 1000 each, and 10 * (100 + 200) / 2 / 1000.
    assert shares(found)["reaction temperature"] == pytest.approx(1.5)
    assert shares(found)["reaction time"] == pytest.approx(1.5)


def test_a_larger_batch_is_a_part_of_its_own() -> None:
    ratio = LawModel(lambda r: 1 + (r.amount_mmol("oleic acid") or 0) / (r.amount_mmol("cadmium oxide") or 1))
    mine, tenfold = cdse(1.0, 3.0), cdse(10.0, 20.0, selenium=10.0)
    said = shares(explain(ratio, mine, [tenfold]))  # type: ignore[arg-type]
    assert said["batch size"] == pytest.approx(0, abs=1e-9)
    assert said["oleic acid"] == pytest.approx(1.0)
    assert said["selenium"] == 0
    total = LawModel(lambda r: 1 + sum(one.amount_mmol or 0 for one in r.reagents))
    found = explain(total, mine, [tenfold.with_amounts({("oleic acid", Vessel.FLASK): 30.0})])  # type: ignore[arg-type]
    assert shares(found) == pytest.approx(dict.fromkeys(shares(found), 0.0) | {"batch size": 5.0 - 50.0})


def test_recipes_in_between_keep_one_source_of_each_element() -> None:
    model = LawModel(lambda r: 1.0 + len(r.reagents))
    stearate = Reagent(name="cadmium stearate", amount_mmol=1.0, role=Role.CATION_PRECURSOR, vessel=Vessel.FLASK)
    precedent = cdse(name="trioctylphosphine oxide", more=(Reagent(name="oleylamine", role=Role.LIGAND),))
    precedent = precedent.model_copy(update={"reagents": (stearate, *precedent.reagents[1:])})
    mine = cdse(acid=7.0, temperature=300.0, time=1.0)
    found = explain(model, mine, [precedent])  # type: ignore[arg-type]
    for asked in model.asked:
        roles = [reagent.role for reagent in asked.reagents]
        assert roles.count(Role.CATION_PRECURSOR) == roles.count(Role.ANION_PRECURSOR) == 1
        assert Role.LIGAND in roles
        assert len({(reagent.name, reagent.vessel) for reagent in asked.reagents}) == len(asked.reagents)
    # Oleic acid stands for the ligand of larger amount; the other has no place in this recipe.
    by_name = {one.name: one for one in found.contributions}
    assert "trioctylphosphine oxide" in by_name["oleic acid"].instead
    assert "oleylamine" in by_name["other chemicals"].instead
    assert by_name["other chemicals"].value == pytest.approx(-1)
    assert by_name["cadmium oxide"].value == pytest.approx(0)


def test_a_chemical_that_no_precedent_has_comes_for_nothing() -> None:
    model = LawModel(lambda r: 1.0 + (r.amount_mmol("hexadecylamine") or 0))
    mine = cdse(more=(Reagent(name="hexadecylamine", amount_mmol=3.0, role=Role.LIGAND),))
    found = explain(model, mine, [cdse(temperature=200.0)])  # type: ignore[arg-type]
    amine = next(one for one in found.contributions if one.name == "hexadecylamine")
    assert amine.value == pytest.approx(3.0)
    assert amine.instead == "nothing (1 of 1)"


def test_what_is_unknown_is_a_part_too() -> None:
    model = LawModel(lambda r: 5.0 if r.reaction_time_min is None else r.reaction_time_min)
    found = explain(model, cdse(time=None), [cdse(time=8.0)])  # type: ignore[arg-type]
    time = next(one for one in found.contributions if one.name == "reaction time")
    assert time.value == pytest.approx(-3.0)
    assert time.yours == "unknown"


def test_recipes_for_the_same_product_come_first_and_others_exchange_their_precursors_with_it() -> None:
    model = LawModel(lambda r: {"CdSe": 4.0, "PbS": 7.0}[r.product] + (r.reaction_temperature_c or 0) / 100)
    lead = Recipe(
        product="PbS",
        reagents=(
            Reagent(name="lead oxide", amount_mmol=2.0, role=Role.CATION_PRECURSOR),
            Reagent(name="sulfur", amount_mmol=1.0, role=Role.ANION_PRECURSOR),
            Reagent(name="oleic acid", amount_mmol=4.0, role=Role.LIGAND),
        ),
        reaction_temperature_c=150.0,
    )
    alone = explain(model, cdse(), [lead])  # type: ignore[arg-type]
    assert shares(alone)["product and its precursors"] == pytest.approx(-3.0)
    assert shares(alone)["reaction temperature"] == pytest.approx(1.0)
    assert "cadmium oxide" not in shares(alone)
    assert any("no precedent is of CdSe" in note for note in alone.notes)
    for asked in model.asked:
        names = {reagent.name for reagent in asked.reagents}
        assert ("lead oxide" in names) == (asked.product == "PbS") == ("cadmium oxide" not in names)
    both = explain(model, cdse(), [lead, cdse(temperature=200.0)])  # type: ignore[arg-type]
    assert both.candidates == both.precedents == 1
    assert "cadmium oxide" in shares(both)


def test_few_precedents_span_all_of_them() -> None:
    model = LawModel(lambda r: (r.reaction_temperature_c or 0) / 100)
    many = [cdse(temperature=float(t)) for t in np.random.default_rng(0).permutation(np.arange(100, 300))]
    found = explain(model, cdse(temperature=400.0), many, at_most=5)  # type: ignore[arg-type]
    assert (found.precedents, found.candidates) == (5, 200)
    assert found.reference == pytest.approx(2.0, abs=0.02)


def test_more_parts_than_ten_are_walked_and_add_up_all_the_same() -> None:
    rng = np.random.default_rng(0)
    names = [
        "oleylamine",
        "trioctylphosphine",
        "octadecene",
        "dodecylamine",
        "stearic acid",
        "myristic acid",
        "benzoic acid",
    ]
    weights = dict(zip(names, rng.uniform(0.01, 0.05, len(names)), strict=True))

    def law(r: Recipe) -> float:
        return 2 + float(np.prod([1 + weights.get(one.name, 0) * (one.amount_mmol or 0) for one in r.reagents]))

    def with_all(factor: float) -> Recipe:
        more = tuple(Reagent(name=n, amount_mmol=factor**1.5 * (i + 1)) for i, n in enumerate(names))
        return cdse(factor, 2.1 * factor, temperature=200 + 10 * factor, time=factor, selenium=1.3, more=more)

    found = explain(LawModel(law), with_all(2.0), [with_all(1.0), with_all(3.0)])  # type: ignore[arg-type]
    assert not found.exact
    assert added_up(found) == pytest.approx(found.prediction)
    assert any(one.sampling_error > 0 for one in found.contributions)
    exact = explain(LawModel(law), with_all(2.0), [with_all(1.0), with_all(3.0)], exact_up_to=16)  # type: ignore[arg-type]
    assert exact.exact
    for name, value in shares(exact).items():
        assert shares(found)[name] == pytest.approx(value, abs=0.05)


def test_warnings_on_the_size_alone() -> None:
    found = explain(LawModel(lambda r: 3.0), cdse(), [cdse(acid=3.0)])  # type: ignore[arg-type]
    assert found.notes == ("dust: an unknown chemical",)


def test_a_shape_of_choice_or_the_likeliest() -> None:
    model = LawModel(lambda r: 90.0 if r.reaction_temperature_c == 250 else 20.0)
    likeliest = explain(model, cdse(), [cdse(temperature=200.0)], "shape")  # type: ignore[arg-type]
    assert likeliest.quantity == "chance of rod"
    assert shares(likeliest)["reaction temperature"] == pytest.approx(0.7)
    other = explain(model, cdse(), [cdse(temperature=200.0)], "shape", shape=next(iter(Shape)))  # type: ignore[arg-type]
    assert shares(other)["reaction temperature"] == pytest.approx(-0.7)


def test_what_cannot_be_explained_is_said() -> None:
    with pytest.raises(NothingToExplain, match=r"0\.5 for every recipe"):
        explain(LawModel(lambda r: 1.0, success=0.5), cdse(), [cdse(acid=3.0)], "success")  # type: ignore[arg-type]
    for nothing in ([], [cdse()]):
        with pytest.raises(NoPrecedents, match="--data"):
            explain(LawModel(lambda r: 1.0), cdse(), nothing)  # type: ignore[arg-type]


@pytest.mark.parametrize("quantity", ["size", "success", "shape"])
def test_shares_of_the_model_add_up_to_its_prediction(
    model: SynthesisModel, literature: list[Experiment], quantity: str
) -> None:
    mine = literature[0].recipe
    found = explain(model, mine, [e.recipe for e in literature], quantity)
    said = model.predict([mine])[0]
    wanted = {
        "size": said.size_nm,
        "success": said.success_probability,
        "shape": max(said.shape_probabilities.values()),
    }[quantity]
    assert found.prediction == pytest.approx(wanted, rel=1e-5)
    assert added_up(found) == pytest.approx(wanted, rel=1e-5)
    assert found.precedents == 8


def test_the_model_grew_its_crystals_by_heat_time_and_ligand(
    model: SynthesisModel, literature: list[Experiment]
) -> None:
    """The law of the synthetic lab knows nothing of the amount of selenium."""
    hot = literature[0].recipe.model_copy(update={"reaction_temperature_c": 300.0, "reaction_time_min": 30.0})
    said = shares(explain(model, hot, [e.recipe for e in literature]))
    assert said["reaction temperature"] > 0.3
    assert said["reaction time"] > 0.3
    assert abs(said["selenium"]) < min(said["reaction temperature"], said["reaction time"]) / 2
