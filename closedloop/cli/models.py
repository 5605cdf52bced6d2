"""``closedloop models``, ``retrain`` and ``serve``: which model is in service, and how another comes to be."""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closedloop.cli.output import MOST_SEED, STDERR, STDOUT, print_json
from closedloop.cli.settings import StoreOption, store_url

if TYPE_CHECKING:
    from closedloop.store import ModelRecord

app = typer.Typer(help="Models that were trained on this store, and which of them is in service.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="As JSON on standard output.")]
Why = Annotated[str, typer.Option(help="The reason, kept with the change.")]
Seed = Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Seed of the training.")]
SHIPPED = "the weights that ship with the package"


@app.command("list")
def list_(store: StoreOption = None, json: Json = False) -> None:
    """Show every model, with its parent and what the gate said of it."""
    from closedloop.store import Store

    with Store.open(store_url(store), create=False) as opened:
        models = opened.models()
        champion = next((model.id for model in models if model.status == "champion"), None)
    if json:
        print_json({"champion": champion, "models": [_json(model) for model in models]})
        return
    for model in models:
        parent = model.parent or "shipped"
        STDOUT.print(f"{model.id}  {model.status:<10} from {parent:<10} {model.created_at:%Y-%m-%d %H:%M} UTC")
        STDOUT.print(f"    {model.note}", soft_wrap=True)
    STDERR.print(f"in service: {champion or SHIPPED}")


@app.command()
def promote(
    model: Annotated[str, typer.Argument(metavar="ID", help="The model's id.")],
    why: Why = "promoted by a person",
    store: StoreOption = None,
    json: Json = False,
) -> None:
    """Put a model in service, whatever the gate said of it."""
    from closedloop.store import Store

    with Store.open(store_url(store), create=False) as opened:
        _say(opened.promote(model, why), json)


@app.command()
def rollback(why: Why = "rolled back by a person", store: StoreOption = None, json: Json = False) -> None:
    """Take the last promotion back; the model before it serves again."""
    from closedloop.store import Store

    with Store.open(store_url(store), create=False) as opened:
        _say(opened.rollback(why), json)


def retrain(
    now: Annotated[bool, typer.Option("--now", help="Also where too few new outcomes have come in.")] = False,
    campaign: Annotated[str | None, typer.Option(help="Only if this campaign has new outcomes; left out: any.")] = None,
    store: StoreOption = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Train a challenger on this store's experiments and the literature; it takes over where it is not worse.

    The literature is what ships with the package; data sets that were imported are not learned from (docs/tables.md).
    """
    from closedloop.campaign import Campaign
    from closedloop.retrain import CampaignRetrainer, describe
    from closedloop.store import Store

    with Store.open(store_url(store), create=False) as opened:
        names = opened.campaign_names() if campaign is None else [campaign]
        retrainers = {name: CampaignRetrainer(Campaign.reopen(name, opened), seed=seed) for name in names}
        due = [name for name, one in retrainers.items() if now or one.due(name)]
        if not due:
            waiting = ", ".join(
                f"{name}: {one.new_outcomes(name)} of {one.campaign.definition.retrain_every} new outcomes"
                for name, one in retrainers.items()
            )
            STDERR.print(f"not due ({waiting or 'no campaign yet'}); --now retrains all the same", soft_wrap=True)
            if json:
                print_json({"model": None, "promoted": False, "reason": "not due", "checks": []})
            return
        result = retrainers[due[0]].run(due[0])
    STDERR.print(describe(result), soft_wrap=True)
    if json:
        checks = [
            {
                "what": check.what,
                "count": check.count,
                "champion": check.champion,
                "challenger": check.challenger,
                "allowed": check.allowed,
                "passed": check.passed,
            }
            for check in result.checks
        ]
        print_json({"model": result.model_id, "promoted": result.promoted, "reason": result.reason, "checks": checks})


def serve(
    every_hours: Annotated[float, typer.Option(min=0.01, max=8760, help="How often to look for something new.")] = 6.0,
    store: StoreOption = None,
    seed: Seed = 0,
) -> None:
    """Keep retraining on whatever comes into the store, until SIGINT (Ctrl-C) or SIGTERM."""
    from closedloop.retrain import serve as serve_store
    from closedloop.store import Store

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    with Store.open(store_url(store), create=False) as opened:
        STDERR.print(f"retraining on {opened.url} every {every_hours:g} h; Ctrl-C ends it", soft_wrap=True)
        serve_store(opened, timedelta(hours=every_hours), seed=seed)


def _say(champion: "ModelRecord | None", json: bool) -> None:
    STDERR.print(f"in service: {champion.id if champion else SHIPPED}")
    if json:
        print_json({"champion": champion.id if champion else None})


def _json(model: "ModelRecord") -> dict[str, Any]:
    return {
        "id": model.id,
        "status": model.status.value,
        "parent": model.parent,
        "file": str(model.path),
        "sha256": model.sha256,
        "data_digest": model.data_digest,
        "metrics": model.metrics,
        "note": model.note,
        "created_at": model.created_at.isoformat(),
    }
