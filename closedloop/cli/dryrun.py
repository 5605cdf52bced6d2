"""``closedloop dryrun``: what a strategy would have cost, on published recipes whose outcomes it was not shown, or in a
simulator that answers whatever it designs."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from closedloop.cli.dryrun_modes import Asked, in_simulator, on_pool
from closedloop.cli.output import going_on, print_json, print_table
from closedloop.recipes import Shape
from closedloop.whole_files import write_whole


def dryrun(
    data: Annotated[
        str | None, typer.Option(help="A data set's name, NAME=PATH for a copy of yours, or a table's path.")
    ] = None,
    simulator: Annotated[
        str | None, typer.Option(help="Instead of --data: a simulator that answers recipes freely designed; virtual.")
    ] = None,
    campaign: Annotated[
        str | None,
        typer.Option(help="In a simulator: the campaign's file whose space and target are used; left out: the usual."),
    ] = None,
    product: Annotated[str | None, typer.Option(help="Whose recipes are the pool, or what is to be made.")] = None,
    target_size: Annotated[
        float | None, typer.Option(help="The size in nm that counts as a hit (or the --observable's value).")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(help="How far off a hit may be, as a fraction of the target; left out: 0.05.")
    ] = None,
    shape: Annotated[Shape | None, typer.Option(help="The shape that a hit must have.")] = None,
    observable: Annotated[
        str | None, typer.Option(help="A measured value other than size_nm; left out: what the data set is about.")
    ] = None,
    aim: Annotated[str | None, typer.Option(help="match, at-most or at-least the target.")] = None,
    strategies: Annotated[
        str,
        typer.Option(
            help="closedloop, random, nearest (pool), gp, extra-trees, baybe, ax (simulator); commas between."
        ),
    ] = "closedloop,random",
    seeds: Annotated[int, typer.Option(help="How many campaigns of each strategy.")] = 20,
    budget: Annotated[
        int | None, typer.Option(help="Largest number of experiments of a campaign; left out: the whole pool, or 25.")
    ] = None,
    batch: Annotated[int, typer.Option(help="How many recipes are chosen before any outcome is known.")] = 1,
    all_hits: Annotated[bool, typer.Option("--all-hits", help="Go on after the first hit, to the budget.")] = False,
    literature: Annotated[
        list[str] | None,
        typer.Option(help="More literature to learn from, NAME or NAME=PATH; what is in the pool is held out."),
    ] = None,
    literature_model: Annotated[
        str | None,
        typer.Option(
            help="What closedloop knows beforehand. On a pool: extra-trees (default), transformer (all parts of the "
            "model that ships; minutes), ... or none; in a simulator: shipped (default) or none."
        ),
    ] = None,
    survey: Annotated[
        int | None,
        typer.Option(help="In a simulator: blind recipes that tell what blind choice needs; left out: 256, 0: none."),
    ] = None,
    executor: Annotated[str, typer.Option(help="local:N processes of this machine, or dask:ADDRESS.")] = "local:1",
    out: Annotated[
        Path | None, typer.Option(help="Folder for dryrun.json, a page with plots, and finished runs to go on from.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """Run campaigns on the published recipes of a product, or in a simulator; docs/dry-runs.md says what is counted."""
    from closedloop.campaign.dryrun import DryRunError

    asked = Asked(
        product,
        target_size,
        tolerance,
        shape,
        strategies,
        seeds,
        budget,
        batch,
        all_hits,
        literature_model,
        executor,
        out,
    )
    if (data is None) == (simulator is None):
        raise DryRunError("give --data for published recipes or --simulator for freely designed ones, one of the two")
    if data is not None:
        _refuse("--data", {"--campaign": campaign, "--survey": survey})
        with going_on(out is not None):
            content, study, blind = on_pool(asked, data, observable, aim, literature or [])
    else:
        _refuse("--simulator", {"--observable": observable, "--aim": aim, "--literature": literature or None})
        with going_on(out is not None):
            content, study, blind = in_simulator(asked, str(simulator), campaign, survey)
    if out:
        from closedloop.campaign.dryrun.page import page

        write_whole(out / "index.html", page(study, blind, content))
        write_whole(out / "dryrun.json", json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False))
    if as_json:
        print_json(content)
    else:
        _print(content)


def _refuse(mode: str, options: dict[str, object]) -> None:
    """What belongs to the other mode would do nothing here."""
    from closedloop.campaign.dryrun import DryRunError

    for name, value in options.items():
        if value is not None:
            raise DryRunError(f"{name} does not go with {mode}; leave one of them out")


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
            _ratio(one["median"], one["random_expected_median"]),
            f"{one['share_that_hit']:.0%}",
            f"{one['seconds_per_recommendation']:.3f}",
            "–" if one["calibration_error"] is None else f"{one['calibration_error']:.3f}",
        )
    print_table(table)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def _ratio(own: float | None, by_chance: float | None) -> str:
    return "–" if own is None or by_chance is None else f"{own / by_chance:.2f}"
