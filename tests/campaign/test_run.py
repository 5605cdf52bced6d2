"""The whole loop for real: the shipped model, the virtual lab in its own process, images, and a store on disk."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kill_resume import run_with_kills

from closedloop.campaign.reading import find_campaign
from sim.lab import shutdown
from sim.records import read_journal

pytestmark = pytest.mark.slow
CLOSEDLOOP = str(Path(sys.executable).with_name("closedloop"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("run")
    yield folder
    shutdown(_lab(folder))


def _lab(folder: Path) -> Path:
    return folder / "lab.db.files" / "virtual-lab"


def _run(folder: Path, *arguments: str) -> dict:
    finished = subprocess.run(
        [CLOSEDLOOP, "run", "--store", "sqlite:///lab.db", "--json", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


@pytest.fixture(scope="module")
def result(folder: Path) -> dict:
    """Three experiments of a campaign that no single hit ends."""
    (folder / "endless.yaml").write_text(find_campaign("cdse")[1] + "hits_wanted: 9\n")
    return _run(folder, "endless.yaml", "--budget", "3", "--seed", "2")


def test_the_result_has_the_keys_of_the_contract(result: dict) -> None:
    assert set(result) >= {"campaign", "target", "experiments", "best", "hit", "stopped_because"}
    keys = {
        "id",
        "status",
        "recipe",
        "predicted_size_nm",
        "size_nm",
        "size_std_nm",
        "shape",
        "success",
        "failure_cause",
    }
    for experiment in result["experiments"]:
        assert keys <= set(experiment)
    made = [e for e in result["experiments"] if e["failure_cause"] != "abandoned"]
    assert len(made) == 3


def test_measured_sizes_are_the_hidden_truth_within_five_percent(result: dict, folder: Path) -> None:
    truth = {e["sample_id"]: e["truth"] for e in read_journal(_lab(folder)) if e["event"] == "sample"}
    measured = [e for e in result["experiments"] if e["success"]]
    assert measured
    for experiment in measured:
        assert experiment["size_nm"] == pytest.approx(truth[experiment["id"]]["mean_diameter_nm"], rel=0.05)


def test_the_report_carries_everything_inside_itself(result: dict, folder: Path) -> None:
    page = (folder / "closedloop-report.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(?!data:|#)([^"]+)"', page) == []
    assert not re.search(r"https?://(?!www\.w3\.org|purl\.org|creativecommons\.org|matplotlib\.org)", page)
    for experiment in result["experiments"]:
        assert experiment["id"] in page
    assert "data:image/png;base64" in page
    assert "cadmium oxide" in page


def test_run_again_it_goes_on_where_it_stopped(result: dict, folder: Path) -> None:
    again = _run(folder, "endless.yaml", "--budget", "3", "--seed", "2")
    assert again == result
    more = _run(folder, "endless.yaml", "--budget", "4", "--seed", "2")
    assert more["experiments"][:3] == result["experiments"]
    assert len(more["experiments"]) == 4


def test_killed_in_mid_run_nothing_is_lost_or_made_twice(tmp_path: Path) -> None:
    outcome = run_with_kills(tmp_path, seed=11, budget=2, kills=2, longest_s=12.0)
    assert outcome["faults"] == []
