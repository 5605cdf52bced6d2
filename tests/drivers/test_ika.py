"""Bytes as in IKA's manual of the RCT digital, "NAMUR commands": blank CR blank LF after each command."""

import pytest
import serial

from closedloop.lab import Hotplate, NoAnswer, Refused
from drivers.ika import IkaHotplate


def plate(**options):
    return IkaHotplate("plate", **{"url": "/dev/ttyUSB1"} | options)


def reheat(p):
    p.arm_watchdog(60)
    p.temperature_c()
    p.arm_watchdog(0)
    return p.temperature_c()


TRANSCRIPTS = {
    "connect": (
        lambda p: p.connect(),
        None,
        [(b"IN_NAME \r \n", b"RCT digital \r\n"), (b"IN_SP_3 \r \n", b"360.0 3\r\n")],
    ),
    "identify": (lambda p: p.identify(), "IKA RET", [(b"IN_NAME \r \n", b"IKARET \r \n")]),
    "temperature_c": (lambda p: p.temperature_c(), 251.3, [(b"IN_PV_1 \r \n", b"251.3 1\r\n")]),
    "plate_temperature_c": (lambda p: p.plate_temperature_c(), 270.0, [(b"IN_PV_2 \r \n", b"270.0 2 \r \n")]),
    "speed_rpm": (lambda p: p.speed_rpm(), 600.0, [(b"IN_PV_4 \r \n", b"600.0 4\r\n")]),
    "set_temperature_c": (lambda p: p.set_temperature_c(), 240.0, [(b"IN_SP_1 \r \n", b"240.0 1\r\n")]),
    "safety_temperature_c": (lambda p: p.safety_temperature_c(), 360.0, [(b"IN_SP_3 \r \n", b"360.0 3\r\n")]),
    "set_temperature": (
        lambda p: p.set_temperature(240.5),
        None,
        [(b"OUT_SP_1 240.5 \r \nIN_SP_1 \r \n", b"240.5 1\r\n")],
    ),
    "start_heating": (lambda p: p.start_heating(), None, [(b"START_1 \r \nIN_SP_1 \r \n", b"240.5 1\r\n")]),
    "stop_heating": (lambda p: p.stop_heating(), None, [(b"STOP_1 \r \nIN_SP_1 \r \n", b"240.5 1\r\n")]),
    "start_stirring": (
        lambda p: p.start_stirring(600),
        None,
        [
            (b"OUT_SP_4 600 \r \nIN_SP_4 \r \n", b"600.0 4\r\n"),
            (b"START_4 \r \nIN_SP_1 \r \n", b"25.0 1\r\n"),
        ],
    ),
    "make_safe": (
        lambda p: p.make_safe(),
        None,
        [(b"STOP_1 \r \nIN_SP_1 \r \n", b"240.5 1\r\n"), (b"STOP_4 \r \nIN_SP_1 \r \n", b"240.5 1\r\n")],
    ),
    "the watchdog is fed until it is disarmed": (
        reheat,
        26.0,
        [
            (b"OUT_WD1@60 \r \n", b"60.0\r\n"),
            (b"OUT_WD1@60 \r \n", b"60.0\r\n"),
            (b"IN_PV_1 \r \n", b"25.0 1\r\n"),
            (b"OUT_WD2@0 \r \n", b"0.0\r\n"),
            (b"IN_PV_1 \r \n", b"26.0 1\r\n"),
        ],
    ),
}


@pytest.mark.parametrize("call", TRANSCRIPTS)
def test_the_bytes_are_those_of_the_manual(call, play):
    act, result, exchanges = TRANSCRIPTS[call]
    play(exchanges)
    assert act(plate()) == result


def test_the_port_is_opened_with_seven_bits_and_even_parity(monkeypatch):
    opened = {}
    monkeypatch.setattr(serial, "serial_for_url", lambda url, **settings: opened.update(settings, url=url))
    p = plate()
    p._line.open()
    assert opened["url"] == "/dev/ttyUSB1"
    assert (opened["baudrate"], opened["bytesize"], opened["parity"], opened["stopbits"]) == (9600, 7, "E", 1)


@pytest.mark.parametrize(
    "reply", [b"nonsense\r\n", b"25.0\r\n", b"25.0 2\r\n", b"25,0 1\r\n", b"\xb0\xb1 1\r\n", b"\r\n"]
)
def test_a_garbled_temperature_is_refused(reply, play):
    play([(b"IN_PV_1 \r \n", reply)])
    with pytest.raises(Refused, match="plate: answers"):
        plate().temperature_c()


def test_an_echo_is_passed_over(play):
    play([(b"STOP_1 \r \nIN_SP_1 \r \n", b"STOP_1 \r \nIN_SP_1 \r \n99.0 1\r\n")])
    plate().stop_heating()


def test_silence_is_no_answer(play):
    play([(b"IN_PV_1 \r \n", b"")])
    with pytest.raises(NoAnswer, match="plate: nothing came back"):
        plate().temperature_c()


def test_a_set_point_that_the_plate_did_not_take_is_refused(play):
    play([(b"OUT_SP_1 320.0 \r \nIN_SP_1 \r \n", b"310.0 1\r\n")])
    with pytest.raises(Refused, match="holds a set point of 310 °C instead of 320"):
        plate().set_temperature(320.0)


def test_a_plate_that_keeps_whole_degrees_is_good_enough(play):
    play([(b"OUT_SP_1 227.5 \r \nIN_SP_1 \r \n", b"228.0 1\r\n")])
    plate().set_temperature(227.5)


@pytest.mark.parametrize("temperature", [300.1, -1.0, float("nan"), float("inf")])
def test_a_set_point_outside_the_limits_is_never_sent(temperature, play):
    play([])
    with pytest.raises(Refused, match="outside 0 to 300"):
        plate(max_temperature_c=300.0).set_temperature(temperature)


@pytest.mark.parametrize("seconds", [19, 1501, -1, float("nan")])
def test_a_watchdog_outside_its_range_is_never_sent(seconds, play):
    play([])
    with pytest.raises(Refused, match="20 to 1500"):
        plate().arm_watchdog(seconds)


def test_a_watchdog_that_does_not_echo_its_time_is_refused(play):
    play([(b"OUT_WD1@60 \r \n", b"20.0\r\n")])
    with pytest.raises(Refused, match="may not be armed"):
        plate().arm_watchdog(60)


def test_make_safe_stops_the_motor_even_where_the_heater_does_not_answer(play):
    play([(b"STOP_1 \r \nIN_SP_1 \r \n", b""), (b"STOP_4 \r \nIN_SP_1 \r \n", b"25.0 1\r\n")])
    with pytest.raises(NoAnswer):
        plate().make_safe()


def test_a_lost_stop_is_sent_again(play):
    play(
        [
            (b"STOP_1 \r \nIN_SP_1 \r \n", serial.SerialException("gone")),
            (b"STOP_1 \r \nIN_SP_1 \r \n", b"25.0 1\r\n"),
        ]
    )
    plate().stop_heating()


@pytest.mark.parametrize("name", [b"\r\n", b"25.0 1\r\n", b"\x02\x03\r\n"])
def test_another_device_is_refused(name, play):
    play([(b"IN_NAME \r \n", name)])
    with pytest.raises(Refused, match="is this an IKA hotplate"):
        plate().connect()


@pytest.mark.parametrize(
    ("option", "value"), [("max_temperature_c", 0), ("baudrate", -1), ("timeout_s", "1"), ("url", 3)]
)
def test_a_wrong_option_is_named(option, value):
    with pytest.raises(ValueError, match=option):
        plate(**{option: value})


def test_it_is_a_hotplate():
    assert isinstance(plate(), Hotplate)
