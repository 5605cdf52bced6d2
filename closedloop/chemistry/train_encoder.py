"""Makes the molecule encoder's weights: ``python -m closedloop.chemistry.train_encoder``.

Trained on the registry's molecules and on homologous series written by rule (head group × chain length × unsaturation),
which are the ligands and solvents of colloidal synthesis. No size, shape or success of any recipe is involved.
"""

import sys

import torch
from rdkit import Chem, rdBase

from closedloop.chemistry.encoder import WEIGHTS, save_encoder, train_encoder
from closedloop.chemistry.formula import parse_formula
from closedloop.chemistry.registry import substances

_HEADS = (
    "C(=O)O",
    "C(=O)[O-]",
    "N",
    "S",
    "O",
    "C=C",
    "C=O",
    "C#N",
    "P(=O)(O)O",
    "Cl",
    "Br",
    "OC(=O)C",
    "C(=O)OC",
    "C(=O)N",
    "NC",
    "N(C)C",
    "[N+](C)(C)C",
    "c1ccccc1",
    "P",
    "OC",
    "S(=O)(=O)O",
    "OP(=O)(O)O",
    "[Se]",
)
_CHAINS = tuple(range(1, 23))
_BRANCHED = tuple(range(2, 13, 2))


def homologous_series() -> list[str]:
    """SMILES of chains with a head group: saturated, unsaturated, branched, and with two or three chains on N, P, O."""
    found = [f"{'C' * length}{head}" for head in _HEADS for length in _CHAINS]
    found += [f"{'C' * length}C=C{'C' * length}{head}" for head in _HEADS for length in (1, 3, 5, 8)]
    found += [f"{'C' * length}C(CC){'C' * length}{head}" for head in _HEADS for length in (1, 2, 4)]
    for chain in ("C" * length for length in _BRANCHED):
        found += [f"{chain}{centre}{chain}" for centre in ("N", "P", "O", "S", "[Se]", "OP(=O)(O)O", "P(=O)(O)")]
        found += [f"{chain}{centre}({chain}){chain}" for centre in ("N", "P", "P(=O)", "P(=S)", "P(=[Se])", "OP(=O)(O")]
    found += [
        f"{ring}{tail}" for ring in ("c1ccccc1", "c1ccncc1", "C1CCCCC1") for tail in ("", "C", "N", "O", "C(=O)O", "S")
    ]
    return found


def main() -> None:
    torch.set_num_threads(1)
    with rdBase.BlockLogs():
        _train()


def _train() -> None:
    # Only what contains carbon has a graph vector (`descriptors`); oxides and halides of metals would teach nothing.
    known = [
        substance.smiles for substance in substances() if substance.smiles and "C" in parse_formula(substance.formula)
    ]
    molecules = [Chem.MolFromSmiles(text) for text in homologous_series() + known]
    smiles = sorted({Chem.MolToSmiles(molecule) for molecule in molecules if molecule is not None})
    encoder, quality = train_encoder(smiles, seed=0)
    save_encoder(encoder, WEIGHTS, note=f"{len(smiles)} molecules, seed 0, median held-out R2 {quality:.3f}")
    print(f"{len(smiles)} molecules, median held-out R² {quality:.3f}, {WEIGHTS.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
