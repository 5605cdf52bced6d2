"""Completes the registry's table: ``python -m closedloop.chemistry.build [--opsin JAR]`` after an edit.

A row is written by hand up to its formula, its SMILES where there is one, and its names; this step computes the molar
mass from RDKit's atomic masses, refuses a SMILES whose composition is not the formula's or whose charges do not cancel,
refuses a row that does not say what its structure rests on, sorts the rows, and writes the file back. With OPSIN's jar
it also reads every name, and notes where OPSIN agrees (docs/chemistry.md). Nothing at run time needs any of it.
"""

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from closedloop.chemistry.errors import InvalidFormula
from closedloop.chemistry.formula import atomic_masses, parse_formula
from closedloop.chemistry.opsin import as_ions, read_names, version
from closedloop.whole_files import whole

DATA = Path(__file__).parent / "data"
LAST_ELEMENT = 83
FURTHER_ELEMENTS = (90, 92)
BY_FORMULA = "formula"
BY_HAND = "by hand: "
Row = dict[str, str]


def build(data: Path = DATA, opsin: Path | None = None) -> list[str]:
    """Rewrite ``elements.csv`` and ``substances.csv`` in ``data``; returns what OPSIN reads otherwise, if it was asked.

    Raises `InvalidFormula` naming the row at fault, and then leaves ``substances.csv`` as it was.
    """
    from rdkit import Chem

    table = Chem.GetPeriodicTable()
    numbers = (*range(1, LAST_ELEMENT + 1), *FURTHER_ELEMENTS)
    elements = [[table.GetElementSymbol(number), f"{table.GetAtomicWeight(number):g}"] for number in numbers]
    write_table(data / "elements.csv", ["symbol", "atomic_mass_g_per_mol"], elements)
    atomic_masses.cache_clear()

    with (data / "substances.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    for row in rows:
        counts = parse_formula(row["formula"])
        if row["smiles"]:
            _check_structure(row, dict(counts))
        mass = sum(table.GetAtomicWeight(symbol) * count for symbol, count in counts.items())
        row["molar_mass_g_per_mol"] = f"{mass:.3f}"
    otherwise = _ask_opsin(rows, opsin) if opsin else []
    for row in rows:
        if not row["structure_source"] and _names_its_formula(row):
            row["structure_source"] = BY_FORMULA
        if not row["structure_source"]:
            raise InvalidFormula(
                f"{row['name']}: nothing says what its structure rests on; build with --opsin, or write "
                f"{BY_HAND!r} and the reason into structure_source"
            )
    rows.sort(key=lambda row: row["name"].casefold())
    write_table(data / "substances.csv", columns, [[row[column] for column in columns] for row in rows])
    return otherwise


def atoms_of(smiles: str) -> dict[str, float]:
    """Element -> count of a SMILES, hydrogens included."""
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise InvalidFormula(f"{smiles!r} is not a SMILES")
    counts = Counter(atom.GetSymbol() for atom in Chem.AddHs(molecule).GetAtoms())
    return {symbol: float(count) for symbol, count in counts.items()}


def _check_structure(row: Row, counts: dict[str, float]) -> None:
    from rdkit import Chem

    atoms = atoms_of(row["smiles"])
    if atoms != counts:
        raise InvalidFormula(f"{row['name']}: the SMILES holds {atoms}, the formula {row['formula']}; mend one")
    if charge := Chem.GetFormalCharge(Chem.MolFromSmiles(row["smiles"])):
        raise InvalidFormula(f"{row['name']}: the charges of {row['smiles']} add up to {charge:+d}; mend the SMILES")


def _ask_opsin(rows: Sequence[Row], jar: Path) -> list[str]:
    """Note in each row whether OPSIN reads one of its names as its structure; returns the readings that differ."""
    names = [(row, name) for row in rows for name in _names(row)]
    agreed, otherwise = set(), []
    for (row, name), smiles in zip(names, read_names(jar, [name for _, name in names]), strict=True):
        read = as_ions(smiles)
        if read is not None and read == as_ions(row["smiles"]):
            agreed.add(row["name"])
        elif smiles:
            otherwise.append(f"{name}: {smiles} for {row['smiles'] or 'no structure'}")
    for row in rows:
        if row["name"] in agreed:
            row["structure_source"] = version(jar)
        elif not row["structure_source"].startswith(BY_HAND):
            row["structure_source"] = ""  # a claim of an earlier build that no longer holds
    return otherwise


def _names(row: Row) -> list[str]:
    return [row["name"], *filter(None, row["synonyms"].split(";"))]


def _names_its_formula(row: Row) -> bool:
    """Whether one of the names is a formula of the same composition: it then says all that there is to say."""
    for name in _names(row):
        try:
            if dict(parse_formula(name)) == dict(parse_formula(row["formula"])):
                return True
        except InvalidFormula:
            continue
    return False


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A CSV file that is there whole or not at all; the same bytes for the same rows on every machine."""
    with whole(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--opsin", type=Path, metavar="JAR", help="OPSIN's jar with its dependencies; needs Java")
    opsin = parser.parse_args(arguments).opsin
    try:
        otherwise = build(opsin=opsin)
    except InvalidFormula as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    for line in otherwise:
        print(f"OPSIN reads otherwise: {line}", file=sys.stderr)
    with (DATA / "substances.csv").open(encoding="utf-8", newline="") as file:
        kinds = Counter(row["structure_source"].split(":")[0] for row in csv.DictReader(file))
    print(f"{kinds.total()} substances: {', '.join(f'{n} {kind}' for kind, n in kinds.most_common())}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
