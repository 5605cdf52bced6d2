"""``closedloop lab``: looks at a lab before anything moves."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from closedloop.cli.output import STDERR, STDOUT, print_json

app = typer.Typer(help="The instruments of a lab file.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `check` a command of its own for as long as it is the only one."""


@app.command()
def check(
    lab: Annotated[Path, typer.Argument(help="A lab file.")],
    json: Annotated[bool, typer.Option("--json", help="The checks as JSON on standard output.")] = False,
) -> None:
    """Ask every instrument of LAB.yaml who it is; exit status 2 where one does not answer."""
    from closedloop.campaign import canonical_lab
    from closedloop.lab import check_lab, read_lab_file

    checks = check_lab(canonical_lab(read_lab_file(lab)))
    if json:
        print_json([asdict(each) for each in checks])
    else:
        for each in checks:
            STDOUT.print(f"{'ok   ' if each.ok else 'FAULT'} {each.name}: {each.detail}", soft_wrap=True)
    faults = sum(not each.ok for each in checks)
    if faults:
        STDERR.print(f"{faults} of {len(checks)} instruments do not answer")
        raise typer.Exit(2)
