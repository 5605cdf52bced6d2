import pytest

from sim.thermal import AMBIENT_C, ThermalModel

HOTTEST_PLATE_C = 365.0


@pytest.fixture
def flask():
    model = ThermalModel()
    model.pour(30.0)
    return model


def hold(model, set_point_c, seconds):
    model.advance(seconds, set_point_c, HOTTEST_PLATE_C)
    return model.flask_c


def test_it_follows_a_ramp_of_ten_degrees_a_minute_up_to_300_degrees(flask):
    for quarter in range(1, 111):
        set_point = AMBIENT_C + 2.5 * quarter
        hold(flask, set_point, 15.0)
        assert flask.flask_c == pytest.approx(set_point, abs=2.0)
    assert hold(flask, 300.0, 300.0) == pytest.approx(300.0, abs=0.1)


@pytest.mark.parametrize("volume_ml", [0.0, 2.0, 50.0])
def test_it_holds_its_set_point_whatever_the_filling(volume_ml):
    model = ThermalModel()
    model.pour(volume_ml)
    assert hold(model, 250.0, 3600.0) == pytest.approx(250.0, abs=0.1)


def test_no_set_point_makes_the_plate_hotter_than_its_limit():
    model = ThermalModel()
    model.pour(100.0)
    hottest = max(model.plate_c for _ in range(3600) if hold(model, 340.0, 1.0))
    assert hottest <= HOTTEST_PLATE_C + 1.0


def test_a_cold_injection_costs_what_mixing_costs_and_is_made_good_in_a_minute(flask):
    hold(flask, 280.0, 3600.0)
    capacity = flask.flask_capacity
    flask.pour(4.0)
    assert flask.flask_c == pytest.approx((capacity * 280.0 + 4 * 1.8 * AMBIENT_C) / (capacity + 4 * 1.8), abs=0.1)
    assert flask.flask_c < 270.0
    assert hold(flask, 280.0, 60.0) == pytest.approx(280.0, abs=2.0)


def test_it_cools_in_minutes_and_never_below_the_room(flask):
    hold(flask, 300.0, 3600.0)
    assert hold(flask, None, 150.0) > 60.0
    assert hold(flask, None, 150.0) < 60.0
    assert hold(flask, None, 36000.0) == pytest.approx(AMBIENT_C, abs=0.01)


def test_long_and_short_steps_agree(flask):
    other = ThermalModel()
    other.pour(30.0)
    hold(flask, 200.0, 600.0)
    for _ in range(60):
        hold(other, 200.0, 10.0)
    assert other.flask_c == pytest.approx(flask.flask_c, abs=1e-9)


def test_a_new_flask_is_cold_and_empty_on_a_plate_that_is_still_hot(flask):
    hold(flask, 200.0, 3600.0)
    flask.replace_flask()
    assert (flask.flask_c, flask.liquid_ml) == (AMBIENT_C, 0.0)
    assert flask.plate_c > 190.0
