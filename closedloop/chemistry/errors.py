"""What can be wrong with the name of a chemical or with a formula."""

from closedloop.recipes import ClosedloopError


class UnknownChemical(ClosedloopError):
    """A name that the registry does not know; ``nearest`` are the known names that look most like it."""

    def __init__(self, name: str, nearest: tuple[str, ...] = ()) -> None:
        self.name = name
        self.nearest = nearest
        hint = f"did you mean {' or '.join(repr(known) for known in nearest)}?" if nearest else "write its full name"
        super().__init__(f"unknown chemical {name!r}; {hint}")


class InvalidFormula(ClosedloopError):
    """Text that is not a chemical formula."""
