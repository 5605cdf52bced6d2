from collections.abc import Callable

import numpy as np
import pytest
import torch
from rdkit import Chem

from closedloop.chemistry.encoder import EMBEDDING_SIZE, load_encoder, properties, train_encoder

OLEIC = "CCCCCCCCC=CCCCCCCCC(=O)O"


@pytest.fixture(scope="module")
def distance() -> Callable[[str, str], float]:
    def between(a: str, b: str) -> float:
        first, second = load_encoder().encode([a, b])
        return float(np.linalg.norm(first - second))

    return between


def test_a_molecule_has_one_vector_however_its_smiles_is_written() -> None:
    a, b, c = load_encoder().encode(["CCCCN", "NCCCC", "C(CCC)N"])
    assert a.shape == (EMBEDDING_SIZE,)
    np.testing.assert_allclose(a, b, atol=1e-5)
    np.testing.assert_allclose(a, c, atol=1e-5)


def test_molecules_that_behave_alike_lie_together(distance: Callable[[str, str], float]) -> None:
    stearic, amine, benzene = "C" * 17 + "C(=O)O", "C" * 18 + "N", "c1ccccc1"
    assert distance(OLEIC, stearic) < distance(OLEIC, amine) < distance(OLEIC, benzene)


def test_a_longer_chain_is_further_away(distance: Callable[[str, str], float]) -> None:
    chain = ["C" * n + "N" for n in (8, 10, 14, 18)]
    assert distance(chain[0], chain[1]) < distance(chain[0], chain[2]) < distance(chain[0], chain[3])


def test_properties_by_hand() -> None:
    found = properties(Chem.MolFromSmiles("CCO"))
    assert found[2] == pytest.approx(46.04 / 200, abs=1e-3)
    assert found[4] == 1
    assert found[13] == 1, "the alcohol"
    assert found[11] == 0, "no carboxylic acid"


def test_the_head_reads_the_properties_back_from_the_vector() -> None:
    encoder = load_encoder()
    vectors = torch.tensor(encoder.encode([OLEIC, "C" * 12 + "N"])) * encoder.scale + encoder.mean
    said = encoder.head(vectors).detach().numpy()
    wanted = np.stack([properties(Chem.MolFromSmiles(text)) for text in (OLEIC, "C" * 12 + "N")])
    assert np.abs(said - wanted).mean() < 0.15


def test_training_is_repeatable_and_learns() -> None:
    smiles = [f"{'C' * n}{head}" for n in range(1, 9) for head in ("N", "O", "S", "C(=O)O")]
    first, quality = train_encoder(smiles, epochs=25)
    second, _ = train_encoder(smiles, epochs=25)
    np.testing.assert_array_equal(first.encode([OLEIC]), second.encode([OLEIC]))
    assert quality > train_encoder(smiles, epochs=3)[1] + 0.2
