"""The two modes of ``closedloop dryrun``: what was asked in, everything that is told of it out."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from closedloop.cli.output import STDERR
from closedloop.cli.progress_line import ProgressLine
from closedloop.recipes import Shape

if TYPE_CHECKING:
    from closedloop.campaign.dryrun import Blind, Plan, Shelf, Study

_POOL_MODEL, _SIMULATOR_MODEL = "extra-trees", "shipped"
_TOLERANCE = 0.05


@dataclass(frozen=True)
class Asked:
    """What both modes are told; ``None`` where the user said nothing."""

    product: str | None
    target_size: float | None
    tolerance: float | None
    shape: Shape | None
    strategies: str
    seeds: int
    budget: int | None
    batch: int
    all_hits: bool
    model: str | None
    executor: str
    out: Path | None

    def plan(self, names: tuple[str, ...]) -> "Plan":
        from closedloop.campaign.dryrun import Plan

        return Plan(names, self.seeds, self.budget, self.batch, self.all_hits)

    def shelf(self) -> "Shelf | None":
        from closedloop.campaign.dryrun import Shelf

        return Shelf(self.out / "runs") if self.out else None

    def plan_json(self) -> dict[str, Any]:
        return {"seeds": self.seeds, "budget": self.budget, "batch": self.batch, "all_hits": self.all_hits}


def on_pool(
    asked: Asked, data: str, observable: str | None, aim: str | None, literature: list[str]
) -> "tuple[dict[str, Any], Study, Blind]":
    """Campaigns that choose among published recipes."""
    from closedloop.campaign.dryrun import (
        DryRunError,
        Goal,
        Known,
        Pool,
        PoolTask,
        check_strategies,
        literature_without,
        merits,
        prior_of,
        run_all,
    )
    from closedloop.campaign.dryrun.executors import executor_of
    from closedloop.campaign.dryrun.pool import SETTINGS, Aim, aim_of, quantity_of
    from closedloop.campaign.dryrun.prior import NO_MODEL
    from closedloop.literature import name_and_path, source_key
    from closedloop.synthesis.baselines import check_model

    if asked.product is None or asked.target_size is None:
        raise DryRunError("--data needs --product and --target-size")
    plan = asked.plan(check_strategies(asked.strategies))
    executor_of(asked.executor)
    given = check_model(asked.model or _POOL_MODEL, [NO_MODEL])
    shelf = asked.shelf()
    name, _ = name_and_path(data)
    quantity = observable or quantity_of(name)
    aimed = aim_of(aim, quantity)
    if asked.tolerance is not None and aimed is not Aim.MATCH:
        raise DryRunError(
            f"--tolerance does nothing with the aim {aimed}, for a bound is kept or not; leave it out, or write "
            "--aim match"
        )
    tolerance = _TOLERANCE if asked.tolerance is None else asked.tolerance
    goal = Goal(asked.target_size, tolerance, asked.shape, quantity, aimed)
    experiments = _experiments(data)
    pool = Pool.of(experiments, asked.product, goal, SETTINGS.get(name, ()))
    more = [one for named in literature for one in _experiments(named)]
    remaining = literature_without(pool, [*experiments, *more])
    for note in pool.notes:
        _say(note)
    _say(
        f"pool: {len(pool)} recipes of {asked.product} from {len(pool.sources)} sources, {len(pool.hits)} of them hit; "
        f"held out of the literature: {remaining.same_source} experiments of these sources, {remaining.near_copies} "
        f"near copies; {len(remaining.experiments)} are left to learn from" + (" (cold start)" * remaining.is_cold)
    )
    model = given if "closedloop" in plan.strategies else NO_MODEL
    prior = prior_of(pool.view, remaining, _say, shelf.folder if shelf else None, model)
    known = Known(remaining.experiments, prior)
    study = run_all(
        PoolTask(pool, known), plan, executor=asked.executor, shelf=shelf, progress=ProgressLine(every_s=10)
    )
    sources = [source_key(experiments[members[0]].source) for members in pool.members]
    content: dict[str, Any] = {
        "data": data,
        "product": asked.product,
        "target": {"quantity": quantity, "value": goal.value, "band": _finite(goal.band), "shape": asked.shape},
        "pool": {
            "recipes": len(pool),
            "hits": len(pool.hits),
            "sources": len(pool.sources),
            "notes": list(pool.notes),
        },
        "literature": remaining.as_json()
        | {"model": NO_MODEL if prior is None else model, "cold_start": remaining.is_cold},
        "plan": asked.plan_json(),
        "strategies": {strategy: merits(pool.blind, runs, sources) for strategy, runs in study.runs.items()},
    }
    return content, study, pool.blind


def in_simulator(
    asked: Asked, simulator: str, campaign: str | None, survey: int | None
) -> "tuple[dict[str, Any], Study, Blind]":
    """Campaigns that design recipes within a campaign's space."""
    from closedloop.campaign.dryrun import (
        SURVEYED,
        DryRunError,
        SimulatedTask,
        check_designers,
        definition_for,
        merits,
        run_all,
    )
    from closedloop.campaign.dryrun.designers.proposer import MODELS, NONE
    from closedloop.campaign.dryrun.executors import executor_of
    from closedloop.campaign.dryrun.simulated import BUDGET

    plan = asked.plan(check_designers(asked.strategies))
    executor_of(asked.executor)
    model = asked.model or _SIMULATOR_MODEL
    if model not in MODELS:
        raise DryRunError(f"--literature-model {model}: in a simulator it is {' or '.join(MODELS)}")
    count = SURVEYED if survey is None else survey
    if count < 0:
        raise DryRunError(f"--survey is {count}; give a whole number from 0")
    shelf = asked.shelf()
    definition = definition_for(
        simulator,
        campaign=campaign,
        product=asked.product,
        size_nm=asked.target_size,
        tolerance=asked.tolerance,
        shape=asked.shape,
    )
    target, space = definition.target, definition.search_space
    task = SimulatedTask(simulator, definition, model)
    _say(
        f"simulator {simulator}: {target.product} of {target.size_nm:g} ± {target.half_width_nm:g} nm, in "
        f"{space.dimension} dimensions ({', '.join(space.labels)})"
    )
    blind = task.blind(task.survey(count, executor=asked.executor, shelf=shelf, progress=ProgressLine(every_s=10)))
    if count:
        _say(f"blind choice: {blind.hits} of {blind.draws} recipes from all over the space hit")
    study = run_all(task, plan, executor=asked.executor, shelf=shelf, progress=ProgressLine(every_s=10))
    content: dict[str, Any] = {
        "simulator": simulator,
        "campaign": definition.name,
        "product": target.product,
        "target": {
            "quantity": "size_nm",
            "value": target.size_nm,
            "band": list(target.band_nm),
            "shape": target.shape,
            "max_relative_spread": target.max_relative_spread,
        },
        "space": {"dimension": space.dimension, "varies": list(space.labels)},
        "blind": {"recipes": blind.draws, "hits": blind.hits, "share_95": blind.share_95},
        "literature": {"model": model, "cold_start": model == NONE},
        "plan": asked.plan_json() | {"budget": asked.budget or BUDGET},
        "strategies": {strategy: merits(blind, runs) for strategy, runs in study.runs.items()},
    }
    return content, study, blind


def _experiments(named: str) -> list[Any]:
    """Synthetic failures are no published outcomes, so that they are left out."""
    from closedloop.literature import load, name_and_path

    return load(*name_and_path(named), negatives=False).experiments


def _finite(band: tuple[float, float]) -> list[float | None]:
    return [band[0], band[1] if band[1] < float("inf") else None]


def _say(words: str) -> None:
    STDERR.print(words, soft_wrap=True, markup=False)
