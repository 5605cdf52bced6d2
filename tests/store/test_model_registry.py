"""Models, promotions and what they leave in service."""

from pathlib import Path

import pytest

from closedloop.store import (
    AlreadyChampion,
    ArtefactError,
    ArtefactMissing,
    ModelStatus,
    NothingToRollBack,
    Store,
    UnknownModel,
)


@pytest.fixture
def three(store: Store, tmp_path: Path) -> Store:
    parent = None
    for number in range(3):
        weights = tmp_path / f"weights{number}.pt"
        weights.write_bytes(bytes([number]) * 100)
        model = store.add_model(weights, parent=parent, data_digest=f"d{number}", metrics={"mae_nm": 0.5 - number / 10})
        parent = model.id
        weights.unlink()
    return store


def statuses(store: Store) -> list[str]:
    return [model.status.value for model in store.models()]


def champion(store: Store) -> str | None:
    model = store.champion()
    return model.id if model else None


def test_a_model_is_kept_with_its_file_and_its_line(three: Store) -> None:
    models = three.models()
    assert [model.id for model in models] == ["model-0001", "model-0002", "model-0003"]
    assert [model.parent for model in models] == [None, "model-0001", "model-0002"]
    assert [model.metrics for model in models] == [{"mae_nm": 0.5}, {"mae_nm": 0.4}, {"mae_nm": 0.3}]
    assert models[1].path.read_bytes() == b"\x01" * 100
    assert models[1] == three.model("model-0002")
    assert statuses(three) == ["challenger"] * 3
    assert three.champion() is None


def test_a_twin_is_kept_beside_its_model(store: Store, tmp_path: Path) -> None:
    weights, twin = tmp_path / "w.pt", tmp_path / "t.pt"
    weights.write_bytes(b"all")
    twin.write_bytes(b"some")
    added = store.add_model(weights, data_digest="d", metrics={}, twin=(twin, ["cdse-0001", "cdse-0003"]))
    assert added == store.model(added.id)
    assert added.twin is not None
    assert added.twin.saw == ("cdse-0001", "cdse-0003")
    assert (added.path.read_bytes(), added.twin.path.read_bytes()) == (b"all", b"some")
    assert store.add_model(weights, data_digest="d", metrics={}).twin is None


def test_rollback_goes_back_step_by_step_to_the_shipped_weights(three: Store) -> None:
    for id in ("model-0001", "model-0002", "model-0003"):
        assert three.promote(id, "better").status is ModelStatus.CHAMPION
    assert statuses(three) == ["retired", "retired", "champion"]
    back = three.rollback("worse")
    assert back is not None
    assert back.id == champion(three) == "model-0002"
    assert statuses(three) == ["retired", "champion", "retired"]
    three.promote("model-0003", "was better after all")
    assert [three.rollback("a") and champion(three) for _ in range(3)] == ["model-0002", "model-0001", None]
    assert champion(three) is None
    with pytest.raises(NothingToRollBack):
        three.rollback("once more")
    assert [(one.model_id, one.rollback) for one in three.promotions()][3:] == [
        ("model-0002", True),
        ("model-0003", False),
        ("model-0002", True),
        ("model-0001", True),
        (None, True),
    ]


def test_unknown_and_present_champions_are_refused(three: Store) -> None:
    three.promote("model-0002", "better")
    with pytest.raises(AlreadyChampion):
        three.promote("model-0002", "again")
    for id in ("model-0009", "model-2", "2", "", "model-²", "model-00002"):
        with pytest.raises(UnknownModel, match="most recent: model-0003"):
            three.promote(id, "")
    assert len(three.promotions()) == 1


def test_a_champion_whose_file_was_changed_is_not_served(three: Store) -> None:
    path = three.promote("model-0001", "better").path
    path.write_bytes(b"something else")
    with pytest.raises(ArtefactMissing, match="model-0001 are gone or changed"):
        three.champion()
    path.unlink()
    with pytest.raises(ArtefactMissing):
        three.champion()
    assert three.rollback("file is gone") is None
    with pytest.raises(ArtefactMissing):
        three.promote("model-0001", "without its file")


def test_a_model_without_a_file_leaves_no_line(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError):
        store.add_model(tmp_path / "none.pt", data_digest="d", metrics={})
    weights = tmp_path / "w"
    weights.write_bytes(b"w")
    with pytest.raises(UnknownModel):
        store.add_model(weights, parent="model-0044", data_digest="d", metrics={})
    assert store.models() == []
