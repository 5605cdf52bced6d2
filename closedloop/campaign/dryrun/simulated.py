"""Campaigns in a simulator: a designer names recipes within a campaign's space, the simulator answers.

The target, the space and the hit are the campaign's own. What blind choice needs is surveyed by many recipes drawn
all over the space.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter
from threadpoolctl import threadpool_limits

from closedloop.campaign.definition import CampaignDefinition
from closedloop.campaign.dryrun.blind import Surveyed
from closedloop.campaign.dryrun.designers import Brief, find
from closedloop.campaign.dryrun.errors import DryRunError
from closedloop.campaign.dryrun.executors import DEFAULT, executor_of
from closedloop.campaign.dryrun.replay import Run, Step
from closedloop.campaign.dryrun.shelf import Shelf, program_key
from closedloop.campaign.dryrun.simulators import Simulator, find_simulator, simulator_point
from closedloop.campaign.dryrun.study import Plan, Progress
from closedloop.recipes import Outcome, Recipe, Target
from closedloop.whole_files import write_whole

# Experiments of a campaign in which nothing hits, unless the user says otherwise.
BUDGET = 25
SURVEYED = 256
_SURVEY_SEED = 2**31 - 1
_AT_ONCE = 16
_OUTCOMES = TypeAdapter(list[Outcome])


@dataclass(frozen=True)
class SimulatedTask:
    """Campaigns of one ``definition`` in a simulator, by its name; ``model`` is what `closedloop` knows beforehand."""

    simulator: str
    definition: CampaignDefinition
    model: str

    @property
    def target(self) -> Target:
        return self.definition.target

    def run(self, strategy: str, seed: int, plan: Plan) -> Run:
        brief = Brief(self.definition.search_space, self.target, self.model)
        simulator = _simulator(self.simulator)
        limit = plan.budget or BUDGET
        steps: list[Step] = []
        started = time.perf_counter()
        campaign = find(strategy).begin(brief, seed)
        seconds = time.perf_counter() - started
        while len(steps) < limit:
            started = time.perf_counter()
            designs = campaign.pick(min(plan.batch, limit - len(steps)))
            seconds += time.perf_counter() - started
            if not designs:
                raise DryRunError(f"the strategy {strategy!r} designed nothing; it cannot be compared")
            outcomes = []
            for design in designs:
                outcome = simulator.make(design.recipe, _seed_of(seed, len(steps)))
                hit = self.target.is_met_by(outcome)
                value = outcome.size_nm if outcome.success else None
                away = regret(self.target, outcome)
                steps.append(Step(len(steps), design.chance, design.expected_nm, value, hit, away))
                if hit and not plan.all_hits:
                    return Run(strategy, seed, tuple(steps), seconds)
                outcomes.append(outcome)
            started = time.perf_counter()
            for design, outcome in zip(designs, outcomes, strict=True):
                campaign.learn(design.recipe, outcome)
            seconds += time.perf_counter() - started
        return Run(strategy, seed, tuple(steps), seconds)

    def key(self, plan: Plan) -> Callable[[str, int], str]:
        common = self._digest(f"{self.target.model_dump_json()} {self.model} {plan.settings}")

        def name(strategy: str, seed: int) -> str:
            digest = hashlib.sha256(common + program_key(strategy, designs=True) + f"{strategy} {seed}".encode())
            return f"{strategy}-{seed}-{digest.hexdigest()[:20]}"

        return name

    def _digest(self, more: str) -> bytes:
        digest = hashlib.sha256(simulator_program(self.simulator))
        digest.update(self.definition.search_space.model_dump_json().encode() + more.encode())
        return digest.digest()

    def survey(
        self, count: int, *, executor: str = DEFAULT, shelf: Shelf | None = None, progress: Progress | None = None
    ) -> list[Outcome]:
        """What ``count`` recipes drawn all over the space give; kept on the ``shelf`` for every target."""
        if count < 1:
            return []
        path = shelf.folder / f"survey-{self._digest(str(count)).hex()[:20]}.json" if shelf else None
        if path is not None and path.exists():
            try:
                return _OUTCOMES.validate_json(path.read_bytes())
            except ValueError:
                path.unlink()
        recipes = self.definition.search_space.sample(count, _SURVEY_SEED)
        jobs = [tuple(range(first, min(first + _AT_ONCE, count))) for first in range(0, count, _AT_ONCE)]
        found: dict[int, list[Outcome]] = {}
        for place, outcomes in executor_of(executor)(_looked_at, (self.simulator, recipes), jobs):
            found[place] = outcomes
            if progress:
                progress(len(found) / len(jobs), f"blind recipes: {sum(map(len, found.values()))} of {count}")
        every = [outcome for place in range(len(jobs)) for outcome in found[place]]
        if path is not None:
            write_whole(path, _OUTCOMES.dump_json(every))
        return every

    def blind(self, surveyed: Sequence[Outcome]) -> Surveyed:
        """What blind choice needs, by a survey of the same space."""
        return Surveyed(len(surveyed), sum(self.target.is_met_by(outcome) for outcome in surveyed))


def regret(target: Target, outcome: Outcome) -> float | None:
    """How far the size is from the target's, relative to it; ``None`` where nothing was made or the shape is wrong."""
    if not outcome.success or outcome.size_nm is None:
        return None
    if target.shape is not None and outcome.shape is not target.shape:
        return None
    return abs(outcome.size_nm / target.size_nm - 1)


def _seed_of(seed: int, experiment: int) -> int:
    """Every strategy meets the same luck in its n-th experiment."""
    return int(np.random.SeedSequence([seed, experiment]).generate_state(1)[0])


def _looked_at(shared: tuple[str, list[Recipe]], places: tuple[int, ...]) -> list[Outcome]:
    name, recipes = shared
    with threadpool_limits(1):
        return [_simulator(name).make(recipes[k], _seed_of(_SURVEY_SEED, k)) for k in places]


@cache
def _simulator(name: str) -> Simulator:
    return find_simulator(name)


@cache
def simulator_program(name: str) -> bytes:
    """A hash of the simulator's whole package, so that another version's runs are done anew."""
    point = simulator_point(name)
    digest = hashlib.sha256(f"{point.value}".encode())
    spec = find_spec(point.module.partition(".")[0])
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).rglob("*")):
            if path.suffix in (".py", ".yaml", ".json", ".csv"):
                digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.digest()
