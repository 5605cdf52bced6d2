"""The lock between processes; two handles of one process compete for it as two processes do."""

from pathlib import Path

import pytest

from closedloop.campaign import CampaignBusy, only_runner
from closedloop.store import Store, one_at_a_time


def test_the_second_is_told_and_the_next_may(tmp_path: Path) -> None:
    lock = tmp_path / "run.lock"
    with one_at_a_time(lock, KeyError("first")):
        with pytest.raises(KeyError, match="second"), one_at_a_time(lock, KeyError("second")):
            pytest.fail("two at a time")
        with pytest.raises(KeyError, match="third"), one_at_a_time(lock, KeyError("third")):
            pytest.fail("the one that was refused took the lock away")
    with one_at_a_time(lock, KeyError("fourth")):
        pass


def test_one_run_drives_a_store(tmp_path: Path) -> None:
    with (
        Store.open(f"sqlite:///{tmp_path}/lab.db") as store,
        only_runner(store),
        pytest.raises(CampaignBusy, match=r"another closedloop run is using sqlite:.*lab\.db"),
        only_runner(store),
    ):
        pytest.fail("two runs at a time")
