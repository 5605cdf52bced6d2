"""The run ledger as the executor sees it: each physical step is written before it happens, and again after.

Where the lines are kept is the store's business; `MemoryLedger` keeps them for as long as the process lives.
"""

from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True)
class LedgerEntry:
    """One physical step of a run.

    ``step`` is the step as JSON, ``before`` what the instruments said when it was intended, ``after`` what they
    said once it was done; ``after`` is ``None`` for as long as nobody has seen the step finished.
    """

    position: int
    step: str
    before: str
    after: str | None = None


class Ledger(Protocol):
    """Lines of one or more runs, in the order of their positions; a line once confirmed never changes."""

    def entries(self, run_id: str) -> list[LedgerEntry]: ...

    def intend(self, run_id: str, position: int, step: str, before: str) -> None:
        """Durable when it returns; the instrument is told only then."""

    def confirm(self, run_id: str, position: int, after: str) -> None:
        """Durable when it returns; the instrument has confirmed."""


class MemoryLedger:
    """For dry tests of a procedure: nothing outlives the process."""

    def __init__(self) -> None:
        self._runs: dict[str, dict[int, LedgerEntry]] = {}

    def entries(self, run_id: str) -> list[LedgerEntry]:
        lines = self._runs.get(run_id, {})
        return [lines[position] for position in sorted(lines)]

    def intend(self, run_id: str, position: int, step: str, before: str) -> None:
        self._runs.setdefault(run_id, {}).setdefault(position, LedgerEntry(position, step, before))

    def confirm(self, run_id: str, position: int, after: str) -> None:
        lines = self._runs[run_id]
        if lines[position].after is None:
            lines[position] = replace(lines[position], after=after)
