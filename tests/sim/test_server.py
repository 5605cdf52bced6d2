"""The lab as a process of its own: what it survives, and what it says when it is asked for something wrong."""

import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from closedloop.lab import Blocked, Clock, Instrument, Microscope, NoAnswer, NoImage, Refused, SampleHandler
from drivers.ika import IkaHotplate
from drivers.new_era import NewEraPump
from sim.instruments import VirtualClock, VirtualHandler, VirtualMicroscope
from sim.records import read_journal

ROOT = Path(__file__).parents[2]


def new_pump(lab, name="solvent_pump", diameter=26.59, volume=60.0):
    return NewEraPump(name, url=lab.url(name), syringe_diameter_mm=diameter, syringe_volume_ml=volume, timeout_s=20.0)


@contextlib.contextmanager
def connected(*instruments):
    for instrument in instruments:
        instrument.connect()
    try:
        yield instruments
    finally:
        for instrument in instruments:
            instrument.close()


def request(lab, content):
    """One raw line to the control port, and the answer to it."""
    with (
        socket.create_connection(("127.0.0.1", lab.port()), timeout=20) as connection,
        connection.makefile("rb") as file,
    ):
        connection.sendall(content if isinstance(content, bytes) else json.dumps(content).encode() + b"\n")
        return json.loads(file.readline())


def lifetimes(lab):
    return request(lab, {"do": "counters"})["result"]


def events(lab, name):
    return [event for event in read_journal(lab.directory) if event["event"] == name]


def test_the_drivers_work_the_virtual_devices_over_real_sockets(lab):
    plate = IkaHotplate("hotplate", url=lab.url("hotplate"), timeout_s=20.0)
    clock, handler = VirtualClock("clock", url=lab.url()), VirtualHandler("handler", url=lab.url())
    with connected(clock, handler, plate, new_pump(lab)) as (_, _, _, pump):
        assert pump.identify() == "New Era NE1000 V3.928"
        assert plate.identify() == "IKA RET"
        handler.new_vessel("v1")
        pump.clear_counter()
        pump.dispense(10.0, 20.0)
        clock.sleep(15.0)
        assert pump.is_running()
        assert pump.dispensed_ml() == pytest.approx(5.0, abs=0.001)
        clock.sleep(15.0)
        assert not pump.is_running()
        assert pump.dispensed_ml() == 10.0
        plate.start_stirring(600)
        plate.set_temperature(80.0)
        plate.start_heating()
        clock.sleep(600.0)
        assert plate.temperature_c() == pytest.approx(80.0, abs=0.5)
        assert plate.speed_rpm() == 600.0
        plate.make_safe()
        clock.sleep(900.0)
        assert plate.temperature_c() < 40.0
        assert plate.speed_rpm() == 0.0
    assert lifetimes(lab)["solvent_pump"] == pytest.approx(10.0)


def test_the_virtual_instruments_are_what_the_loop_expects(shared_lab):
    clock = VirtualClock("clock", url=shared_lab.url())
    microscope = VirtualMicroscope("microscope", url=shared_lab.url())
    handler = VirtualHandler("handler", url=shared_lab.url())
    assert isinstance(clock, Instrument)
    assert isinstance(microscope, Microscope)
    assert isinstance(handler, SampleHandler)
    as_clock: Clock = clock
    with connected(clock):
        before = as_clock.now()
        as_clock.sleep(12.5)
        assert as_clock.now() == pytest.approx(before + 12.5)
        assert clock.identify().startswith("VirtualClock of the virtual lab, process ")


def test_lab_time_stands_still_while_the_clock_is_held_and_runs_by_itself_when_it_is_not(start_lab, wait_for):
    lab = start_lab("--free-run-factor", "1000")
    clock = VirtualClock("clock", url=lab.url())
    with connected(clock):
        before = request(lab, {"do": "now"})["result"]
        time.sleep(0.2)
        assert request(lab, {"do": "now"})["result"] == before == clock.now()
    wait_for(lambda: request(lab, {"do": "now"})["result"] > before + 100.0)


def test_two_clients_on_the_clock_are_told_who_holds_it(shared_lab):
    first, second = VirtualClock("clock", url=shared_lab.url()), VirtualClock("clock", url=shared_lab.url())
    with connected(first):
        with pytest.raises(Refused, match=r"the clock is held by process \d+; end that run"):
            second.connect()
        assert request(shared_lab, {"do": "sleep", "seconds": 1})["error"].startswith(
            "only the client that holds the clock"
        )
    with connected(second):
        second.sleep(1.0)


CLIENT = """
    import sys, time
    from drivers.new_era import NewEraPump
    from sim.instruments import VirtualClock, VirtualHandler

    control, line = sys.argv[1:]
    clock = VirtualClock("clock", url=control)
    handler = VirtualHandler("handler", url=control)
    pump = NewEraPump("pump", url=line, syringe_diameter_mm=26.59, syringe_volume_ml=60.0, timeout_s=20.0)
    for instrument in (clock, handler, pump):
        instrument.connect()
    handler.new_vessel("v1")
    pump.clear_counter()
    pump.dispense(20.0, 10.0)
    clock.sleep(30.0)
    print(pump.dispensed_ml(), flush=True)
    time.sleep(600)
"""


def test_a_pump_finishes_its_dose_when_the_client_is_killed_and_says_so_to_the_next_one(start_lab, wait_for):
    lab = start_lab("--free-run-factor", "200")
    command = [sys.executable, "-c", textwrap.dedent(CLIENT), lab.url(), lab.url("solvent_pump")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as client:
        assert float(client.stdout.readline()) == pytest.approx(5.0, abs=0.01)
        client.kill()
    wait_for(lambda: events(lab, "dispense ended"))
    pump = new_pump(lab)
    with connected(pump):
        assert not pump.is_running()
        assert pump.dispensed_ml() == 20.0
    (ended,) = events(lab, "dispense ended")
    assert (ended["reason"], ended["vessel_id"]) == ("complete", "v1")
    assert lifetimes(lab)["solvent_pump"] == pytest.approx(20.0)


def test_the_watchdog_makes_a_hot_lab_safe_when_the_client_goes_away(start_lab, wait_for):
    lab = start_lab("--free-run-factor", "200")
    plate, clock = IkaHotplate("hotplate", url=lab.url("hotplate"), timeout_s=20.0), VirtualClock("c", url=lab.url())
    handler = VirtualHandler("handler", url=lab.url())
    with connected(clock, plate, handler):
        handler.new_vessel("v1")
        plate.arm_watchdog(120)
        plate.set_temperature(200.0)
        plate.start_heating()
        for _ in range(6):
            clock.sleep(100.0)
            plate.temperature_c()
        assert events(lab, "heater off") == []
    (off,) = wait_for(lambda: events(lab, "heater off"))
    assert off["reason"] == "watchdog"
    (released,) = events(lab, "clock released")
    assert off["at"] - released["at"] == pytest.approx(120.0, abs=1.0)


def test_a_killed_lab_comes_back_with_its_counters_and_samples(start_lab):
    lab = start_lab("--free-run-factor", "0")
    clock, handler = VirtualClock("clock", url=lab.url()), VirtualHandler("handler", url=lab.url())
    with connected(clock, handler, new_pump(lab)) as (_, _, pump):
        handler.new_vessel("v1")
        handler.collect("s1")
        pump.clear_counter()
        pump.dispense(20.0, 20.0)
        clock.sleep(21.0)
        given = pump.dispensed_ml()
        assert given == pytest.approx(7.0, abs=0.01)
        lab.end(signal.SIGKILL)
        with pytest.raises(NoAnswer, match="solvent_pump"):
            pump.dispensed_ml()
        with pytest.raises(NoAnswer, match="clock"):
            clock.sleep(1.0)
    again = start_lab("--free-run-factor", "0", seed=5)
    assert lifetimes(again)["solvent_pump"] == pytest.approx(7.0, abs=1e-6)
    handler, pump = VirtualHandler("handler", url=again.url()), new_pump(again)
    with connected(handler, pump):
        assert handler.has_sample("s1")
        assert handler.vessel_id() == "v1"
        assert not pump.is_running()
        # The pump shows zero now; the driver knows better than to believe it.
        with pytest.raises(Refused, match="lost its counter"):
            pump.dispensed_ml()
    assert request(again, {"do": "hello"})["result"]["seed"] == 1
    assert [event["number"] for event in read_journal(again.directory)] == list(
        range(1, 1 + len(read_journal(again.directory)))
    )
    assert events(again, "dispense ended")[-1]["reason"] == "power cut"


def test_killed_at_any_moment_of_a_dose_the_journal_and_the_counters_agree(start_lab):
    total = 0.0
    generator = random.Random(3)
    for _ in range(4):
        lab = start_lab("--free-run-factor", "600")
        pump = new_pump(lab)
        pump.connect()
        pump.dispense(5.0, 20.0)
        time.sleep(0.06 * generator.random())
        lab.end(signal.SIGKILL)
        pump.close()
    lab = start_lab("--free-run-factor", "0")
    ended = events(lab, "dispense ended")
    assert len(events(lab, "dispense started")) == len(ended) == 4
    total = sum(event["dispensed_ml"] for event in ended)
    assert lifetimes(lab)["solvent_pump"] == pytest.approx(total, abs=1e-5)
    assert ended[-1]["lifetime_ml"] == pytest.approx(total, abs=1e-5)


def test_a_line_that_is_blocked_stops_the_pump(lab):
    clock = VirtualClock("clock", url=lab.url())
    with connected(clock, new_pump(lab)) as (_, pump):
        pump.clear_counter()
        pump.dispense(10.0, 20.0)
        clock.sleep(6.0)
        request(lab, {"do": "stall", "pump": "solvent_pump"})
        with pytest.raises(Blocked, match="has stalled"):
            pump.is_running()
        assert not pump.is_running()
        assert pump.dispensed_ml() == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("seed", [1, 2])
def test_noise_on_every_port_ends_nothing(shared_lab, seed):
    noise = random.Random(seed).randbytes(10_000)
    for name in shared_lab.said["ports"]:
        with (
            socket.create_connection(("127.0.0.1", shared_lab.port(name)), timeout=20) as connection,
            contextlib.suppress(ConnectionError),
        ):
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    assert shared_lab.process.poll() is None
    plate = IkaHotplate("hotplate", url=shared_lab.url("hotplate"), timeout_s=20.0)
    clock = VirtualClock("clock", url=shared_lab.url())
    with connected(clock, new_pump(shared_lab), plate):
        clock.sleep(1.0)


def test_half_a_command_of_one_client_does_not_spoil_the_next_ones(shared_lab):
    with socket.create_connection(("127.0.0.1", shared_lab.port("solvent_pump")), timeout=20) as connection:
        connection.sendall(b"00VOL 99")
    with connected(new_pump(shared_lab)) as (pump,):
        assert not pump.is_running()
        pump.clear_counter()
        pump.dispense(1.0, 10.0)
        pump.stop()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\n", "one line of JSON"),
        (b"{]\n", "one line of JSON"),
        (b"[" * 5000 + b"\n", "one line of JSON"),
        (b"\xff\xfe\n", "one line of JSON"),
        ([1], "a JSON object"),
        ({}, "no request None"),
        ({"do": "dance"}, "no request 'dance'; known: "),
        ({"do": ["sleep"]}, "no request"),
        ({"do": "sleep", "seconds": 1}, "only the client that holds the clock"),
        ({"do": "new_vessel"}, "vessel_id must be a text"),
        ({"do": "new_vessel", "vessel_id": "x" * 151}, "vessel_id must be a text"),
        ({"do": "collect", "sample_id": "a\nb"}, "sample_id must be a text"),
        ({"do": "collect", "sample_id": "s"}, "ask for a vessel first"),
        ({"do": "image", "sample_id": "s", "directory": "/tmp"}, "no sample 's'"),
        ({"do": "image", "sample_id": "s", "directory": "here"}, "absolute path"),
        ({"do": "stall", "pump": "x"}, "no pump 'x'"),
        ({"do": "hello", "token": "x"}, "another lab"),
        ({"do": "shutdown"}, "token"),
        ({"do": "shutdown", "token": "x"}, "token"),
        (b"x" * 20_000 + b"\n", "at most 8192 bytes"),
    ],
)
def test_a_wrong_request_gets_one_plain_sentence(shared_lab, content, words):
    assert words in request(shared_lab, content)["error"]


@pytest.mark.parametrize("seconds", [-1, 1e9, "1", None, True, float("nan"), float("inf")])
def test_impossible_sleeps_are_refused(shared_lab, seconds):
    clock = VirtualClock("clock", url=shared_lab.url())
    with connected(clock), pytest.raises(Refused, match="clock: seconds must"):
        clock.sleep(seconds)


def test_pictures_come_from_the_lab_process(shared_lab, tmp_path):
    handler, microscope = VirtualHandler("h", url=shared_lab.url()), VirtualMicroscope("m", url=shared_lab.url())
    with connected(handler, microscope):
        handler.new_vessel("v1")
        handler.collect("s1")
        assert handler.has_sample("s1")
        assert not handler.has_sample("s2")
        paths = microscope.acquire("s1", tmp_path / "pictures")
        assert [path.parent for path in paths] == [tmp_path / "pictures"] * 2
        assert all(path.stat().st_size > 10_000 for path in paths)
        with pytest.raises(NoImage, match="m: there is no sample 's2'"):
            microscope.acquire("s2", tmp_path / "pictures")
        blocked = tmp_path / "file"
        blocked.write_text("in the way")
        with pytest.raises(Refused, match="no image can be written"):
            microscope.acquire("s1", blocked)


def test_something_else_on_the_port_is_no_virtual_lab():
    def serve(listener):
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"220 mail.example ESMTP\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        handler = VirtualHandler("handler", url=f"socket://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(Refused, match="no answer of a virtual lab"):
            handler.connect()
        thread.join()


@pytest.mark.parametrize("url", ["", "socket://127.0.0.1", "http://127.0.0.1:80", 5])
def test_a_wrong_url_is_named(url):
    with pytest.raises(ValueError, match="url must be socket://host:port"):
        VirtualClock("clock", url=url)


def test_a_lab_that_nobody_visits_ends_by_itself(start_lab):
    lab = start_lab("--idle-minutes", "0.005")
    assert lab.process.wait(timeout=20) == 0
    assert events(lab, "lab ended")[-1]["reason"] == "nobody was there for 0.005 min"
    assert not (lab.directory / "lab.json").exists()
    lab.process.stderr.close()


def test_a_goodbye_ends_the_lab_soon_but_a_lost_client_is_waited_for(start_lab, monkeypatch):
    lab = start_lab("--goodbye-seconds", "1.2")
    lost = VirtualClock("clock", url=lab.url())
    lost.connect()
    lost._line.close()
    time.sleep(2.0)
    assert lab.process.poll() is None
    with connected(VirtualClock("clock", url=lab.url())) as (clock,):
        clock.sleep(1.0)
    assert lab.process.wait(timeout=40) == 0
    assert events(lab, "lab ended")[-1]["reason"] == "nobody was there for 0.02 min"
    lab.process.stderr.close()


def test_a_lab_with_a_visitor_stays(start_lab):
    lab = start_lab("--idle-minutes", "0.005")
    with connected(VirtualHandler("handler", url=lab.url())):
        time.sleep(0.8)
        assert lab.process.poll() is None


def test_a_terminated_lab_says_why_and_leaves_nothing_behind(lab):
    assert lab.end(signal.SIGTERM) == 0
    assert events(lab, "lab ended")[-1]["reason"] == "signal SIGTERM"
    assert not (lab.directory / "lab.json").exists()


def test_a_second_process_in_the_same_folder_gives_way(lab):
    command = [sys.executable, "-m", "sim.server", "--directory", str(lab.directory), "--seed", "2"]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 2
    assert "runs in" in second.stderr
    assert lab.process.poll() is None


def test_an_hour_asked_for_in_small_steps_takes_a_moment(lab):
    clock, handler = VirtualClock("clock", url=lab.url()), VirtualHandler("handler", url=lab.url())
    plate = IkaHotplate("hotplate", url=lab.url("hotplate"), timeout_s=20.0)
    with connected(clock, handler, plate, new_pump(lab)) as (_, _, _, pump):
        handler.new_vessel("v1")
        pump.dispense(20.0, 20.0)
        plate.set_temperature(250.0)
        plate.start_heating()
        clock.sleep(1800.0)
        begun, used = time.monotonic(), _cpu_s(lab)
        for _ in range(360):
            clock.sleep(10.0)
        # Processor time of the lab, which other work on this computer does not stretch.
        assert _cpu_s(lab) - used < 1.0
        assert time.monotonic() - begun < 20.0


def _cpu_s(lab):
    fields = Path(f"/proc/{lab.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100.0
