"""No proposal leaves the limits of its campaign, whatever was written; judged by a second reading of what was."""

from types import ModuleType
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from closedloop.propose import SearchSpace, propose
from closedloop.recipes import Limits, Target
from tests.propose.random_spaces import broken, drawn


def _read(written: dict[str, Any]) -> tuple[SearchSpace | None, str]:
    """The space, or what is wrong with it."""
    try:
        return SearchSpace.model_validate(written), ""
    except ValidationError as error:
        return None, str(error)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1))
def test_nothing_that_a_random_space_gives_breaks_its_rules(seed: int) -> None:
    """Space-filling samples, steps from them, and points far outside, in a space with every kind of rule."""
    rng = np.random.default_rng(seed)
    written = drawn(rng)
    space, fault = _read(written)
    if space is None:
        # A random space is faulty only in leaving no recipe.
        assert any(words in fault for words in ("leave", "cannot be met", "broken by", "there are only")), fault
        return
    recipes = space.sample(8, seed)
    places = np.array([space.encode(recipe) for recipe in recipes])
    recipes += space.decode_many(space.moved(places, rng.choice([0.02, 0.2, 2.0], 8), rng))
    recipes += space.decode_many(rng.uniform(-3, 4, (8, space.dimension)))
    for recipe in recipes:
        assert broken(written, recipe) == []
        assert space.violations(recipe) == []
        again = space.decode(space.encode(recipe))
        assert {r.name for r in again.reagents} == {r.name for r in recipe.reagents}
        assert broken(written, again) == []


def test_proposals_keep_the_rules_and_the_targets_limits(lab: ModuleType) -> None:
    rng = np.random.default_rng(4)
    checked = 0
    while checked < 4:
        written = drawn(rng)
        space, _ = _read(written)
        if space is None:
            continue
        limits = Limits(max_reaction_time_min=20)
        target = Target(product="X", size_nm=4.0, limits=limits)
        for proposal in propose(space, target, lab.Flat(), [], [], 4, seed=checked):
            assert broken(written, proposal.recipe) == []
            assert limits.violations(proposal.recipe) == []
        checked += 1
