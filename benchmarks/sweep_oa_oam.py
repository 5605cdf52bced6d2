"""Our sweep of oleic acid against oleylamine for PbSe beside the paper's: figure 3d and e of Gu et al., ACS Nano 2025.

``python benchmarks/sweep_oa_oam.py --data gu2025=FOLDER``. The folder holds a copy of gu2025 with ``figures/``. What
the paper shows there are predictions of its own model, no measurements; so both surfaces are also put beside the
experiments of gu2025 with such a recipe. As the paper's does, our model learns from sizes up to 20 nm
(``--largest-nm``); ``--same-product`` learns from PbSe alone (quick), ``--model`` takes a fitted model instead.
Prints one JSON object, and draws the surfaces (``--out``).
"""

import argparse
import csv
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from conditions import conditions
from scipy.stats import pearsonr, spearmanr

from closedloop.literature import load, name_and_path
from closedloop.recipes import Experiment, Recipe, Shape
from closedloop.synthesis import SynthesisModel
from closedloop.synthesis.explanation import Sweep, axis, sweep

SEED = 0
FIGURE = "figures/figure3de variation of OLA and OA.csv"
AMINE, ACID = "oleylamine", "oleic acid"
# The figure's codes for shapes, which it explains in its last column.
SHAPES = {"1": Shape.SPHERE, "2": Shape.RHOMBUS, "3": Shape.CUBE}
# How alike the other amounts, relative to lead, and the conditions of a measured recipe must be (factor; °C; factor).
AMOUNT_FACTOR, TEMPERATURE_C, TIME_FACTOR = 1.6, 20.0, 2.0


class Surface:
    """The paper's values: amounts (a,) of amine and (b,) of acid in mmol, sizes (b, a) in nm and shapes (b, a)."""

    def __init__(self, path: Path) -> None:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        self.first = rows[0]
        self.amine, self.acid = (np.array(sorted({float(row[name]) for row in rows})) for name in ("D1", "F1"))
        at = {(float(row["F1"]), float(row["D1"])): row for row in rows}
        grid = [[at[acid, amine] for amine in self.amine] for acid in self.acid]
        self.size = np.array([[float(row["Y1"]) for row in line] for line in grid])
        self.shape = np.array([[list(Shape).index(SHAPES[row["Shape"]]) for row in line] for line in grid])

    def recipe(self, experiments: list[Experiment]) -> Recipe:
        """The recipe that is varied; each chemical in the vessel where the data's recipes of the product have it."""
        row = self.first
        names = [row[letter + "2"] for letter in "ABCEF"]
        amounts = [float(row[letter + "1"]) for letter in "ABCEF"]
        listed = dict(zip(names, amounts, strict=True)) | {"OLA": float(row["D1"])}
        like = next(
            e.recipe
            for e in experiments
            if e.recipe.product == row["T2"] and {r.name for r in e.recipe.reagents} == set(listed)
        )
        return Recipe(
            product=row["T2"],
            reagents=tuple(r.model_copy(update={"amount_mmol": listed[r.name]}) for r in like.reagents),
            injection_temperature_c=float(row["Temperature1"]),
            reaction_temperature_c=float(row["Temperature2"]),
            heating_rate_c_per_min=float(row["Speed"]),
            reaction_time_min=float(row["Time"]),
        )


def alike(made: Recipe, base: Recipe) -> bool:
    """Whether a recipe differs from the figure's in nothing much but oleic acid, oleylamine and the batch's size."""
    held = [r.name for r in base.reagents if r.name not in ("OA", "OLA")]
    if made.product != base.product or {r.name for r in made.reagents} - {"OA", "OLA"} != set(held):
        return False
    if abs((made.reaction_temperature_c or 0) - (base.reaction_temperature_c or 0)) > TEMPERATURE_C:
        return False
    times = [made.reaction_time_min or 1e-3, base.reaction_time_min or 1e-3]
    if abs(np.log(times[0] / times[1])) > np.log(TIME_FACTOR):
        return False
    ratios = np.array([[one.amount_mmol(name) or np.nan for name in held] for one in (made, base)])
    relative = np.log(ratios / ratios[:, :1])
    return bool(np.all(np.abs(relative[0] - relative[1]) <= np.log(AMOUNT_FACTOR)))


def agreement(theirs: np.ndarray, ours: np.ndarray) -> dict[str, object]:
    """Two surfaces of size, both (b, a) over acid and amine: how they go together, and whether trends have one sign."""
    signs: dict[str, object] = {}
    for name, way in ((AMINE, 1), (ACID, 0)):
        steps = [np.sign(np.diff(one, axis=way)) for one in (theirs, ours)]
        signs[f"local trends of equal sign along {name}"] = float((steps[0] == steps[1]).mean())
        means = [np.log(one).mean(1 - way) for one in (theirs, ours)]
        signs[f"correlation of the mean profile along {name}"] = float(pearsonr(*means).statistic)
    logs = np.log(theirs).ravel(), np.log(ours).ravel()
    return {
        "correlation of ln size": float(pearsonr(*logs).statistic),
        "rank correlation": float(spearmanr(*logs).statistic),
        "mean absolute difference, nm": float(np.abs(theirs - ours).mean()),
        "theirs: mean, least, most, nm": [float(f(theirs)) for f in (np.mean, np.min, np.max)],
        "ours: mean, least, most, nm": [float(f(ours)) for f in (np.mean, np.min, np.max)],
        **signs,
    }


def measured(surface: Surface, found: Sweep, base: Recipe, experiments: list[Experiment]) -> list[dict[str, object]]:
    """Experiments with such a recipe, brought to the figure's batch size, and what both surfaces say at their place.

    One row for each place: the experiments there differ in what the figure holds (solvent, selenium, temperature).
    """
    places: dict[tuple[float, float], list[float]] = {}
    for experiment in experiments:
        made, size = experiment.recipe, experiment.outcome.size_nm
        if size is None or not alike(made, base):
            continue
        lead = base.reagents[0].name
        scale = (base.amount_mmol(lead) or 1) / (made.amount_mmol(lead) or 1)
        amine, acid = ((made.amount_mmol(name) or 0) * scale for name in ("OLA", "OA"))
        places.setdefault((round(amine, 1), round(acid, 1)), []).append(size)
    rows: list[dict[str, object]] = []
    for (amine, acid), sizes in sorted(places.items()):
        i, j = int(np.abs(surface.acid - acid).argmin()), int(np.abs(surface.amine - amine).argmin())
        rows.append(
            {
                f"{AMINE}, mmol": amine,
                f"{ACID}, mmol": acid,
                "experiments": len(sizes),
                "measured, nm": "{:.1f} ({:.1f} to {:.1f})".format(*(f(sizes) for f in (np.median, np.min, np.max))),
                "paper, nm": round(float(surface.size[i, j]), 2),
                "ours, nm": round(float(found.size_nm[i, j]), 2),
            }
        )
    return rows


def draw(surface: Surface, found: Sweep, out: Path) -> None:
    """Sizes on top (one scale for both), likeliest shapes below; the paper on the left."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    from closedloop.synthesis.explanation.plots import SHAPE_COLOURS

    figure = Figure(figsize=(9, 7.4), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, sharey=True)
    low, high = (f([f(surface.size), f(found.size_nm)]) for f in (np.min, np.max))
    pairs = ((surface.size, surface.shape, "Gu et al."), (found.size_nm, found.likeliest, "this model"))
    for column, (size, shape, name) in enumerate(pairs):
        mesh = grid[0, column].pcolormesh(surface.amine, surface.acid, size, vmin=low, vmax=high, shading="nearest")
        grid[0, column].set_title(f"{name}: size, nm")
        if shape is None:
            continue
        colours = ListedColormap(list(SHAPE_COLOURS))
        grid[1, column].pcolormesh(
            surface.amine,
            surface.acid,
            shape,
            cmap=colours,
            vmin=-0.5,
            vmax=len(SHAPE_COLOURS) - 0.5,
            shading="nearest",
        )
        for code in np.unique(shape):
            grid[1, column].plot([], [], "s", color=SHAPE_COLOURS[code], label=str(list(Shape)[code]))
        grid[1, column].legend(fontsize=8)
        grid[1, column].set_title(f"{name}: likeliest shape")
    figure.colorbar(mesh, ax=grid[0])
    for axes in grid[1]:
        axes.set_xlabel(f"{AMINE}, mmol")
    for axes in grid[:, 0]:
        axes.set_ylabel(f"{ACID}, mmol")
    figure.savefig(out, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="gu2025=FOLDER")
    parser.add_argument("--largest-nm", type=float, default=20.0)
    parser.add_argument("--same-product", action="store_true")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--save", type=Path, help="where to keep the fitted model")
    parser.add_argument("--out", type=Path, default=Path("sweep_oa_oam.png"))
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    name, folder = name_and_path(given.data)
    everything = load(name, folder, negatives=False).experiments
    surface = Surface(Path(folder or "") / FIGURE)
    base = surface.recipe(everything)
    learned = [e for e in everything if e.outcome.size_nm is not None and e.outcome.size_nm <= given.largest_nm]
    if given.same_product:
        learned = [e for e in learned if e.recipe.product == base.product]
    started = time.perf_counter()

    def say(part: float, words: str) -> None:
        print(f"{part:4.0%} {time.perf_counter() - started:5.0f} s {words}", file=sys.stderr, flush=True)

    model = SynthesisModel.load(given.model) if given.model else SynthesisModel.fit(learned, SEED, progress=say)
    fitted = time.perf_counter()
    if given.save:
        model.save(given.save)
    found = sweep(model, base, axis(base, "OLA", surface.amine), axis(base, "OA", surface.acid))
    swept = time.perf_counter()
    report = {
        "model": model.description if given.model else f"fitted on {len(learned)} sizes up to {given.largest_nm:g} nm",
        "fit_seconds": None if given.model else round(fitted - started, 1),
        "sweep_seconds": round(swept - fitted, 2),
        "points": int(found.size_nm.size),
        "sizes": agreement(surface.size, found.size_nm),
        "shapes alike": None if found.likeliest is None else float((found.likeliest == surface.shape).mean()),
        "median half width of our 90% interval, % of the size": float(
            np.median(50 * (found.high_nm - found.low_nm) / found.size_nm)
        ),
        "measured with such a recipe": measured(surface, found, base, everything),
        "conditions": conditions(SEED, [Path(folder) / FIGURE]),
    }
    draw(surface, found, given.out)
    print(json.dumps(report, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
