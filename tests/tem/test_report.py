"""A sample's folder: everything in it, the page's own words and numbers, and nothing of it where the work failed."""

import csv
import re
from html import unescape
from pathlib import Path

import numpy as np
import pandas
import pytest
import tifffile
from scipy.ndimage import label

from closedloop.tem import Segmenter
from closedloop.tem.folder import Failure, Sample, asked_of, collect, one_by_one
from closedloop.tem.report import CannotWriteReport, SamplePage, draft_of
from closedloop.tem.segmenter import Found


class Thresholder(Segmenter):
    """What is dark is a particle."""

    def __init__(self) -> None:
        pass

    def find(self, image: np.ndarray, ignore: np.ndarray | None = None) -> Found:
        labels, count = label(image < 0.5)
        # Sure of nine particles and more, unsure of fewer.
        return Found(labels.astype(np.int32), np.full(count, 0.98 if count >= 9 else 0.3, np.float32))


def _picture(path: Path, count: int, side: int) -> Path:
    image = np.full((100, 40 * count + 10), 200, np.uint8)
    for i in range(count):
        image[20 : 20 + side + i % 3, 10 + 40 * i : 10 + 40 * i + side] = 40
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, image)
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    images = (
        _picture(folder / "a<b>.tif", 9, 20),
        _picture(folder / "b" / "a<b>.tif", 6, 14),
        folder / "broken.tif",
        _picture(folder / "noscale.tif", 2, 20),
    )
    images[2].write_text("no image")
    shown = tifffile.imread(images[0])
    tifffile.imwrite(images[0], shown, imagej=True, resolution=(4.0, 4.0), metadata={"unit": "nm"})
    sample = Sample("CdSe & co", images)
    with draft_of(folder / "out") as draft:
        page = SamplePage(draft, sample)
        page.finish(
            collect(sample, one_by_one(Thresholder())(asked_of([sample], dict.fromkeys(images[:2], 0.5))), page)
        )
    return folder / "out"


def _text(page: Path) -> str:
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")).split()))


def test_every_image_has_its_files_under_a_name_of_its_own(written: Path) -> None:
    for part, suffix in (("overlays", ".png"), ("masks", ".tif"), ("histograms", ".svg")):
        assert sorted(path.name for path in (written / part).iterdir()) == [f"a<b>{suffix}", f"a<b>_tif{suffix}"]
    assert len(np.unique(tifffile.imread(written / "masks" / "a<b>.tif"))) == 10


def test_the_tables_hold_every_particle_and_every_image(written: Path) -> None:
    table = pandas.read_csv(written / "particles.csv", keep_default_na=False)
    assert len(table) == 15
    places = [written.parent / "a<b>.tif", written.parent / "b" / "a<b>.tif"]
    assert table["image"].value_counts().to_dict() == {str(places[0]): 9, str(places[1]): 6}
    assert table["equivalent_diameter_nm"][0] == pytest.approx(0.5 * 20 * 2 / np.sqrt(np.pi), abs=1e-4)
    assert set(table["nm_per_px"]) == {0.5}
    pandas.testing.assert_frame_equal(table, pandas.read_parquet(written / "particles.parquet"), check_dtype=False)
    with (written / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows[:2]] == [str(place) for place in places]
    assert [row["count"] for row in rows] == ["9", "6", "", ""]
    assert "but the file's ImageJ unit say 0.25" in rows[0]["note"]
    assert [row["error"] for row in rows] == ["", "", "NotAnImage", "UnreadableScale"]
    assert [row["in_doubt"] for row in rows] == ["False", "True", "", ""]
    assert 0 < float(rows[0]["size_error"]) < float(rows[1]["size_error"])
    assert set(table["chance"].round(2)) == {0.98, 0.3}


def test_the_page_states_sizes_failures_and_who_waits(written: Path) -> None:
    text = _text(written / "report.html")
    table = pandas.read_csv(written / "particles.csv")
    sizes = table["equivalent_diameter_nm"]
    assert f"Mean diameter {sizes.mean():.2f} nm, standard deviation {sizes.std():.2f} nm" in text
    assert "from 15 whole particles" in text
    assert "NotAnImage" in text
    waiting = text.index("Waiting for a person")
    assert waiting < text.index("Not measured") < text.index("Mean diameter")
    assert f'--scale "{written.parent / "noscale.tif"}=…"' in text  # a name alone may be that of two images
    assert text.count("you state 0.5 nm per pixel") == 1
    assert text.index("you state 0.5 nm per pixel") < text.index("Mean diameter")
    assert text.count("the mean may be off by") == 2
    assert text.index("In doubt: look at the outlines") < text.index(
        f"{written.parent / 'b' / 'a<b>.tif'}: the mean may be off by"
    )
    assert "CdSe & co" in text


def test_the_page_needs_no_other_file(written: Path) -> None:
    page = (written / "report.html").read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert len([source for source in sources if source.startswith("data:image/jpeg;base64,")]) == 3
    assert all(source.startswith("data:") for source in sources)
    assert "<b>" not in page  # a file's name is text, not markup


def test_nothing_is_left_of_work_that_failed(tmp_path: Path) -> None:
    def work() -> None:
        with draft_of(tmp_path / "out") as draft:
            (draft / "half").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_a_persons_work_in_it_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "out" / "masks").mkdir(parents=True)
    with pytest.raises(CannotWriteReport, match="new name"), draft_of(tmp_path / "out"):
        pytest.fail("the work began")
    with pytest.raises(CannotWriteReport, match="make it first"), draft_of(tmp_path / "no" / "out"):
        pytest.fail("the work began")
    (tmp_path / "empty").mkdir()
    with draft_of(tmp_path / "empty") as draft:
        (draft / "a").write_text("a")
    assert (tmp_path / "empty" / "a").read_text() == "a"


def test_a_sample_in_which_nothing_was_found_has_a_page_too(tmp_path: Path) -> None:
    sample = Sample("nothing", (tmp_path / "a.tif",))
    failure = Failure(tmp_path / "a.tif", "NoParticles", "a.tif: no particles stand out", False)
    page = SamplePage(tmp_path / "out", sample)
    page.fail(failure)
    from closedloop.tem.folder import SampleResult

    page.finish(SampleResult(sample, (), (failure,)))
    assert "No particle was measured" in _text(tmp_path / "out" / "report.html")
    assert "no particles stand out" in _text(tmp_path / "out" / "report.html")


def test_kinds_of_particles_are_shown_where_there_are_enough(tmp_path: Path) -> None:
    # Squares and bars: two kinds that no k-means could miss.
    rng = np.random.default_rng(0)
    image = np.full((400, 610), 200, np.uint8)
    for row in range(8):
        for column in range(12):
            height, width = (16, 16) if row % 2 else (8, 32)
            top, left = 15 + 48 * row, 10 + 50 * column
            image[top : top + height + column % 3, left : left + width] = 40
            image[top - 1, left : left + width] = np.where(rng.random(width) < 0.5, 40, 200)
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, image)
    sample = Sample("kinds", (tmp_path / "a.tif", tmp_path / "b.tif"))
    page = SamplePage(tmp_path / "out", sample)
    page.finish(collect(sample, one_by_one(Thresholder())(asked_of([sample], nm_per_px=0.5)), page))
    table = pandas.read_csv(tmp_path / "out" / "particles.csv")
    assert len(table) == 192
    whole = table[~table["touches_edge"]]
    assert len(whole) > 150
    assert (table["cluster"].notna() == ~table["touches_edge"]).all()
    square = whole["aspect_ratio"] < 1.6
    assert set(whole["cluster"][square]).isdisjoint(whole["cluster"][~square])
    assert "Kinds of particles" in _text(tmp_path / "out" / "report.html")
