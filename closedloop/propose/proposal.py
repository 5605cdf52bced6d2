"""What a proposal says, what the next experiments promise, and what the proposer needs of a model."""

from collections.abc import Sequence
from typing import Protocol

from closedloop.propose.quality import Arrays
from closedloop.recipes import Recipe, Target
from closedloop.recipes.fields import Finite, Fraction, Frozen, Positive


class SizeModel(Protocol):
    """What `closedloop.propose.propose` asks of a model."""

    def predict_arrays(self, recipes: Sequence[Recipe]) -> Arrays: ...

    def design_amounts(self, recipe: Recipe, target: Target) -> Recipe:
        """The same chemicals and conditions with amounts that should give the target."""


class Assessment(Frozen):
    """What is expected of a recipe, as TEM would measure it; intervals hold 90% and count measurement noise.

    ``chance_of_hit`` is the chance that it succeeds, that its mean size lies in the target's band, and that spread and
    shape are as the target asks; ``success_probability``, ``size_chance``, ``spread_chance`` and ``shape_chance`` are
    its factors (1 where the target does not ask). ``relative_spread`` is standard deviation over mean diameter.
    """

    recipe: Recipe
    predicted_size_nm: Positive
    predicted_interval_nm: tuple[Positive, Positive]
    relative_spread: Positive
    relative_spread_interval: tuple[Positive, Positive]
    success_probability: Fraction
    size_chance: Fraction
    spread_chance: Fraction
    shape_chance: Fraction
    chance_of_hit: Fraction


class Proposal(Assessment):
    """A recipe that was chosen, and what the choice saw in it.

    ``gain`` is by how much its result is expected to raise the best chance of the experiment after it; ``motive`` is
    ``exploitation`` (the largest chance of a hit), ``exploration`` (a smaller one, for what it teaches) or ``repeat``.
    ``origin`` says where the candidate came from. ``acquisition_value`` is the logarithm of what was maximised,
    comparable within one batch position only.
    """

    gain: Fraction
    motive: str
    origin: str
    acquisition_value: Finite
    reason: str


class Outlook(Frozen):
    """What the search space still promises.

    ``chances``: that one of the next 1, 2, … experiments hits, were they all chosen now. ``best_*`` are the largest
    chances of any candidate in each respect alone, ``reach_nm`` the smallest and largest size that any is expected to
    have, and ``at_limits`` what stands at the end of its range in those that come nearest to the target.
    """

    chances: tuple[Fraction, ...]
    best_size_chance: Fraction
    best_success: Fraction
    best_spread_chance: Fraction
    best_shape_chance: Fraction
    reach_nm: tuple[Positive, Positive]
    at_limits: tuple[str, ...] = ()

    def within(self, experiments: int) -> float:
        """The chance that one of so many next experiments hits; of as many as were looked ahead to, at most."""
        return self.chances[min(experiments, len(self.chances)) - 1] if self.chances and experiments > 0 else 0.0


class Plan(Frozen):
    """Proposals, best first, and the outlook that they were chosen under."""

    proposals: tuple[Proposal, ...]
    outlook: Outlook
