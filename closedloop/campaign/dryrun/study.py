"""All strategies and seeds on one pool: which runs are there already, the rest handed out, each kept as it is done."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from threadpoolctl import threadpool_limits

from closedloop.campaign.dryrun.errors import DryRunError
from closedloop.campaign.dryrun.executors import DEFAULT, executor_of
from closedloop.campaign.dryrun.pool import Pool
from closedloop.campaign.dryrun.replay import Run, replay
from closedloop.campaign.dryrun.shelf import Keys, Shelf
from closedloop.campaign.dryrun.strategies import Known, find

# Called with the share that is done and a few words.
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Plan:
    """``budget``: largest number of experiments of a run, ``batch``: how many are chosen at a time, ``all_hits``: go on
    after the first hit."""

    strategies: tuple[str, ...]
    seeds: int = 20
    budget: int | None = None
    batch: int = 1
    all_hits: bool = False

    def __post_init__(self) -> None:
        for name, value in (("seeds", self.seeds), ("batch", self.batch), ("budget", self.budget)):
            if value is not None and value < 1:
                raise DryRunError(f"--{name} is {value}; give a whole number from 1")

    @property
    def settings(self) -> tuple[object, ...]:
        """What decides how a run goes, beside its task, strategy and seed."""
        return self.budget, self.batch, self.all_hits


@dataclass(frozen=True)
class Study:
    """``runs``: strategy -> one run for each seed, in order."""

    plan: Plan
    runs: dict[str, list[Run]] = field(default_factory=dict)


class Task(Protocol):
    """What campaigns are run on; sent to wherever they are run."""

    def run(self, strategy: str, seed: int, plan: Plan) -> Run: ...

    def key(self, plan: Plan) -> Callable[[str, int], str]:
        """Names of its runs, by strategy and seed: equal names only for what must be equal runs."""


@dataclass(frozen=True)
class PoolTask:
    """Campaigns that choose among a pool's recipes."""

    pool: Pool
    known: Known

    def run(self, strategy: str, seed: int, plan: Plan) -> Run:
        chooser = find(strategy)
        return replay(
            self.pool,
            strategy,
            chooser,
            self.known,
            seed,
            budget=plan.budget,
            batch=plan.batch,
            all_hits=plan.all_hits,
        )

    def key(self, plan: Plan) -> Callable[[str, int], str]:
        return Keys(self.pool, self.known, plan.settings)


def _one(shared: tuple[Task, Plan], job: tuple[str, int]) -> Run:
    """One run, on one thread wherever it is done."""
    task, plan = shared
    with threadpool_limits(1):
        return task.run(*job, plan)


def run_all(
    task: Task,
    plan: Plan,
    *,
    executor: str = DEFAULT,
    shelf: Shelf | None = None,
    progress: Progress | None = None,
) -> Study:
    """Every strategy of the plan with every seed from 0; runs that ``shelf`` has are not done again."""
    hand_out = executor_of(executor)
    keys = task.key(plan)
    jobs = [(name, seed) for name in plan.strategies for seed in range(plan.seeds)]
    done: dict[tuple[str, int], Run] = {}
    if shelf is not None:
        done = {job: run for job in jobs if (run := shelf.get(keys(*job))) is not None}
        if done and progress:
            progress(len(done) / len(jobs), f"{len(done)} of {len(jobs)} runs were done before")
    left = [job for job in jobs if job not in done]
    if left:
        for place, run in hand_out(_one, (task, plan), left):
            job = left[place]
            done[job] = run
            if shelf is not None:
                shelf.put(keys(*job), run)
            if progress:
                progress(len(done) / len(jobs), f"{job[0]}, seed {job[1]}: {_count(run)}")
    return Study(plan, {name: [done[name, seed] for seed in range(plan.seeds)] for name in plan.strategies})


def _count(run: Run) -> str:
    count = run.experiments_to_hit
    return f"no hit in {len(run.steps)}" if count is None else f"hit at {count}"
