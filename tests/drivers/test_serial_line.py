import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import serial

from closedloop.lab import NoAnswer, Refused
from drivers.serial_line import SerialLine


def line_to(url, timeout_s=0.3):
    return SerialLine("device", url, baudrate=9600, timeout_s=timeout_s)


def test_a_reply_in_pieces_is_put_together(tcp_device):
    def dribble(connection, number):
        connection.recv(100)
        for piece in (b"ab", b"c", b"d\n"):
            time.sleep(0.03)
            connection.sendall(piece)
        connection.recv(1)

    line = line_to(tcp_device(dribble).url)
    assert line.ask(b"x\r", b"\n") == b"abcd\n"
    line.close()


def test_silence_is_no_answer_and_names_the_device(tcp_device):
    line = line_to(tcp_device(lambda connection, number: connection.recv(100) and time.sleep(0.6)).url, timeout_s=0.1)
    with pytest.raises(NoAnswer, match=r"device: nothing came back within 0\.1 s"):
        line.ask(b"x\r", b"\n")
    line.close()


def test_half_a_reply_is_no_answer(tcp_device):
    def half(connection, number):
        connection.recv(100)
        connection.sendall(b"ab")
        connection.recv(1)

    line = line_to(tcp_device(half).url, timeout_s=0.1)
    with pytest.raises(NoAnswer, match="only b'ab' came back"):
        line.ask(b"x\r", b"\n")
    line.close()


def test_a_late_reply_is_not_taken_for_the_next_answer(tcp_device):
    def late(connection, number):
        connection.recv(100)
        time.sleep(0.25)
        connection.sendall(b"first\n")
        assert connection.recv(100) == b"second?\r"
        connection.sendall(b"second\n")
        connection.recv(1)

    line = line_to(tcp_device(late).url, timeout_s=0.15)
    with pytest.raises(NoAnswer):
        line.ask(b"first?\r", b"\n")
    assert line.ask(b"second?\r", b"\n") == b"second\n"
    line.close()


def test_a_device_that_babbles_is_refused(tcp_device):
    line = line_to(tcp_device(lambda connection, number: connection.recv(100) and connection.sendall(b"x" * 999)).url)
    with pytest.raises(Refused, match="256 bytes without an end"):
        line.ask(b"x\r", b"\n")
    line.close()


def test_a_lost_connection_is_opened_once_more_and_everything_is_sent_again(tcp_device):
    heard = []

    def hang_up_first(connection, number):
        heard.append(connection.recv(100))
        if number > 1:
            connection.sendall(b"yes\n")
            connection.recv(1)

    device = tcp_device(hang_up_first)
    line = line_to(device.url)
    assert line.ask(b"there?\r", b"\n", first=b"set\r") == b"yes\n"
    assert heard == [b"set\rthere?\r", b"set\rthere?\r"]
    line.close()


def test_a_connection_that_is_lost_twice_is_no_answer(tcp_device):
    device = tcp_device(lambda connection, number: connection.recv(100) and None)
    line = line_to(device.url)
    with pytest.raises(NoAnswer, match="was lost"):
        line.ask(b"there?\r", b"\n")
    assert device.connections == 2


def test_what_must_not_be_repeated_is_sent_once_only(tcp_device):
    device = tcp_device(lambda connection, number: connection.recv(100) and None)
    line = line_to(device.url)
    with pytest.raises(NoAnswer, match="was lost"):
        line.ask(b"RUN\r", b"\n", repeatable=False)
    assert device.connections == 1


@pytest.mark.parametrize("url", ["/dev/this-port-does-not-exist", "socket://127.0.0.1:1", "nonsense://x"])
def test_a_port_that_cannot_be_opened_is_no_answer_with_its_name(url):
    with pytest.raises(NoAnswer, match=url):
        line_to(url).open()


@pytest.mark.parametrize(
    ("option", "value"), [("url", ""), ("url", None), ("timeout_s", 0), ("timeout_s", "1"), ("baudrate", True)]
)
def test_a_wrong_option_is_named(option, value):
    options = {"url": "/dev/ttyUSB0", "timeout_s": 1.0, "baudrate": 9600} | {option: value}
    with pytest.raises(ValueError, match=option):
        SerialLine("device", options.pop("url"), **options)


def test_pumps_that_share_a_port_wait_for_each_other(tcp_device):
    """Two lines to one address: a request goes out only after the reply to the one before it."""
    order = []
    both = threading.Barrier(2)

    def slow(connection, number):
        while data := connection.recv(100):
            order.append(data)
            time.sleep(0.05)
            order.append(b"reply")
            connection.sendall(b"ok\n")

    url = tcp_device(slow).url
    lines = [line_to(url), line_to(url)]

    def talk(line):
        line.open()
        both.wait(timeout=5)
        line.ask(b"x\r", b"\n")

    threads = [threading.Thread(target=talk, args=(line,)) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=5)
    for line in lines:
        line.close()
    assert order == [b"x\r", b"reply", b"x\r", b"reply"]


def answers_all(connection, number):
    while data := connection.recv(100):
        connection.sendall(data.replace(b"?", b"!") + b"\n")


def test_all_that_share_a_port_share_its_one_connection_until_the_last_is_closed(tcp_device):
    """A serial-to-Ethernet box serves one caller, and what is locked for others is locked for a second opening."""
    device = tcp_device(answers_all)
    one, other = line_to(device.url), line_to(device.url.replace("socket", "SOCKET"), timeout_s=0.5)
    assert one.ask(b"1?", b"\n") == b"1!\n"
    assert other.ask(b"2?", b"\n") == b"2!\n"
    one.close()
    assert other.ask(b"3?", b"\n") == b"3!\n"
    assert device.connections == 1
    other.close()
    assert one.ask(b"4?", b"\n") == b"4!\n"
    assert device.connections == 2
    one.close()


def test_a_port_that_is_open_with_other_settings_is_refused(tcp_device):
    device = tcp_device(answers_all)
    one = line_to(device.url)
    one.open()
    with pytest.raises(Refused, match=r"other: the port .* is open with other settings.*same baudrate"):
        SerialLine("other", device.url, baudrate=19200, timeout_s=0.3).open()
    one.close()


IN_ANOTHER_PROCESS = """
import sys
from drivers.serial_line import SerialLine

line = SerialLine("pump", sys.argv[1], baudrate=9600, timeout_s=0.3)
try:
    line.open()
except Exception as error:
    print(type(error).__name__, error)
else:
    print("open", flush=True)
    sys.stdin.read()
"""


def elsewhere(url):
    return subprocess.Popen(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.fixture(params=["socket", "device"])
def port(request, tcp_device, tmp_path):
    """The names by which a port is known here and in another process."""
    if request.param == "socket":
        url = tcp_device(answers_all).url
        yield url, url.replace("socket://127", "SOCKET://127")
        return
    controller, device = os.openpty()
    by_id = tmp_path / "usb-pump-1"
    by_id.symlink_to(os.ttyname(device))
    yield os.ttyname(device), str(by_id)
    os.close(controller)
    os.close(device)


def test_a_port_that_another_process_has_is_not_opened_and_free_when_that_is_killed(port):
    here, there = port
    with elsewhere(there) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(NoAnswer, match=f"device: the port {here} is in use by another closedloop"):
            line_to(here).open()
        other.kill()
    line = line_to(here)
    line.open()
    with elsewhere(there) as other:
        said, _ = other.communicate(timeout=60)
        assert said.startswith("NoAnswer pump: the port")
        assert "in use by another closedloop" in said
    line.close()
    with elsewhere(there) as other:
        assert other.stdout.readline() == "open\n"
        other.communicate("", timeout=60)


def test_a_device_is_locked_for_other_programs_too(monkeypatch, tmp_path):
    opened = {}
    monkeypatch.setattr(serial, "serial_for_url", lambda url, **settings: opened.update(settings))
    line_to(str(tmp_path / "port")).open()  # a port of this test alone: others run beside it
    assert opened["exclusive"] is True
