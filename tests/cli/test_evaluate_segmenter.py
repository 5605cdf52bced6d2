"""``closedloop evaluate segmenter`` on folders whose truth is known: figures, baselines, table, and what is refused."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.color import label2rgb
from typer.testing import CliRunner, Result

from closedloop.cli.app import app
from closedloop.cli.evaluate_segmenter import MaskDoesNotFit, NothingToEvaluate, TableNotWritable
from closedloop.tem.instance_maps import NotAnInstanceMap

runner = CliRunner()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three fields of dark discs, whose maps come as numbers in two formats and as colours."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    for seed in range(3):
        image, labels = _field(seed)
        Image.fromarray(image).save(images / f"{seed}.png")
        if seed == 0:
            tifffile.imwrite(masks / "0.tif", labels.astype(np.uint16))
        elif seed == 1:
            Image.fromarray(labels.astype(np.uint16)).save(masks / "1.png")
        else:
            palette = np.random.default_rng(0).uniform(0.1, 0.9, (labels.max(), 3))
            coloured = label2rgb(labels, colors=palette, bg_label=0)
            Image.fromarray(np.rint(255 * coloured).astype(np.uint8)).save(masks / "2.png")
    return images, masks


def _field(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:256, :256]
    labels = np.zeros((256, 256), np.int32)
    for row in range(5):
        for column in range(5):
            y, x = 25 + 50 * row + rng.uniform(-3, 3), 25 + 50 * column + rng.uniform(-3, 3)
            labels[np.hypot(yy - y, xx - x) < rng.uniform(12, 16)] = 5 * row + column + 1
    image = gaussian_filter(np.where(labels > 0, 0.3, 0.7), 1) + rng.normal(0, 0.03, labels.shape)
    return np.clip(255 * image, 0, 255).astype(np.uint8), labels


def _evaluate(folders: tuple[Path, Path], *options: str) -> Result:
    images, masks = folders
    return runner.invoke(app, ["evaluate", "segmenter", "--images", str(images), "--masks", str(masks), *options])


def test_figures_of_the_segmenter_and_of_both_baselines(folders: tuple[Path, Path], tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    result = _evaluate(folders, "--baseline", "otsu", "--baseline", "classical", "--out", str(table), "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["images"] == 3
    for scores in (content, *content["baselines"].values()):
        assert scores["AP50"] > 0.95
        assert scores["mIoU"] > 0.85
        assert scores["worst_size_error"] < 0.08
        assert scores["median_count_error"] == 0
    assert set(content["baselines"]) == {"otsu", "classical"}
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["method"]) for row in rows[:4]] == [
        ("0.png", "closedloop"), ("1.png", "closedloop"), ("2.png", "closedloop"), ("0.png", "otsu"),
    ]  # fmt: skip
    # The mean over the images is what is printed.
    ours = [float(row["AP75"]) for row in rows if row["method"] == "closedloop"]
    assert content["AP75"] == pytest.approx(np.mean(ours), abs=1e-5)
    assert rows[0]["true_count"] == "25"
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_what_has_no_partner_is_left_out_and_said(folders: tuple[Path, Path]) -> None:
    (folders[0] / "1.png").rename(folders[0] / "other.png")
    (folders[0] / "notes.txt").write_text("none")
    result = _evaluate(folders, "--json")
    content = json.loads(result.stdout)
    assert content["images"] == 2
    assert any("1 images have no label image and were left out: other.png" in note for note in content["notes"])
    assert any("1 label images have no image and were left out: 1.png" in note for note in content["notes"])


def test_what_cannot_be_judged_is_refused_by_name(folders: tuple[Path, Path], tmp_path: Path) -> None:
    images, masks = folders
    assert isinstance(_evaluate((images, tmp_path)).exception, NothingToEvaluate)
    assert isinstance(_evaluate((images, tmp_path / "none")).exception, NothingToEvaluate)
    assert isinstance(_evaluate(folders, "--out", str(tmp_path / "no" / "t.csv")).exception, TableNotWritable)
    assert isinstance(_evaluate(folders, "--out", str(tmp_path / "t.xls")).exception, TableNotWritable)
    (images / "0.tif").write_bytes((images / "0.png").read_bytes())
    refused = _evaluate(folders).exception
    assert isinstance(refused, NothingToEvaluate)
    assert "one name" in str(refused)
    (images / "0.tif").unlink()
    tifffile.imwrite(masks / "0.tif", np.ones((255, 256), np.uint16))
    refused = _evaluate(folders).exception
    assert isinstance(refused, MaskDoesNotFit)
    assert "256 × 255" in str(refused)
    tifffile.imwrite(masks / "0.tif", np.ones((256, 256), np.float32))
    assert isinstance(_evaluate(folders).exception, NotAnInstanceMap)
    refused = _evaluate((images, images)).exception
    assert isinstance(refused, NotAnInstanceMap)
    assert "is the image" in str(refused)
