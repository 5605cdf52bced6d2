"""What `closedloop lab check` refuses is what a run would refuse, before any port is opened."""

from typing import Any

import pytest

from closedloop.lab import Bench, InterlockConfig, LabConfig, LabFileError, check_lab

# Nobody listens there: opening it would be a failed check of one instrument, not a fault of the lab file.
NOWHERE = "socket://127.0.0.1:9"
PUMP = {"driver": "new-era-pump", "url": NOWHERE, "syringe_diameter_mm": 26.59, "syringe_volume_ml": 60}
WRITTEN: dict[str, Any] = {
    "name": "bench",
    "hotplate": "plate",
    "handler": "me",
    "instruments": {"plate": {"driver": "ika-hotplate", "url": NOWHERE}, "pump": PUMP, "me": {"driver": "person"}},
    "stocks": [{"name": "s", "pump": "pump", "vessel": "flask", "contains": {"CdO": 0.2}}],
    "interlocks": [{"signal": "plate.temperature_c", "above": 330}],
}


def test_instruments_that_do_not_answer_are_told_one_by_one() -> None:
    checks = {each.name: each for each in check_lab(LabConfig.model_validate(WRITTEN))}
    assert not checks["plate"].ok
    assert not checks["pump"].ok
    assert NOWHERE in checks["pump"].detail


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hotplate": "me"}, "me is used as a Hotplate but its driver is not one"),
        ({"handler": "pump"}, "pump is used as a SampleHandler"),
        ({"clock": "me"}, "me is used as a Clock"),
        ({"microscope": "plate"}, "plate is used as a Microscope"),
        ({"stocks": [WRITTEN["stocks"][0] | {"pump": "plate"}]}, "plate is used as a Pump"),
    ],
)
def test_an_instrument_of_the_wrong_kind_is_a_fault_of_the_lab_file(changes: dict[str, Any], said: str) -> None:
    config = LabConfig.model_validate(WRITTEN | changes)
    for refuses in (check_lab, Bench.open):
        with pytest.raises(LabFileError, match=said):
            refuses(config)


@pytest.mark.parametrize(
    "quantity", ["temprature_c", "", "name", "make_safe", "start_heating", "set_temperature", "_line"]
)
def test_an_interlock_on_what_is_no_quantity_is_a_fault_of_the_lab_file(quantity: str) -> None:
    lock = InterlockConfig(signal=f"plate.{quantity}", above=330)
    config = LabConfig.model_validate(WRITTEN).model_copy(update={"interlocks": (lock,)})
    for refuses in (check_lab, Bench.open):
        with pytest.raises(LabFileError, match=r"plate measures no '.*' \(it measures .*, temperature_c\)"):
            refuses(config)


@pytest.mark.parametrize("seconds", [5, 19.9, 1501])
def test_a_watchdog_that_the_hotplate_does_not_take_is_a_fault_of_the_lab_file(seconds: float) -> None:
    config = LabConfig.model_validate(WRITTEN | {"watchdog_s": seconds})
    for refuses in (check_lab, Bench.open):
        with pytest.raises(LabFileError, match=rf"watchdog_s: plate takes 0 \(off\) or 20 to 1500 s, not {seconds:g}"):
            refuses(config)


@pytest.mark.parametrize("seconds", [0, 20, 1500])
def test_a_watchdog_that_it_takes_is_none(seconds: float) -> None:
    assert not {each.name: each for each in check_lab(LabConfig.model_validate(WRITTEN | {"watchdog_s": seconds}))}[
        "plate"
    ].ok
