"""``closedloop tem train`` from small folders: what it writes and refuses, and that it never makes things worse."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from closedloop.cli.app import app
from closedloop.cli.tem_train import CannotTrain
from closedloop.recipes import ClosedloopError
from closedloop.tem.learning import course
from closedloop.tem.learning.course import WorseOnFrozenTest
from closedloop.tem.learning.folders import UnusableTrainingFolder
from closedloop.tem.weights import SHIPPED, about, load_weights, save_weights, trainable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six little images of discs with their label images."""
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for index in range(6):
        rng = np.random.default_rng(index)
        labels = np.zeros((96, 112), np.uint16)
        for number in range(1, 5):
            cv2.circle(labels, (22 * number, int(rng.integers(20, 76))), 9, number, -1)
        grey = np.clip(np.where(labels > 0, 70, 180) + rng.normal(0, 6, labels.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(root / "images" / f"{index}.png"), grey)
        cv2.imwrite(str(root / "masks" / f"{index}.png"), labels)
    return root


def _run(*arguments: object) -> None:
    result = CliRunner().invoke(app, ["tem", "train", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output


def test_it_writes_weights_that_say_how_they_were_made(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.safetensors"
    _run("--data", folder, "--start", "shipped", "--steps", 2, "--hold-out", 0.6, "--seed", 4, "--out", out)
    *before, said = about(out)["rounds"]
    assert before == course.rounds_of(SHIPPED)
    assert said["seed"] == 4
    assert (said["start"], said["steps"]) == ("shipped", 2)
    (trained,) = said["data"]
    assert 0 < trained["images"] < 6
    (score,) = said["held_out"]
    assert score["folder"] == folder.name
    assert 0 <= score["AP50"] <= 1
    load_weights(out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "mine.safetensors"]


def test_weights_say_what_those_that_they_started_from_had_learned(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    # Weights that say so themselves, in place of training from ImageNet: from before rounds were kept.
    save_weights(first, trainable(), {"steps": 4300, "start": "imagenet", "seed": 0})
    assert course.rounds_of(first) == [{"steps": 4300, "start": "imagenet", "seed": 0}]
    _run("--data", folder, "--start", first, "--steps", 2, "--rate", 1e-4, "--hold-out", 0, "--out", second)
    # Written over what it started from, nothing is lost either.
    _run("--data", folder, "--start", second, "--steps", 0, "--seed", 3, "--hold-out", 0.6, "--out", second)
    rounds = about(second)["rounds"]
    assert rounds == course.rounds_of(second)
    assert [(one["start"], one["steps"], one["seed"]) for one in rounds] == [
        ("imagenet", 4300, 0),
        ("first.safetensors", 2, 0),
        ("second.safetensors", 0, 3),
    ]
    assert rounds[1]["rate"] == 1e-4
    assert [len(one["held_out"]) for one in rounds[1:]] == [0, 1]


def test_weights_that_say_nothing_of_themselves_are_no_round(tmp_path: Path) -> None:
    save_weights(tmp_path / "silent.safetensors", trainable(), {})
    assert course.rounds_of(tmp_path / "silent.safetensors") == []


def test_folders_have_the_shares_that_are_asked_for(folder: Path, tmp_path: Path) -> None:
    given = ["--data", folder, "--data", folder, "--start", "shipped", "--hold-out", 0, "--seed", 1]
    for name, shares in (("even", []), ("uneven", ["--share", 3, "--share", 1])):
        _run(*given, *shares, "--steps", 0, "--out", tmp_path / f"{name}.safetensors")
    even, uneven = (about(tmp_path / f"{name}.safetensors")["rounds"][-1]["data"] for name in ("even", "uneven"))
    assert [one["share"] for one in even] == [1, 1]
    assert [one["share"] for one in uneven] == [3, 1]
    judges = [load_weights(tmp_path / f"{name}.safetensors").credibility.state_dict() for name in ("even", "uneven")]
    assert any(not torch.equal(value, judges[1][name]) for name, value in judges[0].items())


def test_fine_tuning_that_makes_the_frozen_test_worse_writes_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "mine.safetensors"
    scores = iter([{"mean_AP": 0.80}, {"mean_AP": 0.70}, {"mean_AP": 0.80}, {"mean_AP": 0.798}])
    monkeypatch.setattr(course, "_score", lambda net, samples: next(scores))
    with pytest.raises(WorseOnFrozenTest, match=r"0\.800 to 0\.700"):
        _run("--finetune", folder, "--frozen", folder, "--steps", 1, "--out", out)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    _run("--finetune", folder, "--frozen", folder, "--steps", 1, "--out", out)
    assert about(out)["rounds"][-1]["start"] == "shipped"


def test_weak_labels_join_the_training(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine.safetensors"
    _run("--data", folder, "--unlabelled", folder / "images", "--start", "shipped", "--steps", 1, "--out", out)
    assert out.is_file()


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (["--out", "x.safetensors"], CannotTrain, "--data"),
        (["--data", "DATA", "--finetune", "DATA", "--out", "x.safetensors"], CannotTrain, "either"),
        (["--data", "DATA", "--out", "x.pt"], CannotTrain, "safetensors"),
        (["--data", "DATA", "--out", "nowhere/x.safetensors"], CannotTrain, "folder that exists"),
        (["--finetune", "DATA", "--start", "shipped", "--out", "x.safetensors"], CannotTrain, "--start does not go"),
        (["--finetune", "DATA", "--hold-out", "0", "--out", "x.safetensors"], CannotTrain, "--hold-out does not go"),
        (
            ["--data", "DATA", "--frozen", "DATA", "--out", "x.safetensors"],
            CannotTrain,
            "--frozen goes with --finetune",
        ),
        (
            ["--data", "DATA", "--start", "shipped", "--steps", "0", "--rate", "1", "--out", "x.safetensors"],
            CannotTrain,
            "--rate does nothing",
        ),
        (
            ["--data", "DATA", "--share", "2", "--share", "1", "--out", "x.safetensors"],
            CannotTrain,
            "--share 2 1: give",
        ),
        (["--data", "DATA", "--share", "0", "--out", "x.safetensors"], CannotTrain, "--share 0: give"),
        (["--data", "DATA", "--share", "nan", "--out", "x.safetensors"], CannotTrain, "--share nan: give"),
        (["--finetune", "DATA", "--share", "1", "--out", "x.safetensors"], CannotTrain, "--share 1: give"),
        (["--data", "nowhere", "--out", "x.safetensors"], UnusableTrainingFolder, "masks"),
        (["--data", "DATA", "--device", "abacus", "--out", "x.safetensors"], ClosedloopError, "no device"),
        (["--data", "DATA", "--start", "no.safetensors", "--out", "x.safetensors"], ClosedloopError, "no such file"),
        (
            ["--data", "DATA", "--unlabelled", "nowhere", "--start", "shipped", "--out", "x.safetensors"],
            ClosedloopError,
            "no image",
        ),
    ],
)
def test_bad_input_is_refused_by_name(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    error: type[ClosedloopError],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=says):
        _run(*(str(folder) if argument == "DATA" else argument for argument in arguments))
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_label_image_of_another_size_is_refused(folder: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(folder / "masks" / "3.png"), np.ones((10, 10), np.uint16))
    with pytest.raises(UnusableTrainingFolder, match=r"3\.png.*10"):
        _run("--data", folder, "--start", "shipped", "--steps", 1, "--out", tmp_path / "x.safetensors")


def test_judges_can_be_taught_alone(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "judged.safetensors"
    _run("--data", folder, "--start", "shipped", "--steps", 0, "--hold-out", 0.6, "--out", out)
    last = about(out)["rounds"][-1]
    assert (last["steps"], last["rate"]) == (0, 0)
    before, after = load_weights(SHIPPED).state_dict(), load_weights(out).state_dict()
    changed = {name.partition(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"credibility", "company"}
    for arguments in (["--data", folder], ["--finetune", folder]):
        with pytest.raises(CannotTrain, match="--steps 0"):
            _run(*arguments, "--steps", 0, "--out", out)
