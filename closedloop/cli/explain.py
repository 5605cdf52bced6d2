"""``closedloop explain``: why the model says what it says of a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closedloop.cli.explain_recipe import (
    IdOption,
    InjectionOption,
    ProductOption,
    RateOption,
    ReactionOption,
    ReagentsOption,
    RecipeArgument,
    TimeOption,
    read_recipe,
)
from closedloop.cli.output import MOST_SEED, STDERR, STDOUT, print_json, print_table
from closedloop.recipes import Shape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from closedloop.recipes import Experiment
    from closedloop.synthesis import SynthesisModel
    from closedloop.synthesis.explanation import Page

app = typer.Typer(
    help="Why the model says what it says: shares of a recipe's parts, sweeps, attention.", no_args_is_help=True
)

DataOption = Annotated[
    str, typer.Option(help="Experiments to compare with, and where --id is looked up: a name, NAME=PATH, or a table.")
]
ModelOption = Annotated[Path | None, typer.Option(help="A model's file; the one that ships unless given.")]
OutOption = Annotated[Path | None, typer.Option(help="Draw it here (.html, .svg or .png).")]
JsonOption = Annotated[bool, typer.Option("--json", help="The result as JSON on standard output.")]


@app.command("shapley")
def shapley(
    recipe: RecipeArgument = None,
    id_: IdOption = None,
    product: ProductOption = None,
    reagents: ReagentsOption = None,
    injection_temperature: InjectionOption = None,
    reaction_temperature: ReactionOption = None,
    heating_rate: RateOption = None,
    reaction_time: TimeOption = None,
    of: Annotated[str, typer.Option(help="size, success or shape.")] = "size",
    shape: Annotated[Shape | None, typer.Option(help="Whose chance; the likeliest unless given.")] = None,
    data: DataOption = "cdse2022",
    precedents: Annotated[int, typer.Option(min=1, max=200, help="With how many to compare.")] = 8,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="Of the random orders, where more than ten parts differ.")
    ] = 0,
    model: ModelOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Each part's share in the difference between this prediction and those for precedents (Shapley values)."""
    from closedloop.synthesis.explanation import Quantity, check_place, explain, explanation_page, waterfall

    if of not in list(Quantity):
        raise typer.BadParameter(f"{of!r} is not one of {', '.join(Quantity)}", param_hint="--of")
    if out is not None:
        check_place(out)
    experiments = _experiments(data)
    conditions = (injection_temperature, reaction_temperature, heating_rate, reaction_time)
    chosen = read_recipe(recipe, id_, product, reagents, conditions, experiments)
    loaded = _model(model)
    made = [e.recipe for e in experiments if e.outcome.success is not False]
    found = explain(loaded, chosen, made, of, shape=shape, at_most=precedents, seed=seed)
    if out is not None:
        _draw(waterfall(found), explanation_page(found), out)
    if as_json:
        print_json({"recipe": chosen.model_dump(mode="json"), "model": loaded.description, **found.to_json()})
    else:
        _show(explanation_page(found))


@app.command("sweep")
def sweep(
    x: Annotated[str, typer.Option(help="'oleic acid=0:20', or with steps 'reaction temperature=200:300:11'.")],
    recipe: RecipeArgument = None,
    y: Annotated[str | None, typer.Option(help="A second axis, written likewise.")] = None,
    id_: IdOption = None,
    product: ProductOption = None,
    reagents: ReagentsOption = None,
    injection_temperature: InjectionOption = None,
    reaction_temperature: ReactionOption = None,
    heating_rate: RateOption = None,
    reaction_time: TimeOption = None,
    data: DataOption = "cdse2022",
    model: ModelOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Vary one or two chemicals or conditions, hold the rest: predicted size, shape and success."""
    from closedloop.synthesis.explanation import check_place, parse_axis, sweep_page, sweep_plot
    from closedloop.synthesis.explanation import sweep as sweep_over

    if out is not None:
        check_place(out)
    conditions = (injection_temperature, reaction_temperature, heating_rate, reaction_time)
    experiments = _experiments(data) if id_ is not None and recipe is None else []
    chosen = read_recipe(recipe, id_, product, reagents, conditions, experiments)
    along, across = parse_axis(x, chosen), parse_axis(y, chosen) if y is not None else None
    loaded = _model(model)
    found = sweep_over(loaded, chosen, along, across)
    if out is not None:
        _draw(sweep_plot(found), sweep_page(found), out)
    if as_json:
        print_json({"recipe": chosen.model_dump(mode="json"), "model": loaded.description, **found.to_json()})
    else:
        _show(sweep_page(found))


@app.command("attention")
def attention(
    recipe: RecipeArgument = None,
    id_: IdOption = None,
    product: ProductOption = None,
    reagents: ReagentsOption = None,
    injection_temperature: InjectionOption = None,
    reaction_temperature: ReactionOption = None,
    heating_rate: RateOption = None,
    reaction_time: TimeOption = None,
    data: DataOption = "cdse2022",
    model: ModelOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Where the transformer looks, by role and layer: for one recipe, or for all of --data where none is given."""
    from closedloop.synthesis.explanation import attention as attention_of
    from closedloop.synthesis.explanation import attention_page, check_place, heat_map

    if out is not None:
        check_place(out)
    conditions = (injection_temperature, reaction_temperature, heating_rate, reaction_time)
    one = any(given is not None for given in (recipe, id_, product, reagents, *conditions))
    experiments = [] if one and (id_ is None or recipe is not None) else _experiments(data)
    if one:
        recipes = [read_recipe(recipe, id_, product, reagents, conditions, experiments)]
    else:
        recipes = [e.recipe for e in experiments if e.outcome.success is not False]
    loaded = _model(model)
    found = attention_of(loaded, recipes)
    if out is not None:
        _draw(heat_map(found), attention_page(found), out)
    if as_json:
        print_json({"model": loaded.description, **found.to_json()})
    else:
        _show(attention_page(found))


def _experiments(data: str) -> "list[Experiment]":
    from closedloop.literature import load_experiments, name_and_path

    return load_experiments(*name_and_path(data))


def _model(path: Path | None) -> "SynthesisModel":
    from closedloop.synthesis import SynthesisModel

    return SynthesisModel.default() if path is None else SynthesisModel.load(path)


def _draw(figure: "Figure", page: "Page", out: Path) -> None:
    from closedloop.synthesis.explanation import write

    write(figure, page, out)
    STDERR.print(f"drawn: {out}", soft_wrap=True)


def _show(page: "Page") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(*page.header, box=None)
    for row in page.rows:
        cells: list[Any] = [Text(cell) for cell in row]
        table.add_row(*cells)
    print_table(table)
    for line in page.lines:
        STDOUT.print(Text(line), soft_wrap=True)
