"""``closedloop run``: a campaign from its file to its result."""

from pathlib import Path
from typing import Annotated, Any

import typer

from closedloop.cli.output import MOST_SEED, STDERR, going_on, print_json
from closedloop.cli.settings import StoreOption, store_url


def run(
    campaign: Annotated[str, typer.Argument(help="A campaign's YAML file, or the name of a shipped one.")] = "cdse",
    lab: Annotated[
        str | None, typer.Option(help="A lab file, or the name of an installed lab; left out: the campaign's own.")
    ] = None,
    store: StoreOption = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Largest number of experiments in all.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Seed of the proposals and of a simulated lab.")] = 0,
    report: Annotated[
        Path | None,
        typer.Option(help="Where to write the HTML report; left out: closedloop-report.html in this folder."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on standard output.")] = False,
) -> None:
    """Run a campaign; called again, it goes on where it stopped."""
    from closedloop.campaign import (
        Campaign,
        Runner,
        campaign_json,
        canonical_lab,
        check_free,
        check_place,
        lab_name,
        makeable_in,
        only_runner,
        read_campaign,
        write_report,
    )
    from closedloop.cli.live import LiveDisplay, describe
    from closedloop.lab import Bench, find_lab, lab_source
    from closedloop.retrain import CampaignRetrainer
    from closedloop.store import database_file

    url = store_url(store)
    source = lab_source(labfile := lab or read_campaign(campaign).lab)
    kept = [file] if (file := database_file(url)) else []
    place = check_place(report or Path("closedloop-report.html"), [*kept, Path(campaign), Path(labfile)])
    opened = Campaign.open(campaign, url, seed=seed, lab=lab_name(source))
    if budget is not None and (short := opened.definition.short_of(budget)):
        # No fault as in a file: what a small budget has begun, a run with a larger one goes on with.
        STDERR.print(f"note: {short}, so this run can only begin the campaign", soft_wrap=True)
    with going_on(), only_runner(opened.store):
        config = canonical_lab(find_lab(lab or opened.definition.lab, opened.store.files / "virtual-lab", seed))
        check_free(opened, config)
        opened.makeable = makeable_in(config)
        with (
            LiveDisplay(opened.definition.target, opened.experiments()) as display,
            Bench.open(config) as bench,
        ):
            runner = Runner(
                opened, bench, budget=budget, retrainer=CampaignRetrainer(opened, seed=seed), notify=display.show
            )
            stopped_because = runner.run()
        result = campaign_json(opened, stopped_because)
        written = write_report(opened, config, stopped_because, place)
    _summary(result, written)
    best = opened.best()
    if best:
        STDERR.print(f"best: {best.id}, {describe(best, opened.definition.target)}", soft_wrap=True)
    if json:
        print_json(result)


def _summary(result: dict[str, Any], written: Path) -> None:
    STDERR.print(f"stopped: {result['stopped_because']}", soft_wrap=True)
    STDERR.print(f"report: {written}", soft_wrap=True)
