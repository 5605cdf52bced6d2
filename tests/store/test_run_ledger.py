"""The ledger on the disk does what the one in memory does."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedloop.lab import Ledger, LedgerEntry, MemoryLedger
from closedloop.recipes import Recipe
from closedloop.store import Store, UnknownExperiment, UnknownStep

CALLS = st.lists(st.tuples(st.sampled_from(["intend", "confirm"]), st.integers(0, 4), st.text(max_size=5)), max_size=12)


@given(calls=CALLS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_agrees_with_the_ledger_in_memory(store: Store, recipe: Recipe, calls: list[tuple[str, int, str]]) -> None:
    run, memory = store.add_experiment("cdse", recipe).id, MemoryLedger()
    for call, position, text in calls:
        if call == "intend":
            store.intend(run, position, text, text + "b")
            memory.intend(run, position, text, text + "b")
        elif any(entry.position == position for entry in memory.entries(run)):
            store.confirm(run, position, text)
            memory.confirm(run, position, text)
        else:
            with pytest.raises(UnknownStep):
                store.confirm(run, position, text)
        assert store.entries(run) == memory.entries(run)


def test_is_a_ledger_and_outlives_the_process(store: Store, recipe: Recipe, url: str) -> None:
    ledger: Ledger = store
    run = store.add_experiment("cdse", recipe).id
    ledger.intend(run, 0, "dispense", "0 mL")
    ledger.intend(run, 1, "heat", "25 °C")
    ledger.confirm(run, 0, "2 mL")
    with Store.open(url) as other:
        assert other.entries(run) == [LedgerEntry(0, "dispense", "0 mL", "2 mL"), LedgerEntry(1, "heat", "25 °C", None)]
        assert other.entries("cdse-0002") == []


def test_a_step_of_no_experiment_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UnknownExperiment):
        store.intend("cdse-0001", 0, "dispense", "0 mL")
    assert store.entries("cdse-0001") == []
