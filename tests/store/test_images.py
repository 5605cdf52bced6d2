"""Stated scales and corrected particles: appended, the last one holding, and never half."""

from pathlib import Path

import pytest

from closedloop.recipes import Evidence, Method, Outcome, Recipe
from closedloop.store import ArtefactError, Store, UnknownExperiment, UnknownImage
from closedloop.store.artefacts import is_whole


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "field.tif"
    path.write_bytes(b"an image")
    return path


def _labels(folder: Path, content: bytes) -> Path:
    path = folder / "labels.tif"
    path.write_bytes(content)
    return path


def _corrected(size_nm: float, store: Store) -> Outcome:
    return Outcome(
        success=True, size_nm=size_nm, evidence=Evidence(method=Method.TEM_CORRECTED, recorded_at=store.now())
    )


def test_what_was_said_last_of_an_images_scale_holds(store: Store, recipe: Recipe, image: Path) -> None:
    id = store.add_experiment("cdse", recipe).id
    for stated in (None, 0.5, 0.25, None, 0.3):
        store.add_image(id, image, stated)
        (record,) = store.image_records(id)
        assert record.nm_per_px == stated
    assert (record.original, record.correction) == ("field.tif", None)


def test_an_image_is_found_by_what_is_in_it(store: Store, recipe: Recipe, image: Path, tmp_path: Path) -> None:
    id = store.add_experiment("cdse", recipe).id
    kept = store.add_image(id, image)
    renamed = tmp_path / "renamed.tif"
    renamed.write_bytes(image.read_bytes())
    assert store.find_image(id, renamed).path == kept == store.find_image(id, kept).path
    renamed.write_bytes(b"saved anew")
    with pytest.raises(UnknownImage, match=r"none of the images of cdse-0001 \(field.tif\)"):
        store.find_image(id, renamed)
    with pytest.raises(UnknownExperiment):
        store.find_image("cdse-0009", image)
    with pytest.raises(ArtefactError):
        store.find_image(id, tmp_path / "none.tif")


def test_a_correction_supersedes_and_keeps_what_was_before(
    store: Store, recipe: Recipe, image: Path, tmp_path: Path
) -> None:
    id = store.add_experiment("cdse", recipe).id
    store.add_image(id, image)
    by_machine = Outcome(success=True, size_nm=4.0, evidence=Evidence(method=Method.TEM, recorded_at=store.now()))
    store.add_outcome(id, by_machine)
    sha256 = store.image_records(id)[0].sha256
    first = store.add_correction(id, sha256, _labels(tmp_path, b"first"), _corrected(4.4, store), {"removed": 2}, 0.3)
    second = store.add_correction(id, sha256, _labels(tmp_path, b"second"), _corrected(4.6, store), {"added": 1})
    store.add_outcome(id, by_machine.model_copy(update={"size_nm": 3.0}))
    assert store.experiment(id).outcome.size_nm == 4.6  # type: ignore[union-attr]
    assert [outcome.size_nm for outcome in store.outcomes(id)] == [4.0, 4.4, 4.6, 3.0]
    (record,) = store.image_records(id)
    assert record.correction == second
    assert record.nm_per_px == 0.3
    assert second.changes == {"added": 1}
    assert first.labels.read_bytes() == b"first"
    assert is_whole(second.labels, second.sha256)


def test_half_a_correction_is_none(
    store: Store, recipe: Recipe, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = store.add_experiment("cdse", recipe).id
    store.add_image(id, image)
    sha256 = store.image_records(id)[0].sha256
    with pytest.raises(UnknownImage):
        store.add_correction(id, "0" * 64, _labels(tmp_path, b"x"), _corrected(4.4, store), {})
    with pytest.raises(ArtefactError):
        store.add_correction(id, sha256, tmp_path / "none.tif", _corrected(4.4, store), {})

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("closedloop.store.experiments._outcome_row", killed)
    with pytest.raises(KeyboardInterrupt):
        store.add_correction(id, sha256, _labels(tmp_path, b"x"), _corrected(4.4, store), {}, 0.5)
    (record,) = store.image_records(id)
    assert (record.correction, record.nm_per_px) == (None, None)
    assert store.outcomes(id) == []


def test_an_image_that_was_taken_away_is_kept_and_counts_again_when_it_is_brought_again(
    store: Store, recipe: Recipe, image: Path, tmp_path: Path
) -> None:
    id, other = store.add_experiment("cdse", recipe).id, store.add_experiment("cdse", recipe).id
    second = tmp_path / "second.tif"
    second.write_bytes(b"another image")
    for path in (image, second):
        store.add_image(id, path)
    store.add_image(other, image)
    wrong, right = store.image_records(id)
    assert store.owners(image) == [id, other]
    assert not store.is_corrected(id)
    rest = _corrected(4.0, store)
    store.take_away(id, [wrong.sha256], "of another grid", rest)
    assert store.image_records(id) == [right]
    assert store.images_taken_away(id) == [(wrong, "of another grid")]
    assert wrong.path.read_bytes() == b"an image"
    assert store.outcomes(id) == [rest]
    assert store.is_corrected(id)
    assert not store.is_corrected(other)
    assert store.owners(image) == [other]
    with pytest.raises(UnknownImage, match=r"was taken away from cdse-0001 \(of another grid\)"):
        store.find_image(id, image)
    store.add_image(id, image)
    assert store.image_records(id) == [wrong, right]
    assert store.images_taken_away(id) == []
    with pytest.raises(UnknownImage):
        store.take_away(id, [right.sha256, "0" * 64], "no reason", rest)
    assert store.image_records(id) == [wrong, right]
    assert len(store.outcomes(id)) == 1


def test_an_image_is_named_by_its_content_its_name_or_its_digest(
    store: Store, recipe: Recipe, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = store.add_experiment("cdse", recipe).id
    twin = tmp_path / "day-2" / "field.tif"
    twin.parent.mkdir()
    twin.write_bytes(b"another image")
    store.add_image(id, image)
    first = store.image_records(id)[0]
    monkeypatch.chdir(tmp_path / "day-2")
    # There lies another image of that name here: what is in it counts.
    with pytest.raises(UnknownImage, match=rf"is none of the images .*field\.tif \({first.sha256[:8]}\)"):
        store.named_image(id, "field.tif")
    store.add_image(id, twin)
    assert store.named_image(id, "field.tif").sha256 != first.sha256
    assert store.named_image(id, str(image)) == first
    assert store.named_image(id, first.sha256[:8].upper()) == first
    monkeypatch.chdir("/")
    for name, fault in (("field.tif", "names 2 of the images"), (first.sha256[:7], "is none"), ("x.tif", "is none")):
        with pytest.raises(UnknownImage, match=fault):
            store.named_image(id, name)
