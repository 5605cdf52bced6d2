import json

import pytest

from sim.records import JOURNAL_FILE, Records, read_journal


def names(directory):
    return [event["event"] for event in read_journal(directory)]


def test_events_are_numbered_through_and_held_back_until_the_state_is_saved(tmp_path):
    records = Records(tmp_path)
    records.note("first", 1.0)
    records.note("second", 2.0, pump="a")
    assert read_journal(tmp_path) == []
    records.save({"x": 1})
    records.note("third", 3.0)
    records.save({"x": 2})
    assert read_journal(tmp_path) == [
        {"number": 1, "at": 1.0, "event": "first"},
        {"number": 2, "at": 2.0, "event": "second", "pump": "a"},
        {"number": 3, "at": 3.0, "event": "third"},
    ]
    assert Records(tmp_path).state == {"x": 2, "unwritten": [{"number": 3, "at": 3.0, "event": "third"}]}


def test_events_that_a_kill_kept_from_the_journal_are_written_once_by_the_next_process(tmp_path, monkeypatch):
    records = Records(tmp_path)
    records.note("first", 1.0)
    records.save({})
    records.note("second", 2.0)
    monkeypatch.setattr(records, "_append", lambda events: None)  # killed between state and journal
    records.save({})
    assert names(tmp_path) == ["first"]
    for _ in range(2):
        Records(tmp_path)
        assert names(tmp_path) == ["first", "second"]


@pytest.mark.parametrize("kept", [1, 10, -1])
def test_half_a_line_in_the_journal_is_made_whole(tmp_path, kept):
    records = Records(tmp_path)
    records.note("first", 1.0)
    records.save({})
    records.note("second", 2.0)
    records.save({})
    journal = tmp_path / JOURNAL_FILE
    first, second = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(first + second[:kept])
    assert names(tmp_path) == ["first"]
    Records(tmp_path)
    assert names(tmp_path) == ["first", "second"]
    assert all(json.loads(line) for line in journal.read_text().splitlines())


def test_numbers_go_on_after_a_restart(tmp_path):
    for number in (1, 2, 3):
        records = Records(tmp_path)
        records.note("event", 0.0)
        records.save({})
        assert read_journal(tmp_path)[-1]["number"] == number


def test_nothing_written_means_no_state(tmp_path):
    assert Records(tmp_path).state is None
    assert read_journal(tmp_path) == []
