"""The wire as the manuals have it, seen from the computer's side; New Era 1200-01 chapter 10, IKA "NAMUR commands"."""

import pytest

from sim.devices import VirtualPump
from sim.hotplate import VirtualHotplate
from sim.thermal import ThermalModel


class Notes(list):
    def __call__(self, event, **details):
        self.append((event, details))

    def last(self, event):
        return next(details for name, details in reversed(self) if name == event)


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def pump(notes):
    return VirtualPump(
        model="NE1000", fastest_cm_per_min=5.1, syringe_diameter_mm=26.59, syringe_volume_ml=60.0, tell=notes
    )


@pytest.fixture
def plate(notes):
    return VirtualHotplate(ThermalModel(), notes)


def ask(device, *commands):
    return [device.answer(command) for command in commands][-1]


@pytest.mark.parametrize(
    ("before", "command", "reply"),
    [
        ([], b"", b"00S"),
        ([], b"VER", b"00SNE1000V3.928"),
        ([], b"0VER", b"00SNE1000V3.928"),
        ([], b"00 ver ", b"00SNE1000V3.928"),
        ([], b"\x00V\x01E\tR\n", b"00SNE1000V3.928"),
        ([], b"DIA", b"00S26.59"),
        ([], b"DIA 14.43", b"00S"),
        ([b"DIA 14.43"], b"DIA", b"00S14.43"),
        ([], b"DIA 81", b"00S?OOR"),
        ([], b"DIA 26.594", b"00S?"),
        ([], b"DIA abc", b"00S?"),
        ([], b"RAT 10.00 MM", b"00S"),
        ([b"RAT 10.00 MM"], b"RAT", b"00S10.00MM"),
        ([b"RAT 500 UH"], b"RAT", b"00S500.0UH"),
        ([], b"RAT 29 MM", b"00S?OOR"),
        ([], b"RAT 0 MM", b"00S?OOR"),
        ([b"VOL 5"], b"VOL", b"00S5.000ML"),
        ([b"VOL UL", b"VOL 9999"], b"VOL", b"00S9999.UL"),
        ([b"DIA 14.0"], b"VOL", b"00S0.000UL"),
        ([b"DIA 14.1"], b"VOL", b"00S0.000ML"),
        ([], b"DIR", b"00SINF"),
        ([b"DIR WDR"], b"DIR", b"00SWDR"),
        ([b"DIR REV"], b"DIR", b"00SWDR"),
        ([], b"DIR UP", b"00S?"),
        ([], b"DIS", b"00SI0.000W0.000ML"),
        ([], b"STP", b"00S?NA"),
        ([b"VOL 5"], b"RUN", b"00I"),
        ([b"VOL 5", b"RUN"], b"RUN", b"00I?NA"),
        ([b"VOL 5", b"RUN"], b"DIA 20", b"00I?NA"),
        ([b"VOL 5", b"RUN"], b"VOL 9", b"00I?NA"),
        ([b"VOL 5", b"RUN"], b"CLD INF", b"00I?NA"),
        ([b"VOL 5", b"RUN"], b"RAT 5", b"00I"),
        ([b"VOL 5", b"RUN"], b"RAT 5 MH", b"00I?NA"),
        ([b"VOL 5", b"RUN"], b"STP", b"00P"),
        ([b"VOL 5", b"RUN", b"STP"], b"STP", b"00S"),
        ([], b"CLD INF", b"00S"),
        ([], b"CLD", b"00S?"),
        ([], b"HELLO", b"00S?"),
        ([], b"\xff\xfe\xfd", b"00S"),
    ],
)
def test_the_pump_answers_as_the_manual_says(pump, before, command, reply):
    for earlier in before:
        pump.answer(earlier)
    assert pump.answer(command) == b"\x02" + reply + b"\x03"


def test_a_pump_is_silent_to_another_address(pump):
    assert pump.answer(b"07VER") == b""


def test_an_alarm_takes_the_place_of_the_first_command(pump):
    pump.alarm = "R"
    assert ask(pump, b"VOL 5") == b"\x0200A?R\x03"
    assert ask(pump, b"VOL") == b"\x0200S0.000ML\x03"


def run(pump, volume, rate, unit=b"ML"):
    ask(pump, b"VOL " + unit, b"VOL " + volume, b"RAT " + rate + b" MM", b"RUN")


def test_a_dose_goes_out_at_its_rate_and_ends_by_itself(pump, notes):
    run(pump, b"5.000", b"10.00")
    assert pump.seconds_to_end() == pytest.approx(30.0)
    assert pump.advance(12.0) == pytest.approx(2.0)
    assert ask(pump, b"DIS") == b"\x0200II2.000W0.000ML\x03"
    assert pump.advance(18.0) == pytest.approx(3.0)
    assert ask(pump, b"DIS") == b"\x0200SI5.000W0.000ML\x03"
    assert pump.advance(100.0) == 0.0
    assert notes.last("dispense ended") == {"reason": "complete", "dispensed_ml": 5.0, "lifetime_ml": 5.0}


def test_a_paused_program_goes_on_where_it_was_and_a_stopped_one_starts_anew(pump):
    run(pump, b"5.000", b"10.00")
    pump.advance(12.0)
    ask(pump, b"STP", b"RUN")
    assert pump.seconds_to_end() == pytest.approx(18.0)
    ask(pump, b"STP", b"STP", b"RUN")
    assert pump.seconds_to_end() == pytest.approx(30.0)


def test_clearing_the_counter_leaves_the_lifetime_alone(pump):
    run(pump, b"1.000", b"10.00")
    pump.advance(6.0)
    ask(pump, b"CLD INF")
    assert ask(pump, b"DIS") == b"\x0200SI0.000W0.000ML\x03"
    assert pump.lifetime_ml == pytest.approx(1.0)


def test_the_counter_cuts_digits_off(pump):
    run(pump, b"12.35", b"20.00")
    pump.advance(pump.seconds_to_end() - 0.006)
    assert ask(pump, b"DIS") == b"\x0200II12.34W0.000ML\x03"


def test_the_counter_follows_the_unit(pump):
    run(pump, b"250.0", b"1.000", unit=b"UL")
    pump.advance(15.0)
    assert ask(pump, b"DIS") == b"\x0200SI250.0W0.000UL\x03"
    assert ask(pump, b"VOL ML", b"DIS") == b"\x0200SI0.250W0.000ML\x03"


def test_an_empty_syringe_stalls_the_pump(pump, notes):
    pump.in_syringe_ml = 2.0
    run(pump, b"5.000", b"10.00")
    assert pump.advance(12.0) == pytest.approx(2.0)
    assert notes.last("dispense ended")["reason"] == "stalled"
    assert ask(pump, b"DIS") == b"\x0200A?S\x03"
    assert ask(pump, b"DIS") == b"\x0200SI2.000W0.000ML\x03"
    assert ask(pump, b"RUN") == b"\x0200A?S\x03"


def test_withdrawing_fills_the_syringe_and_counts_apart(pump):
    pump.in_syringe_ml = 10.0
    ask(pump, b"DIR WDR")
    run(pump, b"4.000", b"10.00")
    assert pump.status == "W"
    assert pump.advance(24.0) == pytest.approx(-4.0)
    assert pump.in_syringe_ml == pytest.approx(14.0)
    assert ask(pump, b"DIS") == b"\x0200SI0.000W4.000ML\x03"
    assert pump.lifetime_ml == 0.0


def test_a_power_cut_loses_the_counter_and_nothing_else(pump, notes):
    run(pump, b"5.000", b"10.00")
    pump.advance(12.0)
    state = pump.snapshot()
    other = VirtualPump(
        model="NE1000", fastest_cm_per_min=5.1, syringe_diameter_mm=20.0, syringe_volume_ml=60.0, tell=notes
    )
    other.restore(state)
    assert notes.last("dispense ended") == {"reason": "power cut", "dispensed_ml": 2.0, "lifetime_ml": 2.0}
    assert ask(other, b"") == b"\x0200A?R\x03"
    assert ask(other, b"DIS") == b"\x0200SI0.000W0.000ML\x03"
    assert ask(other, b"DIA") == b"\x0200S26.59\x03"
    assert other.lifetime_ml == pytest.approx(2.0)
    assert other.in_syringe_ml == pytest.approx(58.0)


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


def test_the_watchdog_switches_heater_and_motor_off_in_time(plate, notes):
    ask(plate, b"OUT_SP_1 200", b"OUT_SP_4 600", b"START_1", b"START_4", b"OUT_WD1@60")
    plate.advance(59.0)
    ask(plate, b"IN_PV_1")
    assert plate.heating
    plate.advance(1.0)
    assert not plate.heating
    assert not plate.stirring
    assert notes.last("heater off")["reason"] == "watchdog"


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


def test_reset_switches_everything_off(plate, notes):
    ask(plate, b"OUT_SP_4 600", b"START_1", b"START_4", b"OUT_WD1@60", b"RESET")
    assert (plate.heating, plate.stirring, plate.watchdog_s) == (False, False, 0)
    assert notes.last("heater off")["reason"] == "reset"


def test_the_safety_circuit_switches_an_overheated_plate_off(plate, notes):
    ask(plate, b"OUT_SP_1 200", b"START_1")
    plate.thermal.plate_c = 380.0
    plate.advance(1.0)
    assert not plate.heating
    assert notes.last("heater off")["reason"] == "safety temperature"
