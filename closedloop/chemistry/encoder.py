"""A small graph network (PyTorch Geometric, GINE) that turns a molecule into a vector.

It is trained to predict properties that RDKit computes, so that molecules that behave alike lie close together and a
ligand nobody has used before gets a sensible vector with no retraining. `descriptors` decides which substances are
molecules; this module imports torch and is loaded only when a vector is asked for.

Layer: Hu et al., "Strategies for Pre-training Graph Neural Networks", ICLR 2020 (graph isomorphism network with edges).
"""

import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors
from safetensors import safe_open
from safetensors.torch import save
from torch import nn

from closedloop.chemistry.descriptors import GRAPH_SIZE
from closedloop.whole_files import write_whole

with warnings.catch_warnings():
    # PyTorch Geometric calls torch.jit.script while it is imported, which PyTorch 2.13 deprecates.
    warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
    from torch_geometric.data import Batch, Data
    from torch_geometric.nn import GINEConv, global_add_pool, global_mean_pool

EMBEDDING_SIZE = GRAPH_SIZE
WEIGHTS = Path(__file__).parent / "weights" / "molecules.safetensors"
FORMAT = "closedloop-molecule-encoder-1"

_ELEMENTS = ("B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "Te", "I")
_BONDS = (
    Chem.BondType.SINGLE,
    Chem.BondType.DOUBLE,
    Chem.BondType.TRIPLE,
    Chem.BondType.AROMATIC,
)
_GROUPS = {
    "carboxylic acid or carboxylate": "[CX3](=O)[OX2H1,OX1-]",
    "ester": "[CX3](=O)[OX2][CX4]",
    "alcohol": "[CX4][OX2H]",
    "ether": "[#6][OX2][#6]",
    "amine with two hydrogens": "[NX3;H2;!$(NC=O)]",
    "amine with one hydrogen": "[NX3;H1;!$(NC=O)]",
    "amine with none": "[NX3;H0;!$(NC=O)]",
    "thiol or thiolate": "[#16X2H,#16X1-]",
    "phosphine": "[PX3]",
    "phosphine oxide": "[PX4](=O)([#6])([#6])[#6]",
    "phosphonic or phosphinic acid": "[PX4](=O)[OX2H]",
    "carbon double bond": "[CX3]=[CX3]",
    "cation": "[+,+2,+3,+4]",
}
_PATTERNS = [Chem.MolFromSmarts(smarts) for smarts in _GROUPS.values()]


def properties(molecule: Chem.Mol) -> np.ndarray:
    """The quantities that the encoder learns to predict, each roughly of order one; shape (p,)."""
    counts = [len(molecule.GetSubstructMatches(pattern)) for pattern in _PATTERNS]
    partition, refractivity = rdMolDescriptors.CalcCrippenDescriptors(molecule)
    return np.array(
        [
            partition / 4,
            refractivity / 50,
            rdMolDescriptors.CalcExactMolWt(molecule) / 200,
            rdMolDescriptors.CalcTPSA(molecule) / 40,
            rdMolDescriptors.CalcNumHBD(molecule),
            rdMolDescriptors.CalcNumHBA(molecule),
            rdMolDescriptors.CalcNumRotatableBonds(molecule) / 10,
            rdMolDescriptors.CalcFractionCSP3(molecule) * 2,
            rdMolDescriptors.CalcNumRings(molecule),
            rdMolDescriptors.CalcNumAromaticRings(molecule),
            rdMolDescriptors.CalcLabuteASA(molecule) / 100,
            *counts,
        ],
        dtype=np.float32,
    )


def graph(molecule: Chem.Mol) -> Data:
    """Heavy atoms as nodes (a, 19), bonds in both directions as edges (2, b) with features (b, 5)."""
    atoms = [
        [
            *(atom.GetSymbol() == element for element in _ELEMENTS),
            atom.GetDegree() / 4,
            atom.GetFormalCharge(),
            atom.GetTotalNumHs() / 4,
            atom.GetIsAromatic(),
            atom.IsInRing(),
            atom.GetAtomicNum() / 50,
        ]
        for atom in molecule.GetAtoms()
    ]
    ends, kinds = [], []
    for bond in molecule.GetBonds():
        first, second = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        ends += [(first, second), (second, first)]
        kinds += [[*(bond.GetBondType() == kind for kind in _BONDS), bond.IsInRing()]] * 2
    return Data(
        x=torch.tensor(atoms, dtype=torch.float32),
        edge_index=torch.tensor(ends, dtype=torch.long).reshape(-1, 2).T.contiguous(),
        edge_attr=torch.tensor(kinds, dtype=torch.float32).reshape(-1, len(_BONDS) + 1),
    )


class MoleculeEncoder(nn.Module):
    """Graphs -> (m, EMBEDDING_SIZE) vectors; ``head`` maps a vector to the properties and serves training alone."""

    def __init__(self, targets: int, width: int = 48, layers: int = 3) -> None:
        super().__init__()
        self.atom = nn.Linear(len(_ELEMENTS) + 6, width)
        self.layers = nn.ModuleList(
            GINEConv(
                nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)), edge_dim=len(_BONDS) + 1
            )
            for _ in range(layers)
        )
        self.embed = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, EMBEDDING_SIZE))
        self.head = nn.Linear(EMBEDDING_SIZE, targets)
        self.mean = nn.Buffer(torch.zeros(EMBEDDING_SIZE))
        self.scale = nn.Buffer(torch.ones(EMBEDDING_SIZE))

    def forward(self, batch: Batch) -> torch.Tensor:
        x = self.atom(batch.x)
        for layer in self.layers:
            x = x + nn.functional.gelu(layer(x, batch.edge_index, batch.edge_attr))
        # The mean says what kind of molecule it is, the sum how large; a sum alone would drown small molecules.
        pooled = torch.cat([global_mean_pool(x, batch.batch), global_add_pool(x, batch.batch) / 20], 1)
        vectors: torch.Tensor = self.embed(pooled)
        return vectors

    @torch.no_grad()
    def encode(self, smiles: Sequence[str]) -> np.ndarray:
        """Standardised vectors, (m, EMBEDDING_SIZE); the SMILES must be valid (`descriptors` checks)."""
        self.eval()
        batch = Batch.from_data_list([graph(Chem.MolFromSmiles(text)) for text in smiles])
        vectors: np.ndarray = ((self(batch) - self.mean) / self.scale).clamp(-5, 5).numpy()
        return vectors


def train_encoder(smiles: Sequence[str], *, seed: int = 0, epochs: int = 400) -> tuple[MoleculeEncoder, float]:
    """The encoder, and its held-out R², the median over the properties (one molecule in ten is held out)."""
    molecules = [Chem.MolFromSmiles(text) for text in smiles]
    values = torch.tensor(np.stack([properties(molecule) for molecule in molecules]))
    graphs = [graph(molecule) for molecule in molecules]
    order = np.random.default_rng(seed).permutation(len(graphs))
    held, train = order[: len(order) // 10], order[len(order) // 10 :]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = MoleculeEncoder(values.shape[1])
        optimiser = torch.optim.AdamW(encoder.parameters(), lr=3e-3, weight_decay=1e-4)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=epochs)
        batch, wanted = Batch.from_data_list([graphs[i] for i in train]), values[train]
        for _ in range(epochs):
            vectors = encoder(batch)
            vectors = vectors + 0.02 * torch.randn_like(vectors)
            loss = (
                nn.functional.smooth_l1_loss(encoder.head(vectors), wanted, beta=0.2) + 1e-4 * vectors.square().mean()
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        vectors = encoder(batch)
        encoder.mean.copy_(vectors.mean(0))
        encoder.scale.copy_(vectors.std(0).clamp_min(1e-3))
        error = (encoder.head(encoder(Batch.from_data_list([graphs[i] for i in held]))) - values[held]).square().sum(0)
        spread = (values[held] - values[held].mean(0)).square().sum(0)
        varies = spread > 1e-6
        return encoder, float((1 - error[varies] / spread[varies]).median())


def save_encoder(encoder: MoleculeEncoder, path: Path, *, note: str) -> None:
    metadata = {"format": FORMAT, "properties": str(encoder.head.out_features), "note": note}
    write_whole(path, save(encoder.state_dict(), metadata))


@lru_cache(maxsize=1)
def load_encoder() -> MoleculeEncoder:
    """The encoder that ships with the package."""
    with safe_open(WEIGHTS, "pt") as file:
        metadata = file.metadata()
        if metadata.get("format") != FORMAT:
            raise RuntimeError(
                f"{WEIGHTS} is of format {metadata.get('format')!r}, not {FORMAT!r}; reinstall closedloop"
            )
        encoder = MoleculeEncoder(int(metadata["properties"]))
        encoder.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118 (not a dict)
    return encoder.eval()
