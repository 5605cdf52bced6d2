"""Lab files as a person writes them, and every fault of one named at once."""

import re
from pathlib import Path

import pytest

from closedloop.lab import Bench, InstrumentConfig, LabConfig, LabFileError, read_lab_file

WRITTEN = """
name: bench 3
hotplate: plate
handler: me
instruments:
  plate: {driver: ika-hotplate, url: /dev/ttyUSB0}
  pump-1: {driver: new-era-pump, url: /dev/ttyUSB1, syringe_diameter_mm: 26.59, syringe_volume_ml: 60}
  pump-2: {driver: new-era-pump, url: /dev/ttyUSB2, syringe_diameter_mm: 21.59, syringe_volume_ml: 30}
  me: {driver: person}
stocks:
  - {name: cadmium stock, pump: pump-1, vessel: flask, contains: {CdO: 0.2}}
  - {name: selenium stock, pump: pump-2, vessel: syringe, contains: {Se: 1.0}, injected: true}
interlocks:
  - {signal: plate.temperature_c, above: 330}
"""


def read(folder: Path, text: str) -> LabConfig:
    path = folder / "lab.yaml"
    path.write_text(text, encoding="utf-8")
    return read_lab_file(path)


def faults(folder: Path, text: str) -> str:
    with pytest.raises(LabFileError) as caught:
        read(folder, text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_sound_lab_file_is_read(tmp_path: Path) -> None:
    lab = read(tmp_path, WRITTEN)
    assert [stock.pump for stock in lab.stocks] == ["pump-1", "pump-2"]
    assert lab.interlocks[0].above == 330


def test_two_stocks_of_one_name_are_refused(tmp_path: Path) -> None:
    """Volumes go by the stock's name, so only one of the two would be dispensed."""
    said = faults(tmp_path, WRITTEN.replace("selenium stock", "cadmium stock"))
    assert "two stocks are called 'cadmium stock'" in said


def test_two_stocks_in_one_syringe_are_refused(tmp_path: Path) -> None:
    said = faults(tmp_path, WRITTEN.replace("pump: pump-2", "pump: pump-1"))
    assert "'cadmium stock' and 'selenium stock' are both on the pump 'pump-1'" in said


def test_every_fault_of_the_names_is_told_at_once(tmp_path: Path) -> None:
    text = WRITTEN.replace("selenium stock", "cadmium stock").replace("handler: me", "handler: you")
    said = faults(tmp_path, text.replace("signal: plate.", "signal: oven."))
    assert "two stocks are called" in said
    assert "handler names the instrument 'you'" in said
    assert "interlock 'oven.temperature_c' names the instrument 'oven'" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("interlocks: []\n", r"line 15: 'interlocks' is given twice \(first in line 13\)"),
        ("stirring_rpm: 2024-13-45\n", "month must be in 1..12"),
        ("cool_below_c: [\n", "is not YAML"),
    ],
)
def test_what_is_no_yaml_is_told_in_one_line(tmp_path: Path, more: str, said: str) -> None:
    """A second `interlocks:` would have removed the first, and nobody would have known."""
    assert re.search(said, faults(tmp_path, WRITTEN + more))


def test_keys_given_twice_hide_no_other_fault(tmp_path: Path) -> None:
    said = faults(tmp_path, WRITTEN.replace("above: 330", "above: .nan") + "interlock: []\nhandler: me\nname: other\n")
    assert "line 16: 'handler' is given twice (first in line 4)" in said
    assert "line 17: 'name' is given twice (first in line 2)" in said
    assert "interlocks.0.above: " in said
    assert "interlock: is not a key" in said


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("above: 330", "above: .nan", "interlocks.0.above"),
        ("above: 330", "above: .inf", "interlocks.0.above"),
        ("hotplate: plate", "hotplate: plate\nmax_temperature_c: .nan", "max_temperature_c"),
        ("hotplate: plate", "hotplate: plate\nmax_temperature_c: .inf", "max_temperature_c"),
        ("hotplate: plate", "hotplate: plate\ncool_below_c: .nan", "cool_below_c"),
        ("hotplate: plate", "hotplate: plate\nwatchdog_s: .inf", "watchdog_s"),
        ("driver: ika-hotplate,", "driver: ika-hotplate, max_temperature_c: .nan,", "instruments.plate"),
    ],
)
def test_a_limit_that_could_never_be_passed_is_refused(tmp_path: Path, old: str, new: str, place: str) -> None:
    said = faults(tmp_path, WRITTEN.replace(old, new))
    assert f"{place}: " in said
    assert "finite" in said


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("above: 330", "above: on", "interlocks.0.above"),
        ("hotplate: plate", "hotplate: plate\nmax_temperature_c: yes", "max_temperature_c"),
        ("hotplate: plate", "hotplate: plate\nwatchdog_s: off", "watchdog_s"),
        ("hotplate: plate", "hotplate: plate\nstirring_rpm: yes", "stirring_rpm"),
        ("contains: {CdO: 0.2}", "contains: {CdO: yes}", "stocks.0.contains.CdO"),
        ("vessel: flask,", "vessel: flask, smallest_volume_ml: yes,", "stocks.0.smallest_volume_ml"),
    ],
)
def test_yes_is_no_number(tmp_path: Path, old: str, new: str, place: str) -> None:
    said = faults(tmp_path, WRITTEN.replace(old, new))
    assert f"{place}: " in said
    assert "is no number" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no lab; begin with 'name:'"),
        ("- a\n", "holds no lab; begin with 'name:'"),
        (
            WRITTEN.replace("{driver: person}", "person"),
            "instruments.me: is no mapping; write a value behind each name",
        ),
        (WRITTEN.partition("interlocks:")[0] + "interlocks: plate\n", "interlocks: is no list; write it as [plate]"),
        (
            WRITTEN.partition("interlocks:")[0] + "interlock: []\n",
            "interlock: is not a key that a lab has here; did you mean 'interlocks'?",
        ),
        (
            WRITTEN.replace("contains: {Se", "contain: {Se"),
            "contain: is not a key that a lab has here; did you mean",
        ),
        (
            WRITTEN.replace("above: 330", "above: 330 °C"),
            "interlocks.0.above: '330 °C' is no number; write",
        ),
        (
            WRITTEN.replace("vessel: syringe", "vessel: syring"),
            "vessel: 'syring' should be 'flask' or 'syringe'; did",
        ),
        (
            WRITTEN.replace("injected: true", "injected: perhaps"),
            "injected: 'perhaps' is neither true nor false",
        ),
        (WRITTEN.replace("{CdO: 0.2}", "{12: 0.2}"), "stocks.0.contains.12: 12 is no text"),
        (WRITTEN.replace("handler: me", ""), "handler: is missing; add it"),
    ],
)
def test_faults_are_in_words_that_need_no_programmer(tmp_path: Path, text: str, said: str) -> None:
    assert said in faults(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "driver: ika-hotplate,",
            "driver: ika-hotplate, baudrat: 9600,",
            (
                "instruments.plate.baudrat: is not an option of the driver 'ika-hotplate', which takes url, baudrate, "
                "max_temperature_c, timeout_s; did you mean 'baudrate'?"
            ),
        ),
        (
            "{driver: person}",
            "{driver: person, ask: twice}",
            "instruments.me.ask: is not an option of the driver 'person', which takes no options; remove it",
        ),
        (
            "{driver: person}",
            "{driver: person, name: Ann}",
            "instruments.me.name: is not an option of the driver 'person', which takes no options; remove it",
        ),
        (", syringe_volume_ml: 30", "", "instruments.pump-2.syringe_volume_ml: is missing; add it"),
        ("ika-hotplate", "ika", "instruments.plate.driver: no driver called 'ika' is installed (known: ika-hotplate,"),
    ],
)
def test_what_no_driver_takes_is_named_with_its_file_and_what_it_does_take(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert WRITTEN.count(old) == 1
    found = faults(tmp_path, WRITTEN.replace(old, new) + "stirring: fast\n")
    assert found.startswith(f"{tmp_path / 'lab.yaml'}: ")
    assert said in found
    assert "stirring: is not a key" in found
    assert "__init__" not in found


def test_an_option_of_an_instrument_that_no_file_describes_is_named_too() -> None:
    plate = InstrumentConfig(driver="ika-hotplate", url="/dev/null", speed=9600)  # type: ignore[call-arg]
    config = LabConfig(name="bench", instruments={"plate": plate}, hotplate="plate", handler="plate", stocks=())
    with pytest.raises(LabFileError, match=r"plate\.speed: is not an option of the driver 'ika-hotplate'"):
        Bench.open(config)


def test_doses_that_a_pumps_counter_cannot_tell_from_none_are_refused(tmp_path: Path) -> None:
    """The executor takes 0.005 mL more or less for what was asked, so such a dose would never be given."""
    said = faults(tmp_path, WRITTEN.replace("vessel: flask,", "vessel: flask, smallest_volume_ml: 0.004,"))
    assert "stocks.0.smallest_volume_ml: 0.004 should be greater than or equal to 0.01" in said
