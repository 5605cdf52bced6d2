"""The data sets that ship inside the package: cdse2022 and agnp2021 (both MIT; licences beside them in ``data/``)."""

import csv
from collections import Counter
from importlib.resources import as_file, files

from closedloop.literature.loaded import Loaded
from closedloop.literature.tables import load_table
from closedloop.recipes import Experiment, Outcome, Reagent, Recipe, Vessel

_DATA = files("closedloop.literature").joinpath("data")
AGNP_SOURCE = "Mekki-Berrada et al., npj Comput. Mater. 2021, 7, 55"


def load_cdse2022() -> Loaded:
    """234 hot injections of CdSe; the repairs are those that the shipped table's build recorded."""
    with as_file(_DATA.joinpath("cdse2022.csv")) as path:
        experiments = load_table(path).experiments
    changes = csv.DictReader(_DATA.joinpath("cdse2022_changes.csv").read_text(encoding="utf-8").splitlines())
    return Loaded(
        experiments,
        Counter(change["kind"] for change in changes),
        (
            "which vessel a chemical was in is inferred: chalcogen, phosphine and dimethylcadmium in the syringe",
            "57 of the 234 diameters come from an absorbance spectrum, not from TEM (evidence.method)",
            "every changed cell is listed in closedloop/literature/data/cdse2022_changes.csv",
        ),
    )


def load_agnp2021() -> Loaded:
    """3,295 readings at 164 settings of a droplet reactor; the outcome is a spectral loss, not a size."""
    rows = csv.DictReader(_DATA.joinpath("agnp2021.csv").read_text(encoding="utf-8").splitlines())
    experiments = []
    reagents = tuple(
        Reagent(name=name, vessel=Vessel.SYRINGE)
        for name in ("AgNO3", "polyvinyl alcohol", "trisodium citrate", "silver seeds")
    )
    for setting, row in enumerate(rows, start=1):
        flows = {name: float(value) for name, value in row.items() if name != "losses"}
        for reading, loss in enumerate(row["losses"].split(), start=1):
            experiments.append(
                Experiment(
                    recipe=Recipe(product="Ag", reagents=reagents),
                    outcome=Outcome(success=True, observables={**flows, "spectral_loss": float(loss)}),
                    source=AGNP_SOURCE,
                    id=f"agnp2021-{setting:03d}-{reading:02d}",
                )
            )
    return Loaded(
        experiments,
        Counter(),
        (
            "no amounts: the file gives flow fractions in % and no concentrations; they are in outcome.observables",
            "spectral_loss is the distance of the absorbance spectrum from the target spectrum (lower: closer)",
        ),
    )
