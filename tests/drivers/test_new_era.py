"""Bytes as in New Era's manual, publication 1200-01: 10.2 (basic mode), 10.3 (commands), 10.4 (errors and alarms)."""

import doctest

import pytest
import serial

import drivers.new_era
from closedloop.lab import Blocked, NoAnswer, Pump, Refused
from drivers.new_era import NewEraPump, format_number


def pump(**options):
    settings = {"url": "/dev/ttyUSB0", "syringe_diameter_mm": 26.59, "syringe_volume_ml": 60.0}
    return NewEraPump("pump", **settings | options)


def say(data, address="00"):
    return b"\x02" + f"{address}{data}".encode() + b"\x03"


WAKE = [(b"00\r", say("S")), (b"00VER\r", say("SNE1000V3.928")), (b"00DIA\r", say("S26.59"))]

# What is called, what goes out, and what the pump answers, byte by byte.
TRANSCRIPTS = {
    "connect": (lambda p: p.connect(), None, WAKE),
    "connect after power-up": (
        lambda p: p.connect(),
        None,
        [(b"00\r", b"\x0200A?R\x03"), *WAKE],
    ),
    "connect with another syringe": (
        lambda p: p.connect(),
        None,
        [
            (b"00\r", b"\x0200S\x03"),
            (b"00VER\r", b"\x0200SNE1010V3.928\x03"),
            (b"00DIA\r", b"\x0200S14.43\x03"),
            (b"00\r", b"\x0200S\x03"),
            (b"00\r", b"\x0200S\x03"),
            (b"00DIA 26.59\r", b"\x0200S\x03"),
        ],
    ),
    "identify": (lambda p: p.identify(), "New Era NE1000 V3.928", [(b"00VER\r", b"\x0200SNE1000V3.928\x03")]),
    "is_running, infusing": (lambda p: p.is_running(), True, [(b"00\r", b"\x0200I\x03")]),
    "is_running, stopped": (lambda p: p.is_running(), False, [(b"00\r", b"\x0200S\x03")]),
    "is_running, paused": (lambda p: p.is_running(), False, [(b"00\r", b"\x0200P\x03")]),
    "stop while pumping": (
        lambda p: p.stop(),
        None,
        [(b"00\r", b"\x0200I\x03"), (b"00STP\r", b"\x0200P\x03"), (b"00STP\r", b"\x0200S\x03")],
    ),
    "stop while paused": (lambda p: p.stop(), None, [(b"00\r", b"\x0200P\x03"), (b"00STP\r", b"\x0200S\x03")]),
    "stop while stopped": (lambda p: p.stop(), None, [(b"00\r", b"\x0200S\x03")]),
    "dispensed_ml in mL": (lambda p: p.dispensed_ml(), 5.012, [(b"00DIS\r", b"\x0200SI5.012W0.000ML\x03")]),
    "dispensed_ml in uL": (lambda p: p.dispensed_ml(), 0.2505, [(b"00DIS\r", b"\x0200II250.5W0.000UL\x03")]),
    "clear_counter": (lambda p: p.clear_counter(), None, [(b"00CLD INF\r", b"\x0200S\x03")]),
    "make_safe through a stall": (
        lambda p: p.make_safe(),
        None,
        [(b"00\r", b"\x0200A?S\x03"), (b"00\r", b"\x0200S\x03")],
    ),
    "dispense millilitres": (
        lambda p: p.dispense(12.5, 20.0),
        None,
        [
            (b"00\r", b"\x0200S\x03"),
            (b"00\r", b"\x0200S\x03"),
            (b"00DIS\r", b"\x0200SI0.000W0.000ML\x03"),
            (b"00DIR INF\r", b"\x0200S\x03"),
            (b"00VOL ML\r", b"\x0200S\x03"),
            (b"00VOL 12.50\r", b"\x0200S\x03"),
            (b"00RAT 20.00 MM\r", b"\x0200S\x03"),
            (b"00VOL\r", b"\x0200S12.50ML\x03"),
            (b"00RAT\r", b"\x0200S20.00MM\x03"),
            (b"00RUN\r", b"\x0200I\x03"),
        ],
    ),
    "dispense microlitres, slowly": (
        lambda p: p.dispense(0.0255, 0.00042),
        None,
        [
            (b"00\r", b"\x0200S\x03"),
            (b"00\r", b"\x0200S\x03"),
            (b"00DIS\r", b"\x0200SI0.000W0.000ML\x03"),
            (b"00DIR INF\r", b"\x0200S\x03"),
            (b"00VOL UL\r", b"\x0200S\x03"),
            (b"00VOL 25.50\r", b"\x0200S\x03"),
            (b"00RAT 0.420 UM\r", b"\x0200S\x03"),
            (b"00VOL\r", b"\x0200S25.5UL\x03"),
            (b"00RAT\r", b"\x0200S0.42UM\x03"),
            (b"00RUN\r", b"\x0200I\x03"),
        ],
    ),
    "dispense the rest in the unit of the counter": (
        lambda p: p.dispense(0.4, 5.0),
        None,
        [
            (b"00\r", b"\x0200P\x03"),
            (b"00\r", b"\x0200P\x03"),
            (b"00STP\r", b"\x0200S\x03"),
            (b"00DIS\r", b"\x0200SI3.100W0.000ML\x03"),
            (b"00DIR INF\r", b"\x0200S\x03"),
            (b"00VOL ML\r", b"\x0200S\x03"),
            (b"00VOL 0.400\r", b"\x0200S\x03"),
            (b"00RAT 5.000 MM\r", b"\x0200S\x03"),
            (b"00VOL\r", b"\x0200S0.400ML\x03"),
            (b"00RAT\r", b"\x0200S5.000MM\x03"),
            (b"00RUN\r", b"\x0200I\x03"),
        ],
    ),
}


@pytest.mark.parametrize("call", TRANSCRIPTS)
def test_the_bytes_are_those_of_the_manual(call, play):
    act, result, exchanges = TRANSCRIPTS[call]
    play(exchanges)
    assert act(pump()) == pytest.approx(result) if isinstance(result, float) else act(pump()) == result


def test_another_address_is_in_every_command(play):
    play([(b"07DIS\r", say("SI1.000W0.000ML", "07"))])
    assert pump(address=7).dispensed_ml() == 1.0


def test_an_answer_of_another_pump_is_refused(play):
    play([(b"07DIS\r", say("SI1.000W0.000ML", "08"))])
    with pytest.raises(Refused, match="pump 08 answers instead of 07"):
        pump(address=7).dispensed_ml()


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        ("S?", Refused, "does not know this command"),
        ("S?NA", Refused, "does not apply"),
        ("S?OOR", Refused, "out of its range"),
        ("S?COM", Refused, "damaged message"),
        ("S?IGN", Refused, "could not take it"),
        ("S?XYZ", Refused, "not define"),
        ("A?R", Refused, "power was interrupted"),
        ("A?S", Blocked, "has stalled"),
        ("A?T", Refused, "safe mode"),
        ("A?E", Refused, "fault in its pumping program"),
        ("A?O", Refused, "phase of its program"),
    ],
)
def test_errors_and_alarms_are_named(data, error, words, play):
    play([(b"00CLD INF\r", say(data))])
    with pytest.raises(error, match=words):
        pump().clear_counter()


@pytest.mark.parametrize(
    "frame",
    [
        b"\x0200Q\x03",
        b"00S\x03",
        b"\x02\xff\xfeS\x03",
        b"\x020S\x03",
        b"\x03",
        b"\x0200SI1.0.0W0.000ML\x03",
        b"\x0200S\x03",
    ],
)
def test_a_garbled_answer_is_refused_and_never_read_as_a_volume(frame, play):
    play([(b"00DIS\r", frame)])
    with pytest.raises(Refused, match="manual does not define"):
        pump().dispensed_ml()


def test_the_echo_of_an_adapter_is_passed_over(play):
    play([(b"00DIS\r", b"00DIS\r" + say("SI1.500W0.000ML"))])
    assert pump().dispensed_ml() == 1.5


def test_a_frame_that_was_cut_short_gives_way_to_the_whole_one(play):
    play([(b"00DIS\r", b"\x0200SI9.9" + say("SI1.500W0.000ML"))])
    assert pump().dispensed_ml() == 1.5


def test_silence_is_no_answer(play):
    play([(b"00DIS\r", b"")])
    with pytest.raises(NoAnswer, match="pump: nothing came back"):
        pump().dispensed_ml()


def test_a_lost_counter_is_never_reported_as_zero(play):
    """After a power cut the pump shows 0 mL; a loop that believed it would give the dose a second time."""
    play([(b"00\r", say("A?R")), *WAKE, (b"00CLD INF\r", say("S")), (b"00DIS\r", say("SI0.000W0.000ML"))])
    resumed = pump()
    resumed.connect()
    with pytest.raises(Refused, match="lost its counter"):
        resumed.dispensed_ml()
    resumed.clear_counter()
    assert resumed.dispensed_ml() == 0.0


@pytest.mark.parametrize("act", [lambda p: p.dispensed_ml(), lambda p: p.dispense(5.0, 10.0)])
def test_a_stall_while_the_computer_was_away_is_told_at_the_next_dose(act, play, caplog):
    """Asking for it cleared the pump's alarm: whoever pumps next would press on the blocked line again."""
    play([(b"00\r", say("A?S")), *WAKE, (b"00DIS\r", say("SI1.500W0.000ML"))])
    resumed = pump()
    resumed.connect()
    assert "pump: has stalled" in caplog.text
    with pytest.raises(Blocked, match=r"pump: has stalled.* \(seen while connecting or stopping\)"):
        act(resumed)
    # Told once, as a stall during a dose is; a line that is still blocked stalls again.
    assert resumed.dispensed_ml() == 1.5


def test_a_stall_that_make_safe_met_is_not_forgotten(play):
    play([(b"00\r", say("A?S")), (b"00\r", say("S"))])
    stalled = pump()
    stalled.make_safe()
    with pytest.raises(Blocked, match="has stalled"):
        stalled.dispensed_ml()


PROGRAMMED = [
    (b"00\r", say("S")),
    (b"00\r", say("S")),
    (b"00DIS\r", say("SI0.000W0.000ML")),
    (b"00DIR INF\r", say("S")),
    (b"00VOL ML\r", say("S")),
    (b"00VOL 5.000\r", say("S")),
    (b"00RAT 10.00 MM\r", say("S")),
]


def test_run_is_sent_once_even_when_its_answer_is_lost(play):
    lost = serial.SerialException("gone")
    play([*PROGRAMMED, (b"00VOL\r", say("S5.000ML")), (b"00RAT\r", say("S10.00MM")), (b"00RUN\r", lost)])
    with pytest.raises(NoAnswer, match="was lost at b'00RUN"):
        pump().dispense(5.0, 10.0)


def test_a_setting_whose_answer_is_lost_is_sent_again(play):
    play([(b"00CLD INF\r", serial.SerialException("gone")), (b"00CLD INF\r", say("S"))])
    pump().clear_counter()


def test_a_volume_that_the_pump_understood_otherwise_does_not_run(play):
    play([*PROGRAMMED, (b"00VOL\r", say("S50.00ML"))])
    with pytest.raises(Refused, match=r"holds VOL 50\.00 ML instead of 5\.000 ML"):
        pump().dispense(5.0, 10.0)


def test_a_pump_that_does_not_start_is_refused(play):
    play([*PROGRAMMED, (b"00VOL\r", say("S5.000ML")), (b"00RAT\r", say("S10.00MM")), (b"00RUN\r", say("S"))])
    with pytest.raises(Refused, match="did not start"):
        pump().dispense(5.0, 10.0)


def test_a_running_pump_is_not_programmed(play):
    play([(b"00\r", say("I"))])
    with pytest.raises(Refused, match="running already"):
        pump().dispense(5.0, 10.0)


@pytest.mark.parametrize(
    ("volume", "rate", "words"),
    [
        (60.5, 10.0, "more than its syringe holds"),
        (0.0, 10.0, "volume_ml must be"),
        (-1.0, 10.0, "volume_ml must be"),
        (float("nan"), 10.0, "volume_ml must be"),
        (1.0, float("inf"), "rate_ml_per_min must be"),
    ],
)
def test_a_dose_that_makes_no_sense_reaches_no_pump(volume, rate, words, play):
    play([])
    with pytest.raises(Refused, match=words):
        pump().dispense(volume, rate)


@pytest.mark.parametrize(
    ("volume", "rate", "words"),
    [(1e-7, 10.0, "a volume of 1e-07 mL does not fit"), (1.0, 1e-9, "a rate of 1e-09 mL/min")],
)
def test_what_four_digits_cannot_hold_is_refused_before_anything_is_set(volume, rate, words, play):
    play(PROGRAMMED[:3])
    with pytest.raises(Refused, match=words):
        pump().dispense(volume, rate)


def test_another_device_is_refused_by_what_it_calls_itself(play):
    play([(b"00\r", say("S")), (b"00VER\r", say("SACME7"))])
    with pytest.raises(Refused, match="'ACME7', which is no pump of the NE-1000 family"):
        pump().connect()


def test_a_running_pump_keeps_its_diameter(play):
    play([(b"00\r", say("I")), (b"00VER\r", say("INE1000V3.928")), (b"00DIA\r", say("I14.43")), (b"00\r", say("I"))])
    with pytest.raises(Refused, match=r"running with a syringe of 14\.43 mm"):
        pump().connect()


def test_make_safe_tries_again_after_silence_and_then_says_so(play):
    play([(b"00\r", b"")] * 3)
    with pytest.raises(NoAnswer):
        pump().make_safe()


@pytest.mark.parametrize(
    ("value", "text"),
    [(26.594, "26.59"), (0.5, "0.500"), (9.9999, "10.00"), (999.96, "1000"), (1234.4, "1234"), (0.0004, "0.000")],
)
def test_numbers_have_four_digits_and_three_decimals_at_most(value, text):
    assert format_number(value) == text


def test_five_digits_are_too_many():
    with pytest.raises(ValueError, match="four digits"):
        format_number(9999.6)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("address", 100),
        ("address", "1"),
        ("address", True),
        ("syringe_diameter_mm", 0.0),
        ("syringe_diameter_mm", 100.0),
        ("syringe_diameter_mm", "26"),
        ("syringe_volume_ml", -1.0),
        ("timeout_s", float("nan")),
    ],
)
def test_a_wrong_option_is_named(option, value):
    with pytest.raises(ValueError, match=option):
        pump(**{option: value})


def test_it_is_a_pump():
    assert isinstance(pump(), Pump)


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(drivers.new_era).failed == 0
