from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from closedloop.chemistry import InvalidVectors
from closedloop.chemistry.descriptors import GRAPH_SIZE, SUBSTANCE_SIZE, VectorTable, describe_substance

NAMES = ["OA", "oleylamine", "CdO", "my own ligand", "Se", "TOPO", "CdSe@x"]


@pytest.fixture
def features() -> np.ndarray:
    # Three directions of very different size, mixed into twelve columns.
    scores = np.random.default_rng(0).normal(size=(len(NAMES), 3)) * [10.0, 3.0, 1.0]
    return np.asarray(scores @ np.random.default_rng(1).normal(size=(3, 12)) + 5.0)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_arrays(**arrays: object) -> Path:
        path = tmp_path / "vectors.npz"
        np.savez(path, **arrays)  # type: ignore[arg-type]
        return path

    return write_arrays


def test_a_chemical_is_found_by_any_of_its_names_and_what_is_unknown_by_its_own(
    write: Callable[..., Path], features: np.ndarray
) -> None:
    table = VectorTable.load(write(names=np.array(NAMES), features=features))
    assert len(table) == len(NAMES)
    np.testing.assert_array_equal(table.find("oleic acid"), table.find("OA"))
    assert table.find("my own ligand") is not None
    assert table.find("trioctylphosphine") is None


def test_components_keep_the_distances_have_unit_variance_and_do_not_flip(
    write: Callable[..., Path], features: np.ndarray
) -> None:
    table = VectorTable.load(write(names=np.array(NAMES), features=features))
    vectors = np.array(list(table.vectors.values()))
    assert vectors.shape == (len(NAMES), GRAPH_SIZE)
    np.testing.assert_allclose(vectors[:, :3].std(axis=0), 1, rtol=1e-5)
    assert not vectors[:, 3:].any(), "three directions fill three columns; rounding errors fill none"
    centred = features - features.mean(axis=0)
    # Principal components span the data: a least-squares fit from the columns gives it back.
    fitted = vectors[:, :3] @ np.linalg.lstsq(vectors[:, :3].astype(float), centred, rcond=None)[0]
    np.testing.assert_allclose(fitted, centred, atol=1e-4)
    again = VectorTable.load(write(names=np.array(NAMES), features=features))
    np.testing.assert_array_equal(vectors, np.array(list(again.vectors.values())))
    shuffled = np.random.default_rng(2).permutation(len(NAMES))
    other = VectorTable.load(write(names=np.array(NAMES)[shuffled], features=features[shuffled]))
    name = "trioctylphosphine oxide"
    np.testing.assert_allclose(other.vectors[name], table.vectors[name], atol=1e-4)


def test_abbreviations_of_the_file_are_written_out_and_the_first_of_two_names_counts(
    write: Callable[..., Path],
) -> None:
    path = write(names=np.array(["SA", "OA", "oleic acid"]), features=np.array([[1.0], [2.0], [5.0]]))
    table = VectorTable.load(path, meanings={"SA": "stearic acid"})
    first, second = table.find("stearic acid"), table.find("OA")
    assert first is not None
    assert second is not None
    # One column, mean 8/3, standard deviation 1.7 (n, not n - 1).
    np.testing.assert_allclose([first[0], second[0]], (np.array([1.0, 2.0]) - 8 / 3) / np.std([1, 2, 5]), rtol=1e-5)


def test_the_table_stands_in_for_the_graph_vector_alone(write: Callable[..., Path], features: np.ndarray) -> None:
    table = VectorTable.load(write(names=np.array(NAMES), features=features))
    with_table, without = describe_substance("OA", table), describe_substance("OA")
    assert with_table.vector.shape == (SUBSTANCE_SIZE,)
    assert with_table.vector[0] == 1
    np.testing.assert_array_equal(with_table.vector[1 : 1 + GRAPH_SIZE], table.find("oleic acid"))
    np.testing.assert_array_equal(with_table.vector[1 + GRAPH_SIZE :], without.vector[1 + GRAPH_SIZE :])
    assert describe_substance("CdO", table).vector[0] == 1
    missing = describe_substance("trioctylphosphine", table)
    assert missing.known
    assert not missing.vector[: 1 + GRAPH_SIZE].any()
    own = describe_substance("my own ligand", table)
    assert own.known
    assert not own.vector[1 + GRAPH_SIZE :].any()
    assert not describe_substance("my own ligand").known
    assert not describe_substance("unobtainium", table).known


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"names": np.array(["OA"])}, "no array features"),
        ({"x": np.zeros(3)}, "no array names and no array features"),
        ({"names": np.array(["OA", "CdO"]), "features": np.zeros((3, 4))}, "for 2 names"),
        ({"names": np.array(["OA", "CdO"]), "features": np.zeros(2)}, "shape"),
        ({"names": np.array(["OA"]), "features": np.zeros((1, 0))}, "shape"),
        ({"names": np.array([1, 2]), "features": np.zeros((2, 4))}, "names is int"),
        ({"names": np.array([["OA"]]), "features": np.zeros((1, 4))}, "names is"),
        ({"names": np.array(["OA", None]), "features": np.zeros((2, 4))}, "cannot be read"),
        ({"names": np.array(["OA", "CdO"]), "features": np.array([["a"], ["b"]])}, "features is"),
        ({"names": np.array(["OA", "CdO"]), "features": np.array([[1.0], [np.nan]])}, r"row 1 \(CdO\)"),
        ({"names": np.array(["OA", "CdO"]), "features": np.array([[np.inf], [1.0]])}, r"row 0 \(OA\)"),
    ],
)
def test_faulty_arrays_are_named(write: Callable[..., Path], arrays: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(InvalidVectors, match=words):
        VectorTable.load(write(**arrays))


def test_faulty_files_are_named(tmp_path: Path, write: Callable[..., Path], features: np.ndarray) -> None:
    with pytest.raises(InvalidVectors, match="no such file"):
        VectorTable.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.save(tmp_path / "one.npy", features)
    whole = write(names=np.array(NAMES), features=features).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "flipped.npz").write_bytes(whole[:500] + bytes(byte ^ 255 for byte in whole[500:520]) + whole[520:])
    for name in ("text.npz", "empty.npz", "one.npy", "cut.npz", "flipped.npz"):
        with pytest.raises(InvalidVectors, match=name):
            VectorTable.load(tmp_path / name)


def test_a_few_changed_bytes_give_a_named_error_or_numbers(tmp_path: Path, features: np.ndarray) -> None:
    path = tmp_path / "vectors.npz"
    np.savez_compressed(path, names=np.array(NAMES), features=features)
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(whole)
        for place in generator.integers(0, len(whole), size=3):
            damaged[place] = int(generator.integers(0, 256))
        path.write_bytes(bytes(damaged))
        try:
            table = VectorTable.load(path)
        except InvalidVectors:
            continue
        assert np.isfinite(np.array(list(table.vectors.values()))).all()


def test_equal_rows_give_zeros(write: Callable[..., Path]) -> None:
    table = VectorTable.load(write(names=np.array(["OA", "CdO"]), features=np.ones((2, 3), dtype=np.int64)))
    assert not np.array(list(table.vectors.values())).any()
