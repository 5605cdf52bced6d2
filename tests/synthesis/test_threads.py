"""Small models keep to one thread, large ones are asked for several parts at once, and torch is left as it was."""

import threading
from collections.abc import Iterator

import pytest
import torch

from closedloop.synthesis.threads import at_once, threads_for


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_a_small_model_has_one_thread_and_the_caller_its_own_again() -> None:
    with threads_for(234):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with threads_for(2593):
        assert torch.get_num_threads() == 2
    with pytest.raises(KeyError), threads_for(3):
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
def test_a_small_model_and_a_single_part_stay_on_the_thread_that_asked() -> None:
    here = threading.get_ident()
    with threads_for(10):
        assert at_once(lambda _: threading.get_ident(), range(4)) == [here] * 4
    assert at_once(lambda _: threading.get_ident(), [0]) == [here]
    assert at_once(lambda _: threading.get_ident(), []) == []


@pytest.mark.usefixtures("two_threads")
def test_what_goes_wrong_with_a_part_is_told() -> None:
    def ask(part: int) -> float:
        return 1 / part

    with pytest.raises(ZeroDivisionError):
        at_once(ask, [1, 0, 2])
