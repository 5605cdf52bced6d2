"""EMD of Berkeley and of Velox."""

import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from microscope_files import berkeley, pattern, velox
from second_readers import ncempy_module

from closedloop.tem.emd_files import read_emd
from closedloop.tem.errors import DiffractionPattern, NotAnImage
from closedloop.tem.reading import read_picture


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("kind", ["u1", "u2", "i4", "f4"])
def test_velox(tmp_path: Path, kind: str, compression: str | None) -> None:
    pixels = pattern(kind=kind)
    stored = read_emd(velox(tmp_path / "a.emd", [pixels], (3e-10, 6e-10), compression=compression))
    assert np.array_equal(stored.pixels, pixels)
    assert stored.pixel is not None
    assert stored.pixel[:2] == pytest.approx((0.3, 0.6))


def test_of_velox_s_frames_and_images_the_first(tmp_path: Path) -> None:
    frames = np.stack([pattern(seed=seed) for seed in (1, 2, 3)], axis=-1)
    picture = read_picture(velox(tmp_path / "a.emd", [frames, pattern(seed=4)]))
    assert picture.grey == pytest.approx(frames[..., 0] / 255)
    assert picture.note == "the first of 2 images was measured; the first of 3 frames was measured"


def test_velox_s_transforms_beside_the_image_are_passed_over(tmp_path: Path) -> None:
    images = [pattern(kind="c8", seed=1), pattern(seed=2), pattern(seed=3)]
    stored = read_emd(velox(tmp_path / "a.emd", images, units=("m", "1/m", "m")))
    assert np.array_equal(stored.pixels, pattern(seed=3))
    with pytest.raises(DiffractionPattern):
        read_picture(velox(tmp_path / "b.emd", [pattern()], units=("1/m",)))


def test_velox_without_metadata_has_no_pixel_size(tmp_path: Path) -> None:
    path = velox(tmp_path / "a.emd", [pattern()])
    with h5py.File(path, "r+") as file:
        group = next(iter(file["Data/Image"].values()))
        group["Metadata"][:5, 0] = 1  # no JSON any more
    assert read_emd(path).pixel is None
    with h5py.File(path, "r+") as file:
        del next(iter(file["Data/Image"].values()))["Metadata"]
    assert read_emd(path).pixel is None


@pytest.mark.parametrize(
    ("unit", "nm"), [("[n_m]", 0.5), ("nm", 0.5), (b"\xc3\x85", 0.05), ("[u_m]", 500), ("px", None)]
)
def test_berkeley(tmp_path: Path, unit: str | bytes, nm: float | None) -> None:
    path = berkeley(tmp_path / "a.emd", pattern(kind="u2"), (0.5, 0.5), (unit, unit))
    stored = read_emd(path)
    assert np.array_equal(stored.pixels, pattern(kind="u2"))
    assert (None if stored.pixel is None else stored.pixel.x_nm) == (None if nm is None else pytest.approx(nm))
    assert np.array_equal(ncempy_module("emd").emdReader(path)["data"], pattern(kind="u2"))


def test_what_ncempy_writes(tmp_path: Path) -> None:
    ncempy_module("emd").emdWriter(tmp_path / "a.emd", pattern(), (0.5, 0.25), ("n_m", "n_m"))
    stored = read_emd(tmp_path / "a.emd")
    assert np.array_equal(stored.pixels, pattern())
    assert stored.pixel is not None
    assert stored.pixel[:2] == pytest.approx((0.25, 0.5))  # the last axis is x


def test_of_berkeley_s_planes_the_first_with_the_last_axes(tmp_path: Path) -> None:
    planes = np.stack([pattern(seed=1), pattern(seed=2)])
    stored = read_emd(berkeley(tmp_path / "a.emd", planes, (1.0, 0.5, 0.25), ("s", "nm", "nm")))
    assert np.array_equal(stored.pixels, planes[0])
    assert stored.pixel is not None
    assert stored.pixel[:2] == pytest.approx((0.25, 0.5))
    assert stored.notes == ("the first of 2 planes was measured",)


def test_links_in_a_ring_end(tmp_path: Path) -> None:
    path = tmp_path / "a.emd"
    with h5py.File(path, "w") as file:
        group = file.create_group("one/two")
        group["up"] = file["one"]
    with pytest.raises(NotAnImage, match="without an image"):
        read_picture(path)


def test_pixels_that_lie_elsewhere_or_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(64 * 48))
    for options, says in (
        ({"external": [(str(tmp_path / "secret"), 0, 64 * 48)]}, "another file"),
        ({}, "never written"),
    ):
        path = tmp_path / "a.emd"
        with h5py.File(path, "w") as file:
            group = file.create_group("data/a")
            group.attrs["emd_group_type"] = 1
            group.create_dataset("data", (48, 64), "u1", **options)
        with pytest.raises(NotAnImage, match=says):
            read_picture(path)


def test_a_link_into_another_file_is_not_followed(tmp_path: Path) -> None:
    velox(tmp_path / "other.emd", [pattern()])
    with h5py.File(tmp_path / "a.emd", "w") as file:
        file["Data/Image/0"] = h5py.ExternalLink(str(tmp_path / "other.emd"), f"Data/Image/{0:032x}")
    with pytest.raises(NotAnImage, match="without an image"):
        read_picture(tmp_path / "a.emd")


@pytest.mark.parametrize("what", ["Data", "Metadata"])
def test_pieces_that_unpack_to_gigabytes_are_refused(tmp_path: Path, what: str) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**22)) + packer.flush(zlib.Z_FULL_FLUSH)
    path = velox(tmp_path / "a.emd", [pattern()])
    with h5py.File(path, "r+") as file:
        group = next(iter(file["Data/Image"].values()))
        shape = group[what].shape
        del group[what]
        group.create_dataset(what, shape, "u1", chunks=shape, compression="gzip")
        group[what].id.write_direct_chunk((0,) * len(shape), b"\x78\xda" + block * 1000)
    with pytest.raises(NotAnImage, match="far more"):
        read_picture(path)
