"""``closedloop data``: which data there are, what is wrong with a table, and where a user's copies lie."""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Published data sets and tables of your own.")

FAULTY = 2


@app.command("list")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """List the data sets that have a name, and where each of them lies."""
    from closedloop.literature import list_data

    listed = list_data()
    if as_json:
        rows = [
            {"name": one.name, "about": one.about, "ships": one.ships, "path": str(one.path) if one.path else None}
            for one in listed
        ]
        typer.echo(json.dumps({"data": rows}))
        return
    from rich.table import Table

    from closedloop.cli.output import print_table

    table = Table("name", "what", "where", box=None)
    for one in listed:
        missing = f"not imported: closedloop data import {one.name} PATH"
        table.add_row(one.name, one.about, "in the package" if one.ships else str(one.path or missing))
    print_table(table)


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="A .csv, .xlsx or .parquet table.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """Explain every fault of a table: file, row, column, value and remedy. Exit status 2 if it cannot be loaded."""
    from closedloop.literature import check_table

    faults = check_table(path)
    errors = sum(fault.severity == "error" for fault in faults)
    warnings = len(faults) - errors
    if as_json:
        summary = {"path": str(path), "errors": errors, "warnings": warnings}
        typer.echo(json.dumps(summary | {"faults": [fault.as_dict() for fault in faults]}, ensure_ascii=False))
    else:
        from rich.table import Table
        from rich.text import Text

        from closedloop.cli.output import STDOUT, print_table

        if faults:
            table = Table("row", "column", "value", "problem", "what to do", show_lines=True)
            for fault in faults:
                row = str(fault.row) if fault.row else "file"
                problem = fault.problem if fault.severity == "error" else f"warning: {fault.problem}"
                table.add_row(*(Text(cell) for cell in (row, fault.column, fault.value, problem, fault.remedy)))
            print_table(table)
        verdict = "cannot be loaded" if errors else "can be loaded"
        STDOUT.print(Text(f"{path}: {errors} errors, {warnings} warnings; it {verdict}"))
    if errors:
        raise typer.Exit(FAULTY)


@app.command("import")
def import_command(
    name: Annotated[str, typer.Argument(help="gu2025, pbs2019, or a name of your own for a table.")],
    path: Annotated[Path, typer.Argument(help="The folder or file that holds the data; it is not copied.")],
) -> None:
    """Check a data set and remember where it lies, so that its name can be used instead of the path.

    The lab's retraining does not learn from it: that knows the lab's runs and the literature that ships.
    """
    from closedloop.literature import import_data

    loaded = import_data(name, path)
    typer.echo(f"{name}: {len(loaded.experiments):,} experiments at {path}")
    for repair, count in sorted(loaded.repairs.items()):
        typer.echo(f"  {count:>6,}  {repair}")
    for note in loaded.notes:
        typer.echo(f"  note: {note}")
