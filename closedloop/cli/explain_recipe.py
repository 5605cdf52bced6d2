"""The recipe that a command is asked about: a JSON file, a row of a table, or options that read as a row does."""

import csv
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closedloop.cli.output import STDERR
from closedloop.recipes import ClosedloopError, Recipe

if TYPE_CHECKING:
    from closedloop.recipes import Experiment

TABLES = (".csv", ".xlsx", ".parquet")

RecipeArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RECIPE", help="A JSON file (- reads standard input), or a table of which --id names a row."
    ),
]
IdOption = Annotated[
    str | None, typer.Option("--id", help="The row of the table, or of --data where no table is given.")
]
ProductOption = Annotated[str | None, typer.Option(help="Instead of a file: what is to be made, such as CdSe.")]
ReagentsOption = Annotated[
    str | None, typer.Option(help="Instead of a file, in mmol: 'CdO=0.1; oleic acid=1.9; ODE='.")
]
InjectionOption = Annotated[str | None, typer.Option("--injection-temperature", help="Instead of a file: °C.")]
ReactionOption = Annotated[str | None, typer.Option("--reaction-temperature", help="Instead of a file: °C.")]
RateOption = Annotated[str | None, typer.Option("--heating-rate", help="Instead of a file: °C/min.")]
TimeOption = Annotated[str | None, typer.Option("--reaction-time", help="Instead of a file: min.")]


class RecipeNotReadable(ClosedloopError):
    """No recipe can be made of what was given."""


def read_recipe(
    given: str | None,
    id_: str | None,
    product: str | None,
    reagents: str | None,
    conditions: Sequence[str | None],
    experiments: "Sequence[Experiment]",
) -> Recipe:
    """The one recipe that was named in one of the three ways. Raises `RecipeNotReadable`."""
    from closedloop.literature import load_experiments

    in_words = (product, reagents, *conditions)
    if given is None and id_ is None and product is None:
        raise RecipeNotReadable("give a recipe: a JSON file, a table and --id, or --product and --reagents")
    if (given is not None or id_ is not None) and any(part is not None for part in in_words):
        raise RecipeNotReadable("give the recipe in one way alone: a file, a row, or --product and --reagents")
    if given is not None and Path(given).suffix.lower() in TABLES:
        experiments = load_experiments(given)
        if id_ is None:
            raise RecipeNotReadable(f"{given} is a table of {len(experiments)} experiments; name one with --id")
    elif given is not None:
        if id_ is not None:
            raise RecipeNotReadable(f"--id names a row of a table, and {given} is none; leave it out")
        return _from_json(given)
    if id_ is None:
        return _from_words(product or "", reagents or "", conditions)
    for experiment in experiments:
        if experiment.id == id_:
            return experiment.recipe
    known = ", ".join([e.id for e in experiments if e.id][:3])
    raise RecipeNotReadable(f"no experiment has the id {id_!r}" + (f"; ids are such as {known}" if known else ""))


def _from_json(given: str) -> Recipe:
    """A recipe, or anything that has one under ``recipe``, such as an experiment."""
    from pydantic import ValidationError

    from closedloop.fault_words import in_words, spelled, written_place
    from closedloop.literature import recipe_faults

    try:
        text = sys.stdin.read() if given == "-" else Path(given).read_text(encoding="utf-8")
        content = json.loads(text)
    except OSError as error:
        raise RecipeNotReadable(f"{given}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise RecipeNotReadable(
            f"{given}: is not JSON ({error}); write one recipe as closedloop run --json does"
        ) from error
    if isinstance(content, dict) and "recipe" in content:
        content = content["recipe"]
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = spelled(written_place(first, content)) or "recipe"
        raise RecipeNotReadable(f"{given}: {where}: {in_words(first, 'recipe', Recipe)}") from error
    if faults := recipe_faults(recipe):
        raise RecipeNotReadable(f"{given}: {'; '.join(faults)}; correct it there")
    return recipe


def _from_words(product: str, reagents: str, conditions: Sequence[str | None]) -> Recipe:
    """The options hold what the cells of a table hold, so that they are read as one."""
    from closedloop.literature import check_table, load_experiments
    from closedloop.synthesis.tokens import CONDITIONS

    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "options.csv"
        with table.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(
                [("product", "reagents", *CONDITIONS), (product, reagents, *(value or "" for value in conditions))]
            )
        for fault in check_table(table):
            said = (
                f"--{fault.column.removesuffix('_c_per_min').removesuffix('_c').removesuffix('_min').replace('_', '-')}"
            )
            said += f": {fault.value!r} {fault.problem}; {fault.remedy}" if fault.value else f" {fault.problem}"
            if fault.severity == "error":
                raise RecipeNotReadable(said)
            STDERR.print(f"note: {said}", soft_wrap=True)
        return load_experiments(str(table))[0].recipe
