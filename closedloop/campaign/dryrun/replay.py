"""One campaign of one strategy on a pool: pick, look the published outcome up, learn, until the first hit.

The outcome is looked up here and nowhere else; a strategy is handed nothing but the view.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from closedloop.campaign.dryrun.errors import DryRunError
from closedloop.campaign.dryrun.pool import Pool
from closedloop.campaign.dryrun.strategies.base import Known, Strategy


@dataclass(frozen=True)
class Step:
    """One experiment: the recipe's place in the pool (where recipes are designed: its place in the run), what the
    strategy said before it, and what came of it. ``regret``: how far off the target, relative to it; ``None`` where
    nothing was made that counts."""

    index: int
    chance: float | None
    expected: float | None
    value: float | None
    hit: bool
    regret: float | None


@dataclass(frozen=True)
class Run:
    """``seconds``: time of the strategy alone, by the wall clock; it is no part of what is compared."""

    strategy: str
    seed: int
    steps: tuple[Step, ...]
    seconds: float

    @property
    def experiments_to_hit(self) -> int | None:
        """The number of the first experiment that hit, from 1; ``None`` where none did."""
        return next((number for number, step in enumerate(self.steps, 1) if step.hit), None)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Raises `KeyError` or `TypeError` for what is no run."""
        steps = tuple(Step(**step) for step in content["steps"])
        return cls(str(content["strategy"]), int(content["seed"]), steps, float(content["seconds"]))


def replay(
    pool: Pool,
    name: str,
    strategy: Strategy,
    known: Known,
    seed: int,
    *,
    budget: int | None = None,
    batch: int = 1,
    all_hits: bool = False,
) -> Run:
    """``budget`` is the largest number of experiments, ``batch`` how many are chosen before any of them is learned;
    with ``all_hits`` the run goes on after the first one."""
    limit = min(budget or len(pool), len(pool))
    steps: list[Step] = []
    seen: set[int] = set()
    started = time.perf_counter()
    session = strategy.begin(pool.view, known, seed)
    seconds = time.perf_counter() - started
    while len(steps) < limit:
        started = time.perf_counter()
        picks = session.pick(min(batch, limit - len(steps)))
        seconds += time.perf_counter() - started
        places = {pick.index for pick in picks}
        if not picks or len(places) < len(picks) or places & seen:
            raise DryRunError(f"the strategy {name!r} picked nothing, or a recipe twice; it cannot be compared")
        seen |= places
        for pick in picks:
            hit, result = pick.index in pool.hits, pool.results[pick.index]
            regret = pool.view.goal.regret(result)
            steps.append(Step(pick.index, pick.chance, pick.expected, result.value, hit, regret))
            if hit and not all_hits:
                return Run(name, seed, tuple(steps), seconds)
        started = time.perf_counter()
        for pick in picks:
            session.learn(pick.index, pool.results[pick.index])
        seconds += time.perf_counter() - started
    return Run(name, seed, tuple(steps), seconds)
