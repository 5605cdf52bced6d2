"""``closedloop evaluate synthesis``: the errors of the model, or of baselines, on experiments that it has not seen."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closedloop.cli.output import MOST_SEED, going_on
from closedloop.cli.progress_line import ProgressLine
from closedloop.whole_files import write_whole

if TYPE_CHECKING:
    from closedloop.synthesis.evaluation import Evaluation


def synthesis(
    data: Annotated[str, typer.Option(help="A data set's name, NAME=PATH for a copy of yours, or a table's path.")],
    split: Annotated[
        str,
        typer.Option(
            help="paper, random, rows, source, product (as named: CdSe-1 apart from CdSe-2), formula (all phases "
            "together), chemicals, composition=X or year."
        ),
    ] = "source",
    model: Annotated[
        str,
        typer.Option(
            help="transformer (the whole model that ships, trees and precedents included), median, nearest, "
            "decision-tree, random-forest, extra-trees, lightgbm, plain-network, lstm; several with commas between, or "
            "all."
        ),
    ] = "transformer",
    max_size_nm: Annotated[
        float | None, typer.Option(help="Leave larger experiments out altogether (the paper's limit is 20).")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="Seed of the folds, of the models and of the bootstrap.")
    ] = 0,
    failures: Annotated[
        bool, typer.Option(help="Learn from failures, and test those of the tested groups; off: leave them out.")
    ] = True,
    amounts: Annotated[
        bool, typer.Option("--amounts", help="Design the amounts of what is tested in reverse, too; takes time.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for evaluation.json, a page with plots, and finished folds to go on from."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """Fit on all folds but one and score that one, for each fold in turn; docs/evaluation.md explains every figure."""
    from closedloop.literature import DataError, load_experiments, name_and_path
    from closedloop.literature import split as split_by
    from closedloop.literature.splits import FOLDS, check_split
    from closedloop.synthesis.baselines import check_models
    from closedloop.synthesis.evaluation import Shelf, evaluate

    models = check_models(model)
    check_split(split)
    if max_size_nm is not None and not max_size_nm > 0:
        raise DataError(f"--max-size-nm is {max_size_nm:g}; give a size above 0")
    experiments = load_experiments(*name_and_path(data))
    if not failures:
        experiments = [one for one in experiments if not one.outcome.is_negative_example]
    folds = split_by(experiments, split, seed=seed, max_size_nm=max_size_nm, with_failures=True)
    if 1 < len(folds) < FOLDS:
        said = f"{split}: {len(folds)} groups with a known size, hence {len(folds)} folds and not {FOLDS}"
        print(said, file=sys.stderr)
    shelf = Shelf(out / "folds") if out else None
    with going_on(shelf is not None):
        found = [
            evaluate(experiments, folds, one, seed=seed, progress=ProgressLine(), amounts=amounts, shelf=shelf)
            for one in models
        ]
    about: dict[str, Any] = {"data": data, "split": split, "seed": seed, "max_size_nm": max_size_nm}
    if len(found) == 1:
        content = about | found[0].as_json()
    else:
        content = about | {"models": [one.as_json() for one in found]}
    if out:
        from closedloop.synthesis.evaluation.page import page

        write_whole(out / "evaluation.json", json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False))
        write_whole(out / "index.html", page(experiments, found, about))
    if as_json:
        from closedloop.cli.output import print_json

        print_json(content)
        return
    _print(found, f"{data}, {split}")
    if amounts:
        _print_amounts(found)


def _print(found: Sequence["Evaluation"], title: str) -> None:
    from rich.table import Table

    from closedloop.cli.output import print_table

    columns = ("n", "MAE, nm", "95% of draws", "RMSE, nm", "R²", "90% interval holds", "its width, nm", "shape right")
    table = Table("", *columns, title=title)
    for one in found:
        rows = [(f"fold {i}", fold) for i, fold in enumerate(one.folds, 1)] if len(found) == 1 else []
        for label, scores in [*rows, (one.model, one.overall)]:
            drawn = one.confidence_95["mae_nm"] if label == one.model else None
            table.add_row(
                label,
                str(scores.n),
                f"{scores.mae_nm:.3f}",
                f"{drawn[0]:.2f} to {drawn[1]:.2f}" if drawn else "",
                f"{scores.rmse_nm:.3f}",
                "" if scores.r2 is None else f"{scores.r2:.3f}",
                f"{scores.coverage_90:.1%}",
                f"{scores.width_90_nm:.2f}",
                "" if scores.shape_accuracy is None else f"{scores.shape_accuracy:.1%}",
            )
    print_table(table)


def _print_amounts(found: Sequence["Evaluation"]) -> None:
    from rich.table import Table

    from closedloop.cli.output import print_table

    table = Table("", "slots", "MAE, mmol", "95% of draws", "RMSE, mmol", "R²", "refused", title="amounts in reverse")
    for one in found:
        if one.amounts is None:
            table.add_row(one.model, "none")
            continue
        drawn = one.amounts.confidence_95["mae_mmol"]
        table.add_row(
            one.model,
            str(one.amounts.slots),
            f"{one.amounts.mae_mmol:.3f}",
            f"{drawn[0]:.2f} to {drawn[1]:.2f}" if drawn else "",
            f"{one.amounts.rmse_mmol:.3f}",
            "" if one.amounts.r2 is None else f"{one.amounts.r2:.3f}",
            str(one.amounts.refused),
        )
    print_table(table)
