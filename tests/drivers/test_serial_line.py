import threading
import time

import pytest

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
