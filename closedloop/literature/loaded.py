"""What a loader hands back: the experiments, and an account of everything it changed or could not know."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from closedloop.recipes import Experiment


@dataclass(frozen=True)
class Loaded:
    """``repairs``: kind of repair -> how many values it touched; ``notes``: what a reader must know of the data."""

    experiments: list[Experiment]
    repairs: Mapping[str, int] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()
