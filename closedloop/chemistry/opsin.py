"""What OPSIN (Lowe et al., J. Chem. Inf. Model. 2011, 51, 739) reads in a name. Serves `build` alone.

It needs Java and ``opsin-cli-…-jar-with-dependencies.jar``, and no network; nothing at run time calls it. OPSIN reads
systematic names well, and abbreviations wrongly or not at all, so that its word counts only where it agrees with a
structure that was written by hand.
"""

import re
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from closedloop.chemistry.errors import InvalidFormula

_VERSION = re.compile(r"opsin-cli-(\d+(?:\.\d+)+)")
# A bond between two of these is covalent; any other bond to a metal or metalloid is written as ions.
_COVALENT = {"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "As", "Se", "Br", "Te", "I"}
_TIMEOUT_S = 300


def read_names(jar: Path, names: Sequence[str]) -> list[str]:
    """The SMILES of each name in turn, "" where OPSIN cannot read it; raises `InvalidFormula` if OPSIN does not run."""
    if not jar.is_file():
        raise InvalidFormula(f"{jar}: no such file; give OPSIN's jar with its dependencies")
    command = ["java", "-jar", str(jar), "-osmi"]
    try:
        answer = subprocess.run(
            command, input="\n".join(names) + "\n", capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise InvalidFormula(f"OPSIN did not run ({error}); it needs java on the path") from error
    lines = answer.stdout.splitlines()
    if len(lines) != len(names):
        raise InvalidFormula(f"OPSIN answered {len(lines)} lines to {len(names)} names; is {jar} OPSIN's jar?")
    return lines


def version(jar: Path) -> str:
    """``OPSIN 2.9.0``, from the jar's name."""
    found = _VERSION.search(jar.name)
    return f"OPSIN {found.group(1)}" if found else "OPSIN"


@lru_cache(maxsize=20_000)
def as_ions(smiles: str) -> str | None:
    """Canonical SMILES with metals written as ions: ``[Br][Pb][Br]`` is ``[Br-].[Br-].[Pb+2]``; None: no SMILES."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None or not smiles:
            return None
        editable = Chem.RWMol(molecule)
        for bond in list(editable.GetBonds()):
            first, second = bond.GetBeginAtom(), bond.GetEndAtom()
            if {first.GetSymbol(), second.GetSymbol()} <= _COVALENT:
                continue
            metal, other = (second, first) if first.GetSymbol() in _COVALENT else (first, second)
            if other.GetSymbol() == "C" or other.GetSymbol() not in _COVALENT:
                continue  # an alkyl of a metal is a molecule of its own
            order = int(bond.GetBondTypeAsDouble())
            metal.SetFormalCharge(metal.GetFormalCharge() + order)
            other.SetFormalCharge(other.GetFormalCharge() - order)
            metal.SetNumRadicalElectrons(0)
            editable.RemoveBond(metal.GetIdx(), other.GetIdx())
        again = Chem.MolFromSmiles(Chem.MolToSmiles(editable))
        return Chem.MolToSmiles(again) if again is not None else None
