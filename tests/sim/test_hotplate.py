"""The wire as the manual has it, seen from the computer's side; IKA, "NAMUR commands"."""

import pytest

from sim.hotplate import VirtualHotplate
from sim.thermal import ThermalModel


@pytest.fixture
def switched_off():
    """Reasons for which the heater went off, in their order."""
    return []


@pytest.fixture
def plate(switched_off):
    def tell(event, reason, **details):
        if event == "heater off":
            switched_off.append(reason)

    return VirtualHotplate(ThermalModel(), tell)


def ask(device, *commands):
    return [device.answer(command) for command in commands][-1]


@pytest.mark.parametrize(
    ("before", "command", "reply"),
    [
        ([], b"IN_NAME \r ", b"IKARET\r\n"),
        ([], b"IN_NAME\r", b"IKARET\r\n"),
        ([], b"IN_PV_1", b"25.0 1\r\n"),
        ([], b"IN_PV_2", b"25.0 2\r\n"),
        ([], b"IN_PV_4", b"0.0 4\r\n"),
        ([], b"IN_SP_3", b"370.0 3\r\n"),
        ([b"OUT_SP_1 240.5"], b"IN_SP_1", b"240.5 1\r\n"),
        ([b"OUT_SP_1  240.5 \r "], b"IN_SP_1", b"240.5 1\r\n"),
        ([b"OUT_SP_1 341"], b"IN_SP_1", b"0.0 1\r\n"),
        ([b"OUT_SP_1 -5"], b"IN_SP_1", b"0.0 1\r\n"),
        ([b"OUT_SP_4 600"], b"IN_SP_4", b"600.0 4\r\n"),
        ([b"OUT_SP_4 10"], b"IN_SP_4", b"0.0 4\r\n"),
        ([b"OUT_SP_4 600", b"START_4"], b"IN_PV_4", b"600.0 4\r\n"),
        ([b"OUT_SP_4 600", b"START_4", b"STOP_4"], b"IN_PV_4", b"0.0 4\r\n"),
        ([], b"OUT_SP_1 200", b""),
        ([], b"START_1", b""),
        ([], b"OUT_WD1@60", b"60.0\r\n"),
        ([], b"OUT_WD1@19", b""),
        ([], b"OUT_WD1@1501", b""),
        ([], b"OUT_WD2@0", b"0.0\r\n"),
        ([], b"in_name", b""),
        ([], b"NONSENSE", b""),
        ([], b"\xff\xfe", b""),
    ],
)
def test_the_hotplate_answers_as_the_manual_says(plate, before, command, reply):
    for earlier in before:
        assert plate.answer(earlier) == b""
    assert plate.answer(command) == reply


def test_the_watchdog_switches_heater_and_motor_off_in_time(plate, switched_off):
    ask(plate, b"OUT_SP_1 200", b"OUT_SP_4 600", b"START_1", b"START_4", b"OUT_WD1@60")
    plate.advance(59.0)
    ask(plate, b"IN_PV_1")
    assert plate.heating
    plate.advance(1.0)
    assert not plate.heating
    assert not plate.stirring
    assert switched_off == ["watchdog"]


def test_only_its_own_command_feeds_the_watchdog(plate):
    ask(plate, b"START_1", b"OUT_WD1@60")
    plate.advance(40.0)
    ask(plate, b"OUT_WD1@60")
    plate.advance(40.0)
    assert plate.heating
    assert plate.seconds_to_watchdog() == pytest.approx(20.0)
    ask(plate, b"OUT_WD2@0")
    plate.advance(1e4)
    assert plate.heating


def test_reset_switches_everything_off(plate, switched_off):
    ask(plate, b"OUT_SP_4 600", b"START_1", b"START_4", b"OUT_WD1@60", b"RESET")
    assert (plate.heating, plate.stirring, plate.watchdog_s) == (False, False, 0)
    assert switched_off == ["reset"]


def test_the_safety_circuit_switches_an_overheated_plate_off(plate, switched_off):
    ask(plate, b"OUT_SP_1 200", b"START_1")
    plate.thermal.plate_c = 380.0
    plate.advance(1.0)
    assert not plate.heating
    assert switched_off == ["safety temperature"]
