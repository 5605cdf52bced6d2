"""``closedloop dryrun``: what a strategy would have cost, on published recipes whose outcomes it was not shown."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from closedloop.cli.output import STDERR, STDOUT, print_json
from closedloop.recipes import Shape


def dryrun(
    data: Annotated[str, typer.Option(help="A data set's name, NAME=PATH for a copy of yours, or a table's path.")],
    product: Annotated[str, typer.Option(help="Whose recipes are the pool.")],
    target_size: Annotated[
        float, typer.Option(help="The size in nm that counts as a hit (or the --observable's value).")
    ],
    tolerance: Annotated[float, typer.Option(help="How far off a hit may be, as a fraction of the target.")] = 0.05,
    shape: Annotated[Shape | None, typer.Option(help="The shape that a hit must have.")] = None,
    observable: Annotated[
        str | None, typer.Option(help="A measured value other than size_nm; left out: what the data set is about.")
    ] = None,
    aim: Annotated[str | None, typer.Option(help="match, at-most or at-least the target.")] = None,
    strategies: Annotated[
        str, typer.Option(help="closedloop, random, nearest, gp, extra-trees, baybe; commas between.")
    ] = "closedloop,random",
    seeds: Annotated[int, typer.Option(help="How many campaigns of each strategy.")] = 20,
    budget: Annotated[
        int | None, typer.Option(help="Largest number of experiments of a campaign; left out: the whole pool.")
    ] = None,
    batch: Annotated[int, typer.Option(help="How many recipes are chosen before any outcome is known.")] = 1,
    all_hits: Annotated[bool, typer.Option("--all-hits", help="Go on after the first hit, to the budget.")] = False,
    literature: Annotated[
        list[str] | None,
        typer.Option(help="More literature to learn from, NAME or NAME=PATH; what is in the pool is held out."),
    ] = None,
    literature_model: Annotated[
        str, typer.Option(help="What learns from it for closedloop: extra-trees, transformer (minutes), ... or none.")
    ] = "extra-trees",
    executor: Annotated[str, typer.Option(help="local:N processes of this machine, or dask:ADDRESS.")] = "local:1",
    out: Annotated[
        Path | None, typer.Option(help="Folder for dryrun.json, a page with plots, and finished runs to go on from.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """Replay campaigns on the published recipes of a product; docs/dry-runs.md says what is held out and counted."""
    from closedloop.campaign.dryrun import (
        Goal,
        Known,
        Plan,
        Pool,
        Shelf,
        check_strategies,
        literature_without,
        merits,
        prior_of,
        run_study,
    )
    from closedloop.campaign.dryrun.executors import executor_of
    from closedloop.campaign.dryrun.pool import SETTINGS, aim_of, quantity_of
    from closedloop.campaign.dryrun.prior import NO_MODEL, check_model

    plan = Plan(check_strategies(strategies), seeds, budget, batch, all_hits)
    executor_of(executor)
    check_model(literature_model)
    shelf = Shelf(out / "runs") if out else None
    name = data.partition("=")[0]
    quantity = observable or quantity_of(name)
    goal = Goal(target_size, tolerance, shape, quantity, aim_of(aim, quantity))
    experiments = _experiments(data)
    pool = Pool.of(experiments, product, goal, SETTINGS.get(name, ()))
    more = [one for named in literature or [] for one in _experiments(named)]
    remaining = literature_without(pool, [*experiments, *more])
    for note in pool.notes:
        _say(note)
    _say(
        f"pool: {len(pool)} recipes of {product} from {len(pool.sources)} sources, {len(pool.hits)} of them hit; "
        f"held out of the literature: {remaining.same_source} experiments of these sources, {remaining.near_copies} "
        f"near copies; {len(remaining.experiments)} are left to learn from" + (" (cold start)" * remaining.is_cold)
    )
    model = literature_model if "closedloop" in plan.strategies else NO_MODEL
    prior = prior_of(pool.view, remaining, _say, shelf.folder if shelf else None, model)
    known = Known(remaining.experiments, prior)
    study = run_study(pool, known, plan, executor=executor, shelf=shelf, progress=_Line())
    sources = [experiments[members[0]].source for members in pool.members]
    content: dict[str, Any] = {
        "data": data,
        "product": product,
        "target": {"quantity": quantity, "value": target_size, "band": _finite(goal.band), "shape": shape},
        "pool": {
            "recipes": len(pool),
            "hits": len(pool.hits),
            "sources": len(pool.sources),
            "notes": list(pool.notes),
        },
        "literature": remaining.as_json() | {"model": model, "cold_start": prior is None},
        "plan": {"seeds": seeds, "budget": budget, "batch": batch, "all_hits": all_hits},
        "strategies": {strategy: merits(pool, runs, sources) for strategy, runs in study.runs.items()},
    }
    if out:
        from closedloop.campaign.dryrun.page import page

        _write(out / "index.html", page(study, content))
        _write(out / "dryrun.json", json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False))
    if as_json:
        print_json(content)
    else:
        _print(content)


def _experiments(named: str) -> list[Any]:
    """Synthetic failures are no published outcomes, so that they are left out."""
    from closedloop.literature import load

    name, _, path = named.partition("=")
    return load(name, path or None, negatives=False).experiments


def _finite(band: tuple[float, float]) -> list[float | None]:
    return [band[0], band[1] if band[1] < float("inf") else None]


def _say(words: str) -> None:
    STDERR.print(words, soft_wrap=True, markup=False)


def _write(path: Path, text: str) -> None:
    """Beside its place, then there: a reader never sees half of one."""
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _print(content: dict[str, Any]) -> None:
    from rich.table import Table

    target = content["target"]
    headings = ("median", "95%", "against random", "hit", "s per choice", "calibration error")
    table = Table("", *headings, title=f"{content['product']}, {target['quantity']} {target['value']:g}: experiments")
    for name, one in content["strategies"].items():
        low, high = one["confidence_95"]["median"]
        table.add_row(
            name,
            _number(one["median"]),
            f"{_number(low)} to {_number(high)}",
            "–" if one["median"] is None else f"{one['median'] / one['random_expected_median']:.2f}",
            f"{one['share_that_hit']:.0%}",
            f"{one['seconds_per_recommendation']:.3f}",
            "–" if one["calibration_error"] is None else f"{one['calibration_error']:.3f}",
        )
    STDOUT.print(table)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


class _Line:
    """One line on standard error: rewritten in place on a terminal, every ten seconds where the output is kept."""

    def __init__(self) -> None:
        self.started = self.last = time.monotonic()

    def __call__(self, part: float, words: str) -> None:
        now = time.monotonic()
        words = f"{part:4.0%} {words}{self._left(now, part)}"
        if sys.stderr.isatty():
            print(f"\r{words:<100}", end="\n" if part >= 1 else "", file=sys.stderr, flush=True)
        elif now - self.last > 10 or part >= 1:
            print(words, file=sys.stderr, flush=True)
            self.last = now

    def _left(self, now: float, part: float) -> str:
        """What is left of the runs at the pace so far."""
        seconds = (now - self.started) * (1 - part) / part
        if seconds < 5:
            return ""
        return f", {seconds / 60:.0f} min left" if seconds >= 90 else f", {seconds:.0f} s left"
