"""What is small keeps to one thread, parts are asked at once, and torch is left as it was."""

import os
import subprocess
import sys
import threading

import pytest
import torch

from closedloop.threads import at_once, one_thread


@pytest.mark.usefixtures("two_threads")
def test_the_caller_has_its_own_threads_again_whatever_happens() -> None:
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_parts_are_asked_at_once_and_answered_in_order() -> None:
    together = threading.Barrier(2, timeout=30)

    def ask(part: int) -> tuple[int, int]:
        together.wait()  # one after the other would never get past this
        return part, torch.get_num_threads()

    assert at_once(ask, range(6)) == [(part, 1) for part in range(6)]
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_one_thread_and_a_single_part_stay_on_the_thread_that_asked() -> None:
    here = threading.get_ident()
    with one_thread():
        assert at_once(lambda _: threading.get_ident(), range(4)) == [here] * 4
    assert at_once(lambda _: threading.get_ident(), [0]) == [here]
    assert at_once(lambda _: threading.get_ident(), []) == []


@pytest.mark.usefixtures("two_threads")
def test_what_goes_wrong_with_a_part_is_told() -> None:
    def ask(part: int) -> float:
        return 1 / part

    with pytest.raises(ZeroDivisionError):
        at_once(ask, [1, 0, 2])


@pytest.mark.parametrize(("given", "kept"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_give_their_core_away_unless_the_user_says_otherwise(given: str | None, kept: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    if given is not None:
        environment["OMP_WAIT_POLICY"] = given
    said = "import closedloop, os, sys; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", said], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == [kept, "False"]
