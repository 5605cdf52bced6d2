"""Small models keep to one thread, large ones have what torch was given."""

import pytest
import torch

from closedloop.synthesis.threads import threads_for


@pytest.mark.usefixtures("two_threads")
def test_a_small_model_has_one_thread_and_the_caller_its_own_again() -> None:
    with threads_for(234):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with threads_for(2593):
        assert torch.get_num_threads() == 2
