"""``closedloop proposals``: what waits for a person's decision, and the decision."""

from typing import Annotated

import typer

from closedloop.cli.output import STDERR, STDOUT, print_json
from closedloop.cli.settings import StoreOption, store_url

app = typer.Typer(help="Proposed experiments of campaigns that ask before they begin.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="As JSON on standard output.")]
Id = Annotated[str, typer.Argument(help="The experiment's id.")]


@app.command("list")
def list_(store: StoreOption = None, json: Json = False) -> None:
    """Show the experiments that are proposed and not yet approved."""
    from closedloop.campaign import describe_recipe, experiment_json
    from closedloop.store import State, Store

    waiting = Store.open(store_url(store), create=False).experiments(states=[State.PROPOSED])
    if json:
        print_json([experiment_json(record) for record in waiting])
        return
    for record in waiting:
        STDOUT.print(f"{record.id}: {describe_recipe(record.recipe)}\n  {record.reason}", soft_wrap=True)
    if not waiting:
        STDERR.print("no proposal waits for a decision")


@app.command()
def approve(experiment: Id, store: StoreOption = None) -> None:
    """Let the next `closedloop run` make it."""
    from closedloop.store import State, Store

    Store.open(store_url(store), create=False).move(experiment, State.APPROVED, note="approved by a person")
    STDERR.print(f"{experiment} is approved")


@app.command()
def veto(
    experiment: Id,
    why: Annotated[str, typer.Option(help="The reason, kept with the experiment.")] = "no reason given",
    store: StoreOption = None,
) -> None:
    """Give it up; the next `closedloop run` proposes another in its place."""
    from closedloop.campaign import Campaign
    from closedloop.store import Store

    opened = Store.open(store_url(store), create=False)
    Campaign.reopen(opened.experiment(experiment).campaign, opened).abandon(experiment, f"vetoed by a person ({why})")
    STDERR.print(f"{experiment} is given up")
