"""``closedloop proposals``: what waits for a person's decision, what there is to know of it, and the decision."""

from typing import TYPE_CHECKING, Annotated

import typer

from closedloop.cli.output import STDERR, STDOUT, print_json
from closedloop.cli.settings import StoreOption, store_url

if TYPE_CHECKING:
    from closedloop.store import Store

app = typer.Typer(help="Proposed experiments: look at them, approve, edit or veto them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="As JSON on standard output.")]
Id = Annotated[str, typer.Argument(help="The experiment's id.")]


@app.command("list")
def list_(store: StoreOption = None, json: Json = False) -> None:
    """Show the experiments that are proposed and not yet approved."""
    from closedloop.campaign import card_json, describe_recipe
    from closedloop.store import State, Store

    waiting = Store.open(store_url(store), create=False).experiments(states=[State.PROPOSED])
    if json:
        print_json([card_json(record) for record in waiting])
        return
    for record in waiting:
        STDOUT.print(f"{record.id}: {describe_recipe(record.recipe)}\n  {record.reason}", soft_wrap=True, markup=False)
    if not waiting:
        STDERR.print("no proposal waits for a decision")


@app.command()
def show(experiment: Id, store: StoreOption = None, json: Json = False) -> None:
    """Show one experiment's card: what was expected of it, its precedents, why it was chosen, and warnings."""
    from closedloop.store import Store

    _show(Store.open(store_url(store), create=False), experiment, json)


@app.command()
def approve(experiment: Id, store: StoreOption = None, json: Json = False) -> None:
    """Let the next `closedloop run` make it; refused outside the campaign's limits as the last run read them."""
    from closedloop.campaign import Campaign, card_json
    from closedloop.store import Store

    opened = Store.open(store_url(store), create=False)
    campaign = Campaign.reopen(opened.experiment(experiment).campaign, opened)
    approved = campaign.approve(experiment, "approved by a person")
    STDERR.print(f"{experiment} is approved")
    if json:
        print_json(card_json(approved))


@app.command()
def edit(
    experiment: Id,
    settings: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help='mmol of a chemical ("oleic acid=2.1") or a condition ("reaction_temperature_c=250"); repeatable.',
        ),
    ],
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Change amounts or conditions; checked against the campaign's limits as the last run read them; under a new id."""
    from closedloop.campaign import Campaign
    from closedloop.store import Store

    opened = Store.open(store_url(store), create=False)
    new = Campaign.reopen(opened.experiment(experiment).campaign, opened).edit(experiment, settings)
    STDERR.print(f"{experiment} goes on as {new.id}, which waits for a decision")
    _show(opened, new.id, json)


@app.command()
def veto(
    experiment: Id,
    why: Annotated[str, typer.Option(help="The reason, kept with the experiment.")] = "no reason given",
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Give up what was not begun, or a sample that is lost; the next `closedloop run` proposes another in its place."""
    from closedloop.campaign import Campaign, card_json
    from closedloop.store import Store

    opened = Store.open(store_url(store), create=False)
    Campaign.reopen(opened.experiment(experiment).campaign, opened).veto(experiment, why)
    STDERR.print(f"{experiment} is given up")
    if json:
        print_json(card_json(opened.experiment(experiment)))


def _show(opened: "Store", experiment: str, json: bool) -> None:
    from closedloop.campaign import card_json, card_lines

    record = opened.experiment(experiment)
    if json:
        print_json(card_json(record))
        return
    why = f"; {record.note}" if record.note else ""
    STDOUT.print(f"{record.id}: {record.state}{why}", soft_wrap=True, markup=False)
    lines = card_lines(record)
    width = max(len(line.label) for line in lines)
    for line in lines:
        STDOUT.print(f"  {line.label:<{width}}  {line.text}", soft_wrap=True, markup=False)
