"""Small models keep to one thread, and leave torch as it was."""

import pytest
import torch

from closedloop.synthesis.threads import threads_for


def test_a_small_model_has_one_thread_and_the_caller_its_own_again() -> None:
    torch.set_num_threads(2)
    try:
        with threads_for(234):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with threads_for(2593):
            assert torch.get_num_threads() == 2
        with pytest.raises(KeyError), threads_for(3):
            raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
