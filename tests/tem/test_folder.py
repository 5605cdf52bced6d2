"""Which images are one sample, and that one bad image costs the others nothing."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from closedloop.tem import Segmenter
from closedloop.tem.folder import NoImages, asked_of, collect, find_samples, one_by_one, passed_over, pooled_over_all
from closedloop.tem.segmenter import Found


class Thresholder(Segmenter):
    """Fast, and its truth is known: what is dark is a particle, in squares of 20 px."""

    def __init__(self) -> None:
        pass

    def find(self, image: np.ndarray, ignore: np.ndarray | None = None) -> Found:
        from scipy.ndimage import label

        return Found(label(image < 0.5)[0].astype(np.int32))


def picture(path: Path, sides: list[int]) -> Path:
    """Dark squares with sides of so many pixels, none of them at the edge."""
    image = np.full((80, 40 * len(sides) + 10), 200, np.uint8)
    for i, side in enumerate(sides):
        image[20 : 20 + side, 10 + 40 * i : 10 + 40 * i + side] = 40
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, image)
    return path


def test_folders_are_samples_and_files_named_together_are_one(tmp_path: Path) -> None:
    root = tmp_path / "run"
    names = ("b.tif", "a.tif", "day 2/c.tif", "day 2/deep/d.tif")
    files = [picture(root / name, [side]) for side, name in enumerate(names, start=10)]
    picture(root / ".hidden" / "e.tif", [10])
    picture(root / "out" / "masks" / "f.tif", [10])
    (root / "notes.txt").write_text("none")
    samples = find_samples([root], leave_out=root / "out")
    assert [(sample.name, [image.name for image in sample.images]) for sample in samples] == [
        ("run", ["a.tif", "b.tif"]),
        ("run/day 2", ["c.tif"]),
        ("run/day 2/deep", ["d.tif"]),
    ]
    # However the folder and the one to leave out are written.
    assert find_samples([root / "day 2" / ".."], leave_out=root / "out" / ".")[0].name == "run"
    assert len(find_samples([root / "day 2" / ".."], leave_out=root / "out")) == 3
    (together,) = find_samples([files[0], files[2], files[0]])
    assert together.images == (files[0], files[2])
    assert together.name == "sample"
    assert find_samples(files[:2])[0].name == "run"
    twice = find_samples([root / "day 2", tmp_path / "run" / "day 2"])
    assert len({sample.name for sample in twice}) == len(twice)


def test_one_image_under_two_names_counts_once(tmp_path: Path) -> None:
    root = tmp_path / "run"
    kept = picture(root / "a.tif", [10])
    copy, link, other = root / "a copy.tif", root / "z.tif", picture(root / "b.tif", [11])
    shutil.copyfile(kept, copy)
    link.symlink_to(kept)
    # Of one size in bytes and another content.
    assert other.stat().st_size == kept.stat().st_size
    elsewhere = root / "second" / "a.tif"
    elsewhere.parent.mkdir()
    shutil.copyfile(kept, elsewhere)
    first, second = find_samples([root])
    assert first.images == (kept, other)
    assert first.copies == ((link, kept), (copy, kept))
    # Another folder is another sample.
    assert (second.images, second.copies) == ((elsewhere,), ())
    assert second.elsewhere == ((elsewhere, kept),)
    measure = one_by_one(Thresholder())
    results = [collect(one, measure(asked_of([one], nm_per_px=1.0))) for one in (first, second)]
    assert [result.pooled.count for result in results] == [2, 1]
    assert pooled_over_all(results).count == 2
    (named,) = find_samples([kept, root / ".." / "run" / "a.tif", elsewhere])
    assert named.images == (kept,)
    assert len(named.copies) == 2


def test_every_format_that_is_read_is_found_and_the_rest_is_counted(tmp_path: Path) -> None:
    names = ["a.bmp", "b.TIF", "c.hspy", "d.mib", "e.rec", "f.emi", "g.emi", "g_1.ser", "h.txt", ".hidden"]
    for name in names:
        (tmp_path / name).write_text(name)
    (sample,) = find_samples([tmp_path])
    # The images of an EMI file lie in SER files beside it; one without them is asked for them.
    assert [image.name for image in sample.images] == ["a.bmp", "b.TIF", "c.hspy", "d.mib", "e.rec", "f.emi", "g_1.ser"]
    assert [path.name for path in passed_over([tmp_path])] == ["g.emi", "h.txt"]
    assert passed_over([tmp_path / "h.txt"]) == []


def test_places_without_images_are_named_and_cost_the_others_nothing(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NoImages, match="holds no image"):
        find_samples([empty])
    kept, gone = picture(tmp_path / "a.tif", [20]), tmp_path / "none.tif"
    named, alone = find_samples([gone, kept, empty])
    assert (named.images, alone.images) == ((gone, kept), (empty,))
    measure = one_by_one(Thresholder())
    results = [collect(one, measure(asked_of([one], nm_per_px=1.0))) for one in (named, alone)]
    assert [len(result.measured) for result in results] == [1, 0]
    failures = [failure for result in results for failure in result.failed]
    assert [(failure.image, failure.error) for failure in failures] == [(gone, "NotAnImage"), (empty, "NoImages")]
    assert "No such file" in failures[0].message
    assert f"{empty}: holds no image" in failures[1].message


def test_links_that_lead_nowhere_are_found_and_links_to_folders_are_named(tmp_path: Path) -> None:
    run = tmp_path / "run"
    picture(run / "a.tif", [20])
    (run / "b.tif").symlink_to(run / "gone.tif")
    (run / "c.tif").symlink_to("c.tif")
    elsewhere = picture(tmp_path / "day 2" / "d.tif", [10]).parent
    linked = [run / name for name in ("day 2", "e.emi", "f.tif")]
    for link in linked:
        link.symlink_to(elsewhere)
    (sample,) = find_samples([run])
    assert [image.name for image in sample.images] == ["a.tif", "b.tif", "c.tif"]
    result = collect(sample, one_by_one(Thresholder())(asked_of([sample], nm_per_px=1.0)))
    assert [failure.image.name for failure in result.failed] == ["b.tif", "c.tif"]
    assert passed_over([run]) == linked
    (alone,) = find_samples([run / "c.tif"])
    assert alone.images == (run / "c.tif",)


def test_what_may_not_be_read_is_found_and_named(tmp_path: Path) -> None:
    run, locked = tmp_path / "run", tmp_path / "run" / "locked"
    picture(run / "a.tif", [20])
    inside = picture(locked / "b.tif", [20])
    locked.chmod(0)
    try:
        if os.access(locked, os.R_OK):
            pytest.skip("this user may read everything")
        samples = find_samples([run, inside])
        assert [(sample.name, sample.images) for sample in samples] == [
            ("locked", (inside,)),
            ("run", (run / "a.tif",)),
            ("run/locked", (locked,)),
        ]
        answers = one_by_one(Thresholder())(asked_of(samples, nm_per_px=1.0))
        failures = [failure for sample in samples for failure in collect(sample, answers).failed]
    finally:
        locked.chmod(0o755)
    assert [(failure.image, failure.error) for failure in failures] == [(inside, "NotAnImage"), (locked, "NoImages")]
    assert all("Permission denied" in failure.message for failure in failures)


def test_one_broken_image_costs_the_others_nothing(tmp_path: Path) -> None:
    picture(tmp_path / "a.tif", [20, 20])
    (tmp_path / "b.tif").write_text("no image")
    picture(tmp_path / "c.tif", [10])
    picture(tmp_path / "d.tif", [12])
    (sample,) = find_samples([tmp_path])
    told: list[str] = []

    class Watching:
        def add(self, path: Path, measurement: object) -> None:
            told.append(f"+{path.name} {measurement.labels.shape}")  # type: ignore[attr-defined]

        def fail(self, failure: object) -> None:
            told.append(f"-{failure.image.name}")  # type: ignore[attr-defined]

    scales = {tmp_path / "a.tif": 0.5}
    result = collect(sample, one_by_one(Thresholder())(asked_of([sample], scales, 2.0)), Watching())
    assert told == ["+a.tif (80, 90)", "-b.tif", "+c.tif (80, 50)", "+d.tif (80, 50)"]
    assert [(failure.error, failure.waits) for failure in result.failed] == [("NotAnImage", False)]
    # Squares of 20 px at 0.5 nm, and of 10 and 12 px at 2 nm: circles of equal area.
    sizes = np.array([10, 10, 20, 24]) * 2 / np.sqrt(np.pi)
    assert sorted(result.pooled.distribution.diameters_nm) == pytest.approx(sorted(sizes))
    assert result.pooled.mean_diameter_nm == pytest.approx(sizes.mean())
    assert result.pooled.std_diameter_nm == pytest.approx(sizes.std(ddof=1))
    assert all(each.labels.size == each.grey.size == 0 for each in result.measured)


def test_an_image_without_a_scale_waits_for_a_person(tmp_path: Path) -> None:
    picture(tmp_path / "a.tif", [20])
    (sample,) = find_samples([tmp_path])
    (failure,) = collect(sample, one_by_one(Thresholder())(asked_of([sample]))).failed
    assert failure.waits
    assert failure.error == "UnreadableScale"


def test_a_defect_of_ours_on_one_image_is_listed_with_it(tmp_path: Path) -> None:
    class Broken(Thresholder):
        def find(self, image: np.ndarray, ignore: np.ndarray | None = None) -> Found:
            if image.shape[1] == 50:
                raise ZeroDivisionError("by zero")
            return super().find(image, ignore)

    picture(tmp_path / "a.tif", [20])
    picture(tmp_path / "b.tif", [20, 20])
    (sample,) = find_samples([tmp_path])
    result = collect(sample, one_by_one(Broken())(asked_of([sample], nm_per_px=1.0)))
    assert len(result.measured) == 1
    assert (result.failed[0].error, result.failed[0].waits) == ("ZeroDivisionError", False)
    assert "report it" in result.failed[0].message
