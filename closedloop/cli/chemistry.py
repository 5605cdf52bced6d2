"""``closedloop chemistry``: what a name on a bottle means, and the structure behind it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closedloop.cli.output import STDOUT, print_json
from closedloop.recipes import Role

if TYPE_CHECKING:
    from closedloop.chemistry import Substance

app = typer.Typer(help="Chemicals: what a name means, and the structure behind it.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="The result as JSON on standard output.")]


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Any name, abbreviation or formula, such as TOPO or 'oleic acid'.")],
    svg: Annotated[Path | None, typer.Option("--svg", help="Draw the structure into this file.")] = None,
    json: JsonOption = False,
) -> None:
    """What is known of one chemical, with its structure drawn. Exit status 2 if the name is unknown or ambiguous."""
    from closedloop.chemistry import resolve
    from closedloop.chemistry.drawing import write_svg

    substance = resolve(name)
    if svg is not None:
        write_svg(substance, svg)
    if json:
        print_json(substance.model_dump(mode="json") | {"drawing": str(svg) if svg is not None else None})
        return
    for label, value in _facts(substance):
        STDOUT.print(f"{label:<15}{value}", markup=False, soft_wrap=True)
    if svg is not None:
        STDOUT.print(f"{'drawing':<15}{svg}", markup=False, soft_wrap=True)
    else:
        _draw_here(substance)


@app.command("list")
def list_command(
    role: Annotated[Role | None, typer.Option(help="Only chemicals of this role.")] = None, json: JsonOption = False
) -> None:
    """List the chemicals that have a name here, one a line: name, formula, molar mass, role."""
    from closedloop.chemistry import substances

    chosen = [substance for substance in substances() if role is None or substance.role is role]
    if json:
        print_json({"substances": [substance.model_dump(mode="json") for substance in chosen]})
        return
    for substance in chosen:
        mass = f"{substance.molar_mass_g_per_mol:.3f} g/mol"
        typer.echo("\t".join([substance.name, substance.formula, mass, substance.role or "unknown"]))


def _facts(substance: "Substance") -> list[tuple[str, str]]:
    def known(value: float | None, unit: str) -> str:
        return "unknown" if value is None else f"{value:g} {unit}"

    mass = f"{substance.molar_mass_g_per_mol:.3f} g/mol"
    return [
        ("name", substance.name),
        ("formula", f"{substance.formula} (nominal: a mixture or polymer)" if substance.nominal else substance.formula),
        ("SMILES", substance.smiles or "none: no single structure"),
        ("molar mass", mass),
        ("density", known(substance.density_g_per_ml, "g/mL")),
        ("melting point", known(substance.melting_point_c, "°C")),
        ("boiling point", known(substance.boiling_point_c, "°C at 1 atm")),
        ("role", substance.role or "unknown"),
        ("also called", "; ".join(substance.synonyms) or "nothing else"),
        ("structure from", substance.structure_source or "unknown"),
        ("values from", substance.source or "none given"),
    ]


def _draw_here(substance: "Substance") -> None:
    """The structure on the terminal where it fits; else how to have it drawn."""
    from closedloop.chemistry.drawing import draw_text

    if substance.smiles is None:
        return
    drawn = draw_text(substance, STDOUT.width)
    if drawn:
        STDOUT.print(f"\n{drawn}\n", markup=False, soft_wrap=True)
    STDOUT.print(f"{'drawing':<15}with --svg FILE", markup=False, soft_wrap=True)
