"""Puts the commands together; how they end is for `closedloop.cli.entry`.

Each command imports its rooms when it is called, so that `closedloop --help` answers at once.
"""

from typing import Annotated

import typer

from closedloop.cli import (
    chemistry,
    data,
    db,
    doctor,
    dryrun,
    evaluate_segmenter,
    evaluate_synthesis,
    explain,
    ingest,
    lab,
    models,
    proposals,
    spectra,
    tem,
)
from closedloop.cli import run as run_command

app = typer.Typer(
    name="closedloop",
    help="Runs an autonomous lab for colloidal nanocrystals: a target goes in, recipes come out, a lab makes them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
evaluate = typer.Typer(help="Figures of merit on data with a known answer.", no_args_is_help=True)
evaluate.command("synthesis")(evaluate_synthesis.synthesis)
evaluate.command("segmenter")(evaluate_segmenter.segmenter)

app.command("run")(run_command.run)
app.command("dryrun")(dryrun.dryrun)
app.command("ingest")(ingest.ingest)
app.command("retrain")(models.retrain)
app.command("serve")(models.serve)
app.command("doctor")(doctor.doctor)
app.add_typer(proposals.app, name="proposals")
app.add_typer(tem.app, name="tem")
app.add_typer(spectra.app, name="size")
app.add_typer(data.app, name="data")
app.add_typer(chemistry.app, name="chemistry")
app.add_typer(evaluate, name="evaluate")
app.add_typer(explain.app, name="explain")
app.add_typer(models.app, name="models")
app.add_typer(lab.app, name="lab")
app.add_typer(db.app, name="db")


def _say_version(wanted: bool) -> None:
    if wanted:
        from closedloop import __version__

        typer.echo(f"closedloop {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Say which version this is.")
    ] = False,
) -> None:
    """Called before every command; `--version` has ended the program by then."""
