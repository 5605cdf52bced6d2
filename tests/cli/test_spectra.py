"""``closedloop size``: JSON to standard output alone, and named errors."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from closedloop.campaign import Campaign, NotOfThisCampaign, NotWaiting
from closedloop.cli.spectra import app
from closedloop.columns import ColumnFileError
from closedloop.recipes import Evidence, Method, Outcome
from closedloop.store import State, UnknownExperiment


def write(path: Path, x: np.ndarray, y: np.ndarray) -> Path:
    path.write_text("".join(f"{a:.3f},{b:.5f}\n" for a, b in zip(x, y, strict=True)))
    return path


@pytest.fixture
def spectrum(tmp_path: Path) -> Path:
    """CdSe of 3.04 nm."""
    x = np.arange(400.0, 750.0, 1.0)
    return write(tmp_path / "a.csv", x, np.exp(-0.5 * ((x - 550) / 15) ** 2) + 1.5 / (1 + np.exp((x - 450) / 12)))


@pytest.fixture
def pattern(tmp_path: Path) -> Path:
    """Crystallites of 10.41 nm."""
    x = np.arange(20.0, 60.0, 0.05)
    return write(tmp_path / "a.xy", x, 1000 * np.exp(-4 * np.log(2) * (x - 40) ** 2) + 20)


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return Campaign.open("cdse", store=f"sqlite:///{tmp_path}/lab.db")


def test_absorbance(spectrum: Path) -> None:
    file = spectrum
    result = CliRunner().invoke(app, ["absorbance", str(file), "--product", "CdSe", "--json"])
    assert result.exit_code == 0
    size = json.loads(result.stdout)
    assert size["peak_nm"] == pytest.approx(550, abs=1)
    assert size["size_nm"] == pytest.approx(3.04, abs=0.05)
    other = CliRunner().invoke(app, ["absorbance", str(file), "--product", "CdSe", "--curve", "jasieniak2009"])
    assert other.stdout.startswith("3.1")


def test_xrd(pattern: Path) -> None:
    file = pattern
    result = CliRunner().invoke(app, ["xrd", str(file), "--wavelength-nm", "0.15418", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["size_nm"] == pytest.approx(10.41, rel=0.02)
    assert "10.4" in CliRunner().invoke(app, ["xrd", str(file), "--wavelength-nm", "0.15418"]).stdout


def _waiting(campaign: Campaign) -> str:
    record = campaign.store.add_experiment(campaign.name, campaign.definition.space.sample(1, seed=0)[0])
    for state in (State.APPROVED, State.CHECKED, State.RUNNING, State.AWAITING_CHARACTERISATION):
        campaign.store.move(record.id, state)
    return record.id


def test_sizes_of_an_experiment_hold_until_stronger_evidence_comes(
    campaign: Campaign, spectrum: Path, pattern: Path
) -> None:
    waiting = _waiting(campaign)
    here = ["--experiment", waiting, "--store", campaign.store.url, "--json"]
    optical = ["absorbance", str(spectrum), "--product", "CdSe", *here]
    result = CliRunner().invoke(app, optical)
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert said["experiment"]["evidence"] == "absorbance"
    assert said["experiment"]["size_nm"] == said["size_nm"]
    assert f"{waiting} is closed: 3.04 nm\n" in result.stderr
    record = campaign.store.experiment(waiting)
    assert (record.state, record.outcome and record.outcome.success) == (State.CLOSED, True)
    scattered = CliRunner().invoke(app, ["xrd", str(pattern), "--wavelength-nm", "0.15418", *here])
    assert json.loads(scattered.stdout)["experiment"]["evidence"] == "x-ray scattering"
    again = CliRunner().invoke(app, optical)
    assert "10.41 nm; x-ray scattering holds, as the stronger evidence" in again.stderr
    tem = campaign.settle(waiting, Outcome(size_nm=3.2, particle_count=200, evidence=Evidence(method=Method.TEM)))
    assert tem.outcome
    assert tem.outcome.size_nm == 3.2
    assert len(campaign.store.outcomes(waiting)) == 4


def test_a_size_is_refused_for_what_is_not_made_or_of_another_product(campaign: Campaign, spectrum: Path) -> None:
    store = ["--store", campaign.store.url]
    proposed = campaign.store.add_experiment(campaign.name, campaign.definition.space.sample(1, seed=0)[0]).id
    for product, experiment, error in (
        ("CdSe", proposed, NotWaiting),
        ("CdTe", _waiting(campaign), NotOfThisCampaign),
        ("CdSe", "cdse-0099", UnknownExperiment),
    ):
        command = ["absorbance", str(spectrum), "--product", product, "--experiment", experiment, *store]
        result = CliRunner().invoke(app, command)
        assert isinstance(result.exception, error)
        assert result.stdout == ""
    assert all(record.outcome is None for record in campaign.experiments())


def test_errors_keep_their_name_for_the_root_command(tmp_path: Path) -> None:
    for command in (["absorbance", "none.csv", "--product", "CdSe"], ["xrd", "none.xy", "--wavelength-nm", "0.15"]):
        result = CliRunner().invoke(app, command)
        assert isinstance(result.exception, ColumnFileError)
        assert result.stdout == ""
