"""What the lab process keeps on disk: its state, replaced as a whole, and a journal that only grows.

State first, journal second: events wait in the state until they are in the journal, so that a process killed at any
moment leaves every event there exactly once (``docs/decisions/0047-state-before-journal.md``).
"""

import json
import os
from pathlib import Path
from typing import Any

STATE_FILE = "state.json"
JOURNAL_FILE = "journal.jsonl"


def replace_file(path: Path, content: str) -> None:
    """Whole or not at all, whoever reads and whenever this process ends."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(content, encoding="utf-8")
    os.replace(temporary, path)


def read_journal(directory: Path) -> list[dict[str, Any]]:
    """The journal's events in their order, for checks from outside; a line still being written is left out."""
    path = directory / JOURNAL_FILE
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


class Records:
    """The state and the journal of one lab directory. One process at a time may hold it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._journal = directory / JOURNAL_FILE
        self._state = directory / STATE_FILE
        self._new: list[dict[str, Any]] = []
        self._last = self._mend_journal()
        self.state = self._read_state()
        if self.state is not None:
            self._append([event for event in self.state["unwritten"] if event["number"] > self._last])

    def note(self, event: str, at: float, **details: Any) -> None:
        """Holds an event back until `save`; ``at`` is lab time in s."""
        number = self._last + len(self._new) + 1
        self._new.append({"number": number, "at": round(at, 3), "event": event} | details)

    @property
    def has_news(self) -> bool:
        return bool(self._new)

    def save(self, state: dict[str, Any]) -> None:
        """Returns once both the state and the events up to now are on disk."""
        new, self._new = self._new, []
        replace_file(self._state, json.dumps(state | {"unwritten": new}))
        self._append(new)

    def _append(self, events: list[dict[str, Any]]) -> None:
        if not events:
            return
        with self._journal.open("a", encoding="utf-8") as journal:
            journal.write("".join(json.dumps(event) + "\n" for event in events))
        self._last = events[-1]["number"]

    def _read_state(self) -> dict[str, Any] | None:
        try:
            state: dict[str, Any] = json.loads(self._state.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return state

    def _mend_journal(self) -> int:
        """Cuts off a line that was being written when the process was killed; the number of the last whole one."""
        if not self._journal.exists():
            return 0
        content = self._journal.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with self._journal.open("r+b") as journal:
                journal.truncate(whole)
        lines = content[:whole].splitlines()
        return int(json.loads(lines[-1])["number"]) if lines else 0
