"""What can be wrong with the name of a chemical or with a formula."""

from closedloop.recipes import ClosedloopError


class UnknownChemical(ClosedloopError):
    """A name that the registry does not know; ``nearest`` are the known names that look most like it."""

    def __init__(self, name: str, nearest: tuple[str, ...] = ()) -> None:
        self.name = name
        self.nearest = nearest
        hint = f"did you mean {' or '.join(repr(known) for known in nearest)}?" if nearest else "write its full name"
        super().__init__(f"unknown chemical {name!r}; {hint}")


class AmbiguousChemical(UnknownChemical):
    """A name that means different things to different chemists; ``nearest`` are the substances that it can mean."""

    def __init__(self, name: str, candidates: tuple[str, ...]) -> None:
        self.name = name
        self.nearest = candidates
        meanings = " or ".join(repr(candidate) for candidate in candidates)
        ClosedloopError.__init__(self, f"ambiguous chemical {name!r}; it can mean {meanings}: write the full name")


class InvalidVectors(ClosedloopError):
    """A file of a user's own vectors that cannot be used."""


class DrawingError(ClosedloopError):
    """A structure that cannot be drawn, or a drawing that cannot be written."""


class InvalidFormula(ClosedloopError):
    """Text that is not a chemical formula."""
