"""The states of an experiment, and which of them may follow which."""

from enum import StrEnum


class State(StrEnum):
    """Where an experiment stands, in the order that a good one goes through."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    CHECKED = "checked"
    RUNNING = "running"
    AWAITING_CHARACTERISATION = "awaiting characterisation"
    MEASURED = "measured"
    CLOSED = "closed"
    FAILED = "failed"

    @property
    def next_states(self) -> tuple["State", ...]:
        """The states that may follow; a lab that measures at once skips the wait for a characterisation."""
        return _NEXT[self]

    @property
    def is_open(self) -> bool:
        """Whether anything is still to be done; a better outcome that comes later reopens nothing."""
        return bool(self.next_states)


_NEXT = {
    State.PROPOSED: (State.APPROVED, State.FAILED),
    State.APPROVED: (State.CHECKED, State.FAILED),
    State.CHECKED: (State.RUNNING, State.FAILED),
    State.RUNNING: (State.AWAITING_CHARACTERISATION, State.MEASURED, State.FAILED),
    State.AWAITING_CHARACTERISATION: (State.MEASURED, State.FAILED),
    State.MEASURED: (State.CLOSED, State.FAILED),
    State.CLOSED: (),
    State.FAILED: (),
}
