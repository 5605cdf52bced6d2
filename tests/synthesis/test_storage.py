from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from closedloop.recipes import Experiment
from closedloop.synthesis import ModelFileError, SynthesisModel
from closedloop.synthesis.storage import KEY, VERSION


def test_a_model_comes_back_as_it_was(model: SynthesisModel, literature: list[Experiment], tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    back = SynthesisModel.load(path)
    recipes = [e.recipe for e in literature[:20]]
    a, b = model.predict(recipes), back.predict(recipes)
    np.testing.assert_allclose([p.size_nm for p in a], [p.size_nm for p in b], rtol=1e-5)
    np.testing.assert_allclose([p.size_interval(0.9) for p in a], [p.size_interval(0.9) for p in b], rtol=1e-4)
    np.testing.assert_allclose([p.success_probability for p in a], [p.success_probability for p in b], rtol=1e-5)
    shapes = [[list(p.shape_probabilities.values()) for p in one] for one in (a, b)]
    # A file keeps the precedents' inputs in single precision.
    np.testing.assert_allclose(*shapes, atol=1e-4)
    assert [p.warnings for p in a] == [p.warnings for p in b]
    assert [p.source for p in model.nearest_precedents(recipes[0])] == [
        p.source for p in back.nearest_precedents(recipes[0])
    ]
    assert back.learned.left_out == model.learned.left_out
    assert back.description == model.description
    assert [found.name for found in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("length", [0, 5, 200, 5000, -7])
def test_a_file_cut_short_is_refused(model: SynthesisModel, tmp_path: Path, length: int) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ModelFileError, match="cut short"):
        SynthesisModel.load(path)


def test_what_is_not_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no such model file"):
        SynthesisModel.load(tmp_path / "absent")
    with pytest.raises(ModelFileError, match=r"cannot be opened \(Is a directory\)"):
        SynthesisModel.load(tmp_path)
    (tmp_path / "text").write_text("size_nm\n3.4\n" * 100)
    with pytest.raises(ModelFileError, match="not a model file"):
        SynthesisModel.load(tmp_path / "text")
    save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelFileError, match="not a synthesis model"):
        SynthesisModel.load(tmp_path / "other.safetensors")


def rewrite(path: Path, old: str, new: str, *, without: str = "", spoil: str = "") -> None:
    with safe_open(path, "np") as file:
        header = file.metadata()[KEY]
        tensors = {name: file.get_tensor(name) for name in file.keys() if not (without and name.startswith(without))}  # noqa: SIM118
    assert old in header
    if spoil:
        tensors[spoil] = tensors[spoil].copy()
        tensors[spoil].flat[0] = np.nan
    save_file(tensors, path, {KEY: header.replace(old, new)})


def test_another_version_is_named(model: SynthesisModel, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    rewrite(path, f'"version": {VERSION}', '"version": 99')
    with pytest.raises(ModelFileError, match=f"format version 99, and this closedloop reads {VERSION}"):
        SynthesisModel.load(path)


@pytest.mark.parametrize(
    ("old", "new", "without"),
    [
        ('"width": 32', '"width": 16', ""),
        ('"settings"', '"setings"', ""),
        ('"origins": [[', '"origins": [["a", "CdSe", 3.0], [', ""),
        ("{", "{", "parts.precedents.values"),
        ("{", "{", "parts.sizes."),
        ("{", "{", "blend.gate"),
        ("{", "{", "success."),
        ("{", "{", "amount_choice."),
        ("{", "{", "amount_choice.roots"),
    ],
)
def test_a_damaged_model_is_refused(model: SynthesisModel, tmp_path: Path, old: str, new: str, without: str) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    rewrite(path, old, new, without=without)
    with pytest.raises(ModelFileError, match="is damaged"):
        SynthesisModel.load(path)


@pytest.mark.parametrize(
    "name", ["parts.precedents.values", "parts.precedents.features.amounts", "parts.sizes.values", "blend.widths"]
)
def test_numbers_that_are_not_finite_are_refused(model: SynthesisModel, tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    rewrite(path, "{", "{", spoil=name)
    with pytest.raises(ModelFileError, match="is damaged"):
        SynthesisModel.load(path)


def test_a_folder_that_cannot_be_written_to(model: SynthesisModel, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be written"):
        model.save(tmp_path / "no such folder" / "model.safetensors")
