"""The wire as the manual has it, seen from the computer's side; New Era 1200-01 chapter 10."""

import pytest

from sim.devices import VirtualPump


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
