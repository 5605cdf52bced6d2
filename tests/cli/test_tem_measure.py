"""``closedloop tem measure`` on one image, many and folders: contract, exit status, and nothing half-written."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
import tifffile
from PIL import Image
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner, Result

from closedloop.cli import main
from closedloop.cli.app import app
from closedloop.cli.tem_correct import OptionWithoutUse
from closedloop.cli.tem_measure import CannotWrite, NothingMeasured, ScaleOption
from closedloop.tem import NotAnImage, UnreadableScale, measure_image, read_scale
from closedloop.tem.folder import NoImages
from closedloop.tem.report import CannotWriteReport, draft_of

runner = CliRunner()


def _discs(path: Path, radius: float, seed: int = 0) -> Path:
    """25 dark discs on a lattice, none at the edge."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:250, :250]
    inside = np.zeros((250, 250), bool)
    for row in range(5):
        for column in range(5):
            y, x = 25 + 50 * row + rng.uniform(-4, 4), 25 + 50 * column + rng.uniform(-4, 4)
            inside |= np.hypot(yy - y, xx - x) < radius
    image = gaussian_filter(np.where(inside, 0.3, 0.7), 1) + rng.normal(0, 0.03, inside.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.clip(255 * image, 0, 255).astype(np.uint8))
    return path


def _measure(*arguments: str | Path) -> Result:
    return runner.invoke(app, ["tem", "measure", *map(str, arguments)])


def test_one_image_keeps_its_contract_with_and_without_a_page(tmp_path: Path) -> None:
    image = _discs(tmp_path / "a.tif", 13)
    alone = _measure(image, "--nm-per-px", "0.5", "--json")
    assert alone.exit_code == 0, alone.output
    content = json.loads(alone.stdout)
    assert {"nm_per_px", "scale_source", "scale_confidence", "particles", "summary"} <= set(content)
    assert content["summary"]["count"] == 25
    assert content["summary"]["mean_diameter_nm"] == pytest.approx(13, rel=0.03)
    paged = _measure(image, "--nm-per-px", "0.5", "--json", "--out", tmp_path / "out")
    assert json.loads(paged.stdout) == content
    assert (tmp_path / "out" / "report.html").is_file()
    assert len(np.unique(tifffile.imread(tmp_path / "out" / "masks" / "a.tif"))) == 26


def test_images_named_together_are_pooled(tmp_path: Path) -> None:
    images = [_discs(tmp_path / "a.tif", 11, 1), _discs(tmp_path / "b.tif", 15, 2)]
    result = _measure(*images, "--nm-per-px", "1", "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    sizes = [particle["equivalent_diameter_nm"] for image in content["images"] for particle in image["particles"]]
    assert content["summary"]["count"] == 50
    assert content["summary"]["mean_diameter_nm"] == pytest.approx(np.mean(sizes), rel=1e-4)
    assert content["summary"]["std_diameter_nm"] == pytest.approx(np.std(sizes, ddof=1), rel=1e-4)
    assert content["samples"][0]["summary"] == content["summary"]
    assert [Path(image["image"]).name for image in content["images"]] == ["a.tif", "b.tif"]


def test_a_folder_with_a_broken_image_is_measured_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    _discs(folder / "a.tif", 12)
    (folder / "b.tif").write_text("no image")
    _discs(folder / "second" / "c.tif", 12)
    result = _measure(folder, "--nm-per-px", "1", "--out", folder / "out", "--json")
    assert result.exit_code == 1
    content = json.loads(result.stdout)
    assert [(image["sample"], "particles" in image) for image in content["images"]] == [
        ("run", True), ("run", False), ("run/second", True),
    ]  # fmt: skip
    assert content["images"][1]["error"] == "NotAnImage"
    assert content["images"][1]["waits_for_person"] is False
    assert "NotAnImage: " in result.stderr
    assert "1 of 3 images were not measured" in result.stderr
    index = (folder / "out" / "index.html").read_text()
    for name in ("run", "run_second"):
        assert (folder / "out" / name / "report.html").is_file()
        assert f'href="{name}/report.html"' in index
    # The results lie inside the folder, and are no images of it.
    again = _measure(folder, "--nm-per-px", "1", "--json", "--out", folder / "out")
    assert isinstance(again.exception, CannotWriteReport)
    assert [path.name for path in folder.iterdir() if "part" in path.name] == []


def test_an_image_that_is_not_there_does_not_stop_the_others(tmp_path: Path) -> None:
    image, gone, folder = _discs(tmp_path / "a.tif", 12), tmp_path / "none.tif", tmp_path / "run"
    folder.mkdir()
    (folder / "b.tif").symlink_to("nowhere.tif")
    (folder / "elsewhere").symlink_to(tmp_path)
    result = _measure(gone, image, folder, "--nm-per-px", "1", "--json", "--out", tmp_path / "out")
    assert result.exit_code == 1
    content = json.loads(result.stdout)
    assert [(each["image"], each.get("error")) for each in content["images"]] == [
        (str(gone), "NotAnImage"), (str(image), None), (str(folder / "b.tif"), "NotAnImage"),
    ]  # fmt: skip
    assert content["summary"]["count"] == 25
    for missing in (gone, folder / "b.tif"):
        assert f"NotAnImage: {missing}: cannot be read (No such file or directory)" in result.stderr
    assert f"note: {folder / 'elsewhere'}: is a link to a folder, which is not followed" in result.stderr
    assert "2 of 3 images were not measured" in result.stderr


def test_a_file_that_may_not_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    image, secret = _discs(tmp_path / "a.tif", 12), _discs(tmp_path / "b.tif", 12, 1)
    secret.chmod(0)
    if os.access(secret, os.R_OK):
        pytest.skip("this user may read everything")
    result = _measure(secret, image, "--nm-per-px", "1")
    assert result.exit_code == 1, result.output
    assert f"NotAnImage: {secret}: cannot be read (Permission denied)" in result.stderr


def test_a_copy_counts_once_and_is_named(tmp_path: Path) -> None:
    folder, out = tmp_path / "run", tmp_path / "out"
    image = _discs(folder / "a.tif", 12)
    copy = folder / "a [copy].tif"
    shutil.copyfile(image, copy)
    result = _measure(folder, "--nm-per-px", "1", "--json", "--out", out)
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["summary"]["count"] == 25
    assert [each["image"] for each in content["images"]] == [str(image)]
    assert content["samples"][0]["copies"] == [{"image": str(copy), "copy_of": str(image)}]
    assert f"{copy}: has the same content as {image}" in result.stderr
    assert "a [copy].tif has the same content as a.tif" in (out / "report.html").read_text()
    with (out / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["count"], row["message"]) for row in rows] == [
        (str(image), "25", ""),
        (str(copy), "", f"has the same content as {image}, and is counted once"),
    ]
    refused = _measure(folder, "--scale", "a [copy].tif=1").exception
    assert isinstance(refused, ScaleOption)
    assert f"has the same content as {image}" in str(refused)


def test_what_a_person_should_know_is_said_of_many_images_as_of_one(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    image = _discs(folder / "a.tif", 12)
    tifffile.imwrite(image, tifffile.imread(image), imagej=True, resolution=(4.0, 4.0), metadata={"unit": "nm"})
    again = folder / "sub" / "a.tif"
    again.parent.mkdir()
    shutil.copyfile(image, again)
    (folder / "notes.txt").write_text("x")
    result = _measure(folder, "--nm-per-px", "1", "--json")
    assert result.exit_code == 0, result.output
    said = f"note: {image}: you state 1 nm per pixel, but the file's ImageJ unit say 0.25"
    assert said in result.stderr
    assert "note: 1 file passed over, no image by the suffix: notes.txt" in result.stderr
    assert f"note: {again}: has the same content as {image} of another sample" in result.stderr
    assert json.loads(result.stdout)["summary"]["count"] == 25
    assert said in _measure(image, "--scale", f"{image}=1").stderr


def test_a_person_can_state_the_scale_of_one_image(tmp_path: Path) -> None:
    images = [_discs(tmp_path / "a.tif", 12), _discs(tmp_path / "b.tif", 12, 1)]
    result = _measure(*images, "--scale", "a.tif=0.5", "--json")
    assert result.exit_code == 1
    content = json.loads(result.stdout)
    assert content["images"][0]["nm_per_px"] == 0.5
    assert content["images"][0]["scale_source"] == "user"
    assert content["images"][1]["waits_for_person"] is True
    assert content["images"][1]["error"] == "UnreadableScale"
    assert "mean_diameter_nm" not in content["images"][1]
    assert "1 of them wait" in result.stderr
    for option in ("c.tif=1", "a.tif", "a.tif=0", "a.tif=nan", "=1"):
        assert isinstance(_measure(*images, "--scale", option).exception, ScaleOption)


def test_where_nothing_was_measured_the_page_still_says_why(tmp_path: Path) -> None:
    images = [tmp_path / "a.tif", tmp_path / "b.tif"]
    for image in images:
        image.write_text(f"{image.name} is no image")
    result = _measure(*images, "--out", tmp_path / "out", "--json")
    assert isinstance(result.exception, NothingMeasured)
    assert [image["error"] for image in json.loads(result.stdout)["images"]] == ["NotAnImage", "NotAnImage"]
    assert "No particle was measured" in (tmp_path / "out" / "report.html").read_text()


def test_what_cannot_be_done_is_refused_before_the_work(tmp_path: Path) -> None:
    image = _discs(tmp_path / "a.tif", 12)
    assert isinstance(_measure(image, image, "--masks", tmp_path / "m.tif").exception, CannotWrite)
    (tmp_path / "empty").mkdir()
    assert isinstance(_measure(tmp_path / "empty").exception, NoImages)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.tif").write_text("corrected by hand")
    assert isinstance(_measure(image, "--nm-per-px", "1", "--out", tmp_path / "out").exception, CannotWriteReport)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "empty", "out"]


def test_an_image_that_cannot_be_measured_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.tif").write_text("no image")
    arguments = ["closedloop", "tem", "measure", str(tmp_path / "a.tif"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"{NotAnImage.__name__}: ")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_only_what_it_wrote_itself_is_replaced(tmp_path: Path) -> None:
    image, other = _discs(tmp_path / "a.tif", 12), _discs(tmp_path / "b.tif", 12, 1)
    photograph = tmp_path / "c.png"
    Image.fromarray(tifffile.imread(image)).save(photograph)
    link = tmp_path / "link.tif"
    link.symlink_to(image)
    before = {path: path.read_bytes() for path in (image, other, photograph)}
    for target in (image, other, link):
        refused = _measure(image, "--nm-per-px", "1", "--masks", target)
        assert isinstance(refused.exception, CannotWrite), target
        assert refused.stdout == ""
    for measured in (photograph, image):
        drawn = _measure(measured, "--nm-per-px", "1", "--overlay", photograph)
        assert isinstance(drawn.exception, CannotWrite)
    assert {path: path.read_bytes() for path in before} == before
    masks, overlay = tmp_path / "masks.tif", tmp_path / "drawn.jpg"
    masks.touch()  # a script's temporary file holds nothing that could be lost
    for again in (image, other):
        result = _measure(again, "--nm-per-px", "1", "--masks", masks, "--overlay", overlay)
        assert result.exit_code == 0, result.output
    # A person corrected it in an editor, under the same name.
    corrected = tifffile.imread(masks)
    tifffile.imwrite(masks, corrected)
    assert isinstance(_measure(image, "--nm-per-px", "1", "--masks", masks).exception, CannotWrite)
    assert (tifffile.imread(masks) == corrected).all()


@pytest.mark.parametrize("mode", [0o555, 0])
def test_a_folder_that_may_not_be_written_is_named_before_the_work(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "others"
    folder.mkdir()
    folder.chmod(mode)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write everywhere")
        # No image is read before the place is known to be none.
        for option, name in (("--masks", "m.tif"), ("--overlay", "m.png"), ("--out", "report")):
            refused = _measure(tmp_path / "none.tif", option, folder / name).exception
            assert isinstance(refused, CannotWrite | CannotWriteReport), option
            assert str(folder) in str(refused)
            assert "part" not in str(refused)
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("stated", ["1e300", "1e-320", "0", "-1", "nan", "5001", "0.00009"])
def test_a_pixel_that_no_microscope_has_is_refused(tmp_path: Path, stated: str) -> None:
    images = [_discs(tmp_path / "a.tif", 12), _discs(tmp_path / "b.tif", 12, 1)]
    for arguments in ((images[0], "--nm-per-px", stated), (*images, "--nm-per-px", stated)):
        refused = _measure(*arguments, "--out", tmp_path / "out").exception
        assert isinstance(refused, UnreadableScale), arguments
        assert "between 0.0001 and 5000" in str(refused)
    assert isinstance(_measure(*images, "--scale", f"a.tif={stated}").exception, ScaleOption)
    corrected = runner.invoke(app, ["tem", "correct", str(images[0]), "--masks", "none.tif", "--nm-per-px", stated])
    assert isinstance(corrected.exception, UnreadableScale)
    for function in (measure_image, read_scale):
        with pytest.raises(UnreadableScale, match="no pixel size"):
            function(images[0], float(stated))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "b.tif"]


def test_names_are_no_markup(tmp_path: Path) -> None:
    (tmp_path / "r[").mkdir()
    images = [_discs(tmp_path / "a.tif", 12), _discs(tmp_path / "b.tif", 12, 1)]
    result = _measure(*images, "--nm-per-px", "1", "--out", tmp_path / "r[" / "x]")
    assert result.exit_code == 0, result.output
    assert "r[/x]/report.html" in result.stderr


@pytest.mark.parametrize(
    "without_use",
    [("--store", "sqlite:///none.db"), ("--source", "lab 3"), ("--store", "sqlite:///n.db", "--source", "x")],
)
def test_correct_refuses_options_that_would_do_nothing(tmp_path: Path, without_use: tuple[str, ...]) -> None:
    image = _discs(tmp_path / "a.tif", 12)
    labels = tmp_path / "labels.tif"
    assert _measure(image, "--nm-per-px", "1", "--masks", labels).exit_code == 0
    arguments = ["tem", "correct", str(image), "--masks", str(labels), "--nm-per-px", "1", *without_use]
    refused = runner.invoke(app, arguments)
    assert isinstance(refused.exception, OptionWithoutUse)
    assert without_use[0] in str(refused.exception)
    assert refused.stdout == ""


def test_an_end_by_the_system_leaves_no_half_of_a_report(tmp_path: Path) -> None:
    image = _discs(tmp_path / "a.tif", 12)
    script = """
import os, signal
from pathlib import Path
from closedloop.tem.report import draft_of
with draft_of(Path("out")) as draft:
    (draft / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGTERM)
    Path("after").touch()
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False, timeout=120)
    assert ended.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == [image]
    with draft_of(tmp_path / "out"):
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere such names cannot be given to a file")
def test_a_name_that_is_not_utf8_is_written_with_escapes(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    image, broken = _discs(folder / "a.tif", 12), folder / "b.tif"
    broken.write_text("no image")
    image = image.rename(folder / os.fsdecode(b"a\xff.tif"))
    broken.rename(folder / os.fsdecode(b"b\xfe.tif"))
    alone = _measure(image, "--nm-per-px", "1", "--out", tmp_path / "alone", "--json")
    assert alone.exit_code == 0, alone.output
    assert json.loads(alone.stdout)["image"] == str(folder / r"a\xff.tif")
    both = _measure(folder, "--nm-per-px", "1", "--out", tmp_path / "both", "--json")
    assert both.exit_code == 1
    assert [Path(each["image"]).name for each in json.loads(both.stdout)["images"]] == [r"a\xff.tif", r"b\xfe.tif"]
    assert r"a\xff.tif" in _measure(folder, "--nm-per-px", "1").stdout
    for out in (tmp_path / "alone", tmp_path / "both"):
        assert r"a\xff.tif" in (out / "report.html").read_text(encoding="utf-8")
        assert set(pandas.read_parquet(out / "particles.parquet")["image"]) == {str(folder / r"a\xff.tif")}
        assert r"a\xff.tif" in (out / "images.csv").read_text(encoding="utf-8")
