"""The simulated flask: conservation, the chemist's trends, failures, replicates, and being carried through a crash."""

import json
import math
import time

import numpy as np
import pytest

from closedloop.recipes import FailureCause, Reagent, Recipe, Shape, Vessel
from sim.reactor import Reactor, UnknownChemicalWarning, perform, run
from sim.reactor_product import Product
from sim.thermal import ThermalModel


def cdse(
    cd: float = 0.2,
    acid: float = 3.0,
    se: float = 0.5,
    top: float = 3.0,
    inject: float = 260.0,
    react: float = 240.0,
    minutes: float = 10.0,
    product: str = "CdSe",
) -> Recipe:
    amounts = {
        "cadmium oxide": cd,
        "oleic acid": acid,
        "1-octadecene": 40.0,
        "selenium": se,
        "trioctylphosphine": top,
    }
    return Recipe(
        product=product,
        reagents=tuple(Reagent(name=name, amount_mmol=amount) for name, amount in amounts.items() if amount > 0),
        injection_temperature_c=inject,
        reaction_temperature_c=react,
        heating_rate_c_per_min=10.0,
        reaction_time_min=minutes,
    )


def size(recipe: Recipe, seed: int = 0) -> float:
    diameter = run(recipe, seed).mean_diameter_nm
    assert diameter is not None
    return diameter


def started(seed: int = 0) -> Reactor:
    reactor = Reactor(seed)
    reactor.add({"CdO": 0.3, "OA": 3.0, "ODE": 40.0}, 13.8)
    for minute in range(24):
        reactor.advance(60.0, 25.0 + 10.0 * minute)
    reactor.add({"Se": 0.6, "TOP": 3.0}, 1.4)
    return reactor


class TestConservation:
    def test_no_cadmium_and_no_selenium_is_made_or_lost(self) -> None:
        reactor = started()
        for _ in range(60):
            reactor.advance(10.0, 270.0)
            balance = reactor.element_balance_mmol()
            assert set(balance) == {"Cd", "Se"}
            assert max(abs(value) for value in balance.values()) < 1e-6 * 0.3
        state = reactor.summary()
        # The balance would also hold where nothing happens.
        assert isinstance(state["yield_fraction"], float)
        assert state["yield_fraction"] > 0.5

    def test_the_size_distribution_accounts_for_the_metal_in_the_crystals(self) -> None:
        reactor = started()
        reactor.advance(600.0, 250.0)
        product, contents = reactor.sample(), reactor.snapshot()["contents"]
        count = float(np.sum(contents["numbers"])) * 1e15
        mean_volume_m3 = math.pi / 6 * float(product.weights @ product.diameters_nm**3) * 1e-27
        mmol = 1e3 * count * mean_volume_m3 / 3.29e-5
        fed = 0.3 * reactor.factors.cation_purity
        dissolved = contents["oxide"] + contents["salt"] + contents["monomer"] + contents["aggregated"]
        assert mmol + dissolved == pytest.approx(fed, rel=1e-3)


class TestTrends:
    @pytest.mark.parametrize(
        ("smaller", "larger"),
        [
            (cdse(minutes=1.0), cdse(minutes=30.0)),
            (cdse(react=200.0), cdse(react=255.0)),
            (cdse(acid=1.6), cdse(acid=8.0)),
            (cdse(top=1.0), cdse(top=6.0)),
            (cdse(inject=240.0, react=230.0), cdse(inject=305.0, react=230.0)),
        ],
        ids=["time", "reaction temperature", "oleic acid", "phosphine", "injection temperature"],
    )
    def test_crystals_grow_with(self, smaller: Recipe, larger: Recipe) -> None:
        assert size(larger) > 1.1 * size(smaller)

    def test_typical_recipes_give_the_sizes_that_chemists_get(self) -> None:
        """J. Phys. Chem. B 2006, 110, 16508: 2.1 nm after 8 s and 4.4 nm after 20 min at 260 °C."""
        early, late = (cdse(0.12, 1.2, 0.24, 0.96, 300.0, 260.0, minutes) for minutes in (0.13, 20.0))
        dilution = {("1-octadecene", None): 17.2}
        assert size(early.with_amounts(dilution)) == pytest.approx(2.1, abs=0.7)
        assert size(late.with_amounts(dilution)) == pytest.approx(4.4, abs=0.7)

    def test_a_good_recipe_is_narrow_and_round(self) -> None:
        truth = run(cdse(), 0)
        assert truth.success
        assert truth.shape is Shape.SPHERE
        assert truth.mean_diameter_nm is not None
        assert truth.std_diameter_nm is not None
        assert 0.03 < truth.std_diameter_nm / truth.mean_diameter_nm < 0.12

    def test_ripening_keeps_the_solid_and_loses_particles(self) -> None:
        reactor = started()
        reactor.advance(1800.0, 285.0)
        before = reactor.snapshot()["contents"]
        reactor.advance(7200.0, 285.0)
        after = reactor.snapshot()["contents"]
        lost_to_heaps = (after["aggregated"] - before["aggregated"]) / 0.3
        assert np.sum(after["numbers"]) < (1.0 - lost_to_heaps) * np.sum(before["numbers"])
        assert after["salt"] + after["monomer"] < 0.02


class TestFailures:
    @pytest.mark.parametrize(
        ("recipe", "cause"),
        [
            (cdse(se=0.0), FailureCause.NOTHING_FORMED),
            (cdse(cd=0.0), FailureCause.NOTHING_FORMED),
            (cdse(acid=0.0), FailureCause.NOTHING_FORMED),
            (cdse(inject=150.0, react=150.0), FailureCause.NOTHING_FORMED),
            (cdse(cd=0.6, acid=1.6, se=1.2, inject=300.0, react=290.0, minutes=45.0), FailureCause.BULK_PRECIPITATE),
            (cdse(cd=0.1, acid=8.0, se=0.1, top=6.0, inject=300.0, react=285.0), FailureCause.TOO_POLYDISPERSE),
            (cdse(product="CdS"), FailureCause.WRONG_PRODUCT),
        ],
        ids=["no selenium", "no cadmium", "no acid", "cold", "crowded and hot", "few nuclei", "other product"],
    )
    def test_cause(self, recipe: Recipe, cause: FailureCause) -> None:
        truth = run(recipe, 0)
        assert truth.failure_cause is cause
        assert not truth.success

    def test_an_empty_recipe_forms_nothing(self) -> None:
        truth = run(Recipe(product="CdSe"), 0)
        assert truth.failure_cause is FailureCause.NOTHING_FORMED
        assert truth.mean_diameter_nm is None

    def test_an_unknown_chemical_is_named_and_changes_only_the_volume(self) -> None:
        reactor = Reactor(0)
        with pytest.warns(UnknownChemicalWarning, match="unobtainium"):
            assert reactor.add({"unobtainium": 1.0, "ODE": 1.0}, 2.0) == ["unobtainium"]
        reactor.advance(600.0, 250.0)
        assert reactor.volume_ml == 2.0
        assert reactor.element_balance_mmol() == {}


class TestReplicates:
    def test_same_seed_same_product_and_others_scatter_by_a_few_per_cent(self) -> None:
        sizes = [size(cdse(minutes=3.0), seed) for seed in range(14)]
        assert sizes[0] == size(cdse(minutes=3.0), 0)
        assert 0.015 < np.std(sizes) / np.mean(sizes) < 0.05

    def test_a_lab_of_pumps_and_a_hotplate_agrees_with_run(self) -> None:
        """Two stocks injected one after the other, calls of a second, as the virtual lab does it."""
        reactor, thermal = Reactor(3), ThermalModel()

        def pour(contents: dict[str, float], volume_ml: float) -> None:
            thermal.pour(volume_ml)
            reactor.add(contents, volume_ml)

        def wait(seconds: int, set_c: float | None) -> None:
            for _ in range(seconds):
                thermal.advance(1.0, set_c, 365.0)
                reactor.advance(1.0, thermal.flask_c)

        pour({"cadmium oxide": 0.2, "oleic acid": 0.8, "1-octadecene": 2.33}, 1.0)
        pour({"oleic acid": 2.2}, 0.7)
        pour({"1-octadecene": 37.67}, 12.05)
        for second in range(1410):
            wait(1, 25.0 + second / 6.0)
        wait(60, 260.0)
        for _ in range(2):
            pour({"trioctylphosphine": 0.95}, 0.425)
            wait(1, 260.0)
        pour({"selenium": 0.5, "trioctylphosphine": 1.1}, 0.5)
        wait(1, 260.0)
        wait(600, 240.0)
        wait(400, None)
        assert reactor.sample().mean_diameter_nm == pytest.approx(size(cdse(), 3), rel=0.03)

    def test_synonyms_and_vessels_left_open_make_no_difference(self) -> None:
        plain = cdse(minutes=2.0)
        short = {"cadmium oxide": "CdO", "oleic acid": "OA", "1-octadecene": "octadecene", "selenium": "Se powder"}
        named = plain.model_copy(
            update={
                "reagents": tuple(
                    Reagent(
                        name=short.get(reagent.name, "TOP"),
                        amount_mmol=reagent.amount_mmol,
                        vessel=Vessel.SYRINGE if reagent.name in ("selenium", "trioctylphosphine") else Vessel.FLASK,
                    )
                    for reagent in plain.reagents
                )
            }
        )
        assert size(named) == size(plain)


class TestState:
    def test_a_snapshot_goes_on_as_if_nothing_had_happened(self) -> None:
        reactor = started()
        reactor.advance(600.0, 255.0)
        reactor.advance(0.7, 255.0)
        state = json.loads(json.dumps(reactor.snapshot()))
        assert state["pending_s"] > 0, "the hardest moment: time has passed that is not integrated yet"
        twin = Reactor.restore(state)
        for flask in (reactor, twin):
            flask.advance(0.7, 255.0)
            flask.add({"TOP": 0.5}, 0.2)
            for _ in range(40):
                flask.advance(3.1, 250.0)
        assert json.dumps(twin.snapshot()) == json.dumps(reactor.snapshot())

    def test_short_and_long_calls_agree(self) -> None:
        sizes = []
        for pace in (0.5, 30.0):
            reactor = started()
            for _ in range(round(900 / pace)):
                reactor.advance(pace, 250.0)
            sizes.append(reactor.sample().mean_diameter_nm)
        assert sizes[0] == pytest.approx(sizes[1], rel=0.01)

    def test_a_product_survives_json(self) -> None:
        product = perform(cdse(minutes=1.0), 1).sample()
        again = Product.from_json(json.loads(json.dumps(product.to_json())))
        assert again.mean_diameter_nm == product.mean_diameter_nm
        assert again.shape_fractions == product.shape_fractions
        assert again.failure_cause is product.failure_cause

    def test_an_hour_in_calls_of_a_second_is_cheap(self) -> None:
        reactor = started()
        begun = time.process_time()
        for _ in range(3600):
            reactor.advance(1.0, 250.0)
        reactor.sample()
        # 0.2 s on a quiet core; the bound leaves room for a busy one.
        assert time.process_time() - begun < 1.0


class TestOtherProducts:
    def make(self, product: str, amounts: dict[str, float], temperature_c: float, minutes: float) -> float:
        recipe = Recipe(
            product=product,
            reagents=tuple(Reagent(name=name, amount_mmol=amount) for name, amount in amounts.items()),
            injection_temperature_c=temperature_c,
            reaction_temperature_c=temperature_c,
            reaction_time_min=minutes,
        )
        truth = run(recipe, 0)
        assert truth.product == product
        assert truth.failure_cause is None
        assert truth.mean_diameter_nm is not None
        return truth.mean_diameter_nm

    def test_lead_sulfide_forms_near_a_hundred_degrees(self) -> None:
        flask = {"lead oleate": 1.0, "oleic acid": 4.0, "ODE": 40.0, "TMS2S": 0.5}
        assert 2.0 < self.make("PbS", flask, 90.0, 3.0) < self.make("PbS", flask, 120.0, 3.0) < 8.0

    def test_lead_selenide_and_cadmium_sulfide(self) -> None:
        lead = {"lead oleate": 1.0, "OA": 4.0, "ODE": 40.0, "Se": 1.5, "TOP": 3.0}
        assert 2.0 < self.make("PbSe", lead, 150.0, 3.0) < 10.0
        cadmium = {"CdO": 0.3, "OA": 4.0, "ODE": 40.0, "sulfur": 0.5}
        assert 2.0 < self.make("CdS", cadmium, 250.0, 5.0) < 6.0


def test_a_sound_sample_of_something_else_is_the_wrong_product() -> None:
    sound = Product.ideal(4.0, formula="CdSe")
    assert sound.cause_for(" CdSe ") is None
    assert sound.cause_for("CdS") is FailureCause.WRONG_PRODUCT
    # Where nothing formed, that is what went wrong, whatever was wanted.
    assert Product.nothing().cause_for("CdS") is FailureCause.NOTHING_FORMED
