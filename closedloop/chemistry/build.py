"""Completes the registry's table: ``python -m closedloop.chemistry.build`` after a row of substances.csv was edited.

A row is written by hand up to its formula (and SMILES, where there is one); this step computes the molar mass from
RDKit's atomic masses, refuses a SMILES whose composition is not the formula's, sorts the rows, and writes the file
back. Nothing at run time needs it, or RDKit.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

from closedloop.chemistry.errors import InvalidFormula
from closedloop.chemistry.formula import atomic_masses, parse_formula

DATA = Path(__file__).parent / "data"
LAST_ELEMENT = 83
FURTHER_ELEMENTS = (90, 92)


def build(data: Path = DATA) -> int:
    """Rewrite ``elements.csv`` and ``substances.csv`` in ``data``; returns the number of substances."""
    from rdkit import Chem

    table = Chem.GetPeriodicTable()
    numbers = (*range(1, LAST_ELEMENT + 1), *FURTHER_ELEMENTS)
    elements = [[table.GetElementSymbol(number), f"{table.GetAtomicWeight(number):g}"] for number in numbers]
    _write(data / "elements.csv", ["symbol", "atomic_mass_g_per_mol"], elements)
    atomic_masses.cache_clear()

    with (data / "substances.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    for row in rows:
        counts = parse_formula(row["formula"])
        if row["smiles"] and dict(counts) != atoms_of(row["smiles"]):
            raise InvalidFormula(
                f"{row['name']}: the SMILES holds {atoms_of(row['smiles'])}, the formula {row['formula']}; mend one"
            )
        mass = sum(table.GetAtomicWeight(symbol) * count for symbol, count in counts.items())
        row["molar_mass_g_per_mol"] = f"{mass:.3f}"
    rows.sort(key=lambda row: row["name"].casefold())
    _write(data / "substances.csv", columns, [[row[column] for column in columns] for row in rows])
    return len(rows)


def atoms_of(smiles: str) -> dict[str, float]:
    """Element -> count of a SMILES, hydrogens included."""
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise InvalidFormula(f"{smiles!r} is not a SMILES")
    counts = Counter(atom.GetSymbol() for atom in Chem.AddHs(molecule).GetAtoms())
    return {symbol: float(count) for symbol, count in counts.items()}


def _write(path: Path, columns: list[str], rows: list[list[str]]) -> None:
    draft = path.with_suffix(".tmp")
    with draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    draft.replace(path)


if __name__ == "__main__":
    print(f"{build()} substances", file=sys.stderr)
