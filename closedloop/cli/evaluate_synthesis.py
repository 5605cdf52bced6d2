"""``closedloop evaluate synthesis``: the error of the model, or of a baseline, on experiments that it has not seen."""

import sys
from typing import Annotated

import typer


def synthesis(
    data: Annotated[str, typer.Option(help="A data set's name, NAME=PATH for a copy of yours, or a table's path.")],
    split: Annotated[str, typer.Option(help="paper, random, source, product or chemicals.")] = "source",
    model: Annotated[
        str, typer.Option(help="transformer, median, nearest, extra-trees or random-forest.")
    ] = "transformer",
    seed: Annotated[int, typer.Option(help="Seed of the folds and of the model.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")] = False,
) -> None:
    """Fit on four folds, score the fifth, five times: MAE, RMSE, R² and the coverage of 90% intervals."""
    from closedloop.literature import load_experiments
    from closedloop.literature import split as split_by
    from closedloop.synthesis.evaluation import check_model, evaluate

    check_model(model)
    name, _, path = data.partition("=")
    experiments = load_experiments(name, path or None)
    found = evaluate(experiments, split_by(experiments, split, seed=seed), model, seed=seed, progress=_Line())
    if as_json:
        from closedloop.cli.output import print_json

        print_json({"data": data, "split": split, "seed": seed, **found.as_json()})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("", "n", "MAE, nm", "RMSE, nm", "R²", "90% interval holds", "its width, nm", title=f"{data}, {split}")
    for label, scores in [*((f"fold {i}", fold) for i, fold in enumerate(found.folds, 1)), (model, found.overall)]:
        r2 = "" if scores.r2 is None else f"{scores.r2:.3f}"
        numbers = (f"{scores.mae_nm:.3f}", f"{scores.rmse_nm:.3f}", r2)
        table.add_row(label, str(scores.n), *numbers, f"{scores.coverage_90:.1%}", f"{scores.width_90_nm:.2f}")
    Console().print(table)


class _Line:
    """One line on standard error: rewritten in place on a terminal, once a fold where the output is kept."""

    def __init__(self) -> None:
        self.last = ""

    def __call__(self, part: float, words: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{part:4.0%} {words:<70}", end="\n" if part >= 1 else "", file=sys.stderr, flush=True)
            return
        fold = words.partition(":")[0]
        if fold != self.last:
            print(f"{part:4.0%} {words}", file=sys.stderr, flush=True)
        self.last = fold
