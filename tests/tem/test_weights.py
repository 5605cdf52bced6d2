"""Weights on disk: what is written is what is read, and what is not ours is refused by name."""

import os
from pathlib import Path

import pytest
import torch

from closedloop.tem.network import ParticleNet
from closedloop.tem.weights import VERSION, UnreadableWeights, about, load_weights, save_weights, trainable


@pytest.fixture(scope="module")
def net() -> ParticleNet:
    torch.manual_seed(0)
    return ParticleNet().eval()


def test_read_weights_see_what_the_written_ones_saw(net: ParticleNet, tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    save_weights(path, net, {"steps": 3})
    assert about(path) == {"steps": 3}
    assert [one.name for one in tmp_path.iterdir()] == ["some.safetensors"]
    assert path.stat().st_size < 10e6
    image = torch.rand(1, 1, 64, 96) * 2 - 1
    with torch.inference_mode():
        wanted = net(image)
        # Half precision on disk, and normalisation folded into the convolutions.
        assert torch.allclose(load_weights(path)(image), wanted, atol=0.02 * float(wanted.abs().max()))
        assert torch.allclose(trainable(path).eval()(image), wanted, atol=0.02 * float(wanted.abs().max()))
    assert load_weights(path) is load_weights(path)


def test_a_file_written_anew_is_read_anew(net: ParticleNet, tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    save_weights(path, net, {})
    before = load_weights(path)
    save_weights(path, ParticleNet(), {})
    assert load_weights(path) is not before


def test_what_is_not_ours_is_refused(net: ParticleNet, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "x.safetensors"
    with pytest.raises(UnreadableWeights, match="no such file"):
        load_weights(path)
    with pytest.raises(UnreadableWeights, match=r"cannot be opened \(Is a directory\)"):
        load_weights(tmp_path)
    path.write_bytes(b"nonsense")
    with pytest.raises(UnreadableWeights, match="cannot be read"):
        load_weights(path)
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(UnreadableWeights, match="no weights of the segmenter"):
        load_weights(path)
    save_file({"a": torch.zeros(2)}, path, {"kind": "closedloop particle network", "version": "0"})
    with pytest.raises(UnreadableWeights, match="version 0"):
        load_weights(path)
    save_file({"a": torch.zeros(2)}, path, {"kind": "closedloop particle network", "version": str(VERSION)})
    with pytest.raises(UnreadableWeights, match="another network"):
        load_weights(path)
    save_weights(path, net, {})
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UnreadableWeights):
        load_weights(path)


@pytest.mark.parametrize("shape", [(32, 32), (64, 160)])
def test_maps_are_as_large_as_the_picture(net: ParticleNet, shape: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert net(torch.zeros(2, 1, *shape)).shape == (2, 4, *shape)


def test_weights_that_may_not_be_read_are_not_called_missing(net: ParticleNet, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_weights(path, net, {})
    for locked in (path, tmp_path):
        before = locked.stat().st_mode
        locked.chmod(0)
        try:
            if os.access(path, os.R_OK):
                pytest.skip("this user may read everything")
            with pytest.raises(UnreadableWeights, match=r"cannot be opened \(Permission denied\)"):
                load_weights(path)
        finally:
            locked.chmod(before)
