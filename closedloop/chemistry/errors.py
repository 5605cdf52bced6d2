"""What can be wrong with the name of a chemical or with a formula."""

from collections.abc import Callable

from closedloop.recipes import ClosedloopError


class UnknownChemical(ClosedloopError):
    """A name that the registry does not know; ``nearest`` are the known names that look most like it.

    They are looked for when they are asked for: whoever only wants to know that a name is unknown does not wait.
    """

    def __init__(self, name: str, suggest: Callable[[str], tuple[str, ...]] = lambda name: ()) -> None:
        self.name = name
        self._suggest = suggest
        super().__init__(name)

    @property
    def nearest(self) -> tuple[str, ...]:
        return self._suggest(self.name)

    def __str__(self) -> str:
        nearest = self.nearest
        hint = f"did you mean {' or '.join(map(repr, nearest))}?" if nearest else "write its full name"
        return f"unknown chemical {self.name!r}; {hint}"


class AmbiguousChemical(UnknownChemical):
    """A name that means different things to different chemists; ``nearest`` are the substances that it can mean."""

    def __str__(self) -> str:
        meanings = " or ".join(map(repr, self.nearest))
        return f"ambiguous chemical {self.name!r}; it can mean {meanings}: write the full name"


class InvalidVectors(ClosedloopError):
    """A file of a user's own vectors that cannot be used."""


class DrawingError(ClosedloopError):
    """A structure that cannot be drawn, or a drawing that cannot be written."""


class InvalidFormula(ClosedloopError):
    """Text that is not a chemical formula."""
