"""Finds a simulator: something that answers a recipe with an outcome, by the entry-point group `closedloop.simulators`.

An entry point names a class that is called without arguments. Nothing in closedloop imports a simulator itself.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

from closedloop.campaign.dryrun.errors import NoSuchSimulator
from closedloop.recipes import Outcome, Recipe

SIMULATORS_GROUP = "closedloop.simulators"


class Simulator(Protocol):
    """``products``: formulas that it can make, in any lab's words for them."""

    products: tuple[str, ...]

    def space(self, product: str) -> Mapping[str, Any] | None:
        """A search space for one of its products, as under ``space:`` in a campaign's file; ``None``: it has none."""

    def make(self, recipe: Recipe, seed: int) -> Outcome:
        """What a microscope would say of the product: the same for the same recipe and seed. Failures are outcomes."""


def simulator_point(name: str) -> EntryPoint:
    """Raises `NoSuchSimulator`."""
    points = {point.name: point for point in entry_points(group=SIMULATORS_GROUP)}
    if name not in points:
        known = ", ".join(sorted(points)) or "none"
        raise NoSuchSimulator(f"no simulator is called {name!r} (installed: {known})")
    return points[name]


def find_simulator(name: str) -> Simulator:
    """Raises `NoSuchSimulator`."""
    found: Simulator = simulator_point(name).load()()
    return found
