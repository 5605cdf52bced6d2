"""``closedloop size``: JSON to standard output alone, and named errors."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from closedloop.cli.spectra import app
from closedloop.columns import ColumnFileError


def write(path: Path, x: np.ndarray, y: np.ndarray) -> Path:
    path.write_text("".join(f"{a:.3f},{b:.5f}\n" for a, b in zip(x, y, strict=True)))
    return path


def test_absorbance(tmp_path: Path) -> None:
    x = np.arange(400.0, 750.0, 1.0)
    y = np.exp(-0.5 * ((x - 550) / 15) ** 2) + 1.5 / (1 + np.exp((x - 450) / 12))
    file = write(tmp_path / "a.csv", x, y)
    result = CliRunner().invoke(app, ["absorbance", str(file), "--product", "CdSe", "--json"])
    assert result.exit_code == 0
    size = json.loads(result.stdout)
    assert size["peak_nm"] == pytest.approx(550, abs=1)
    assert size["size_nm"] == pytest.approx(3.04, abs=0.05)
    other = CliRunner().invoke(app, ["absorbance", str(file), "--product", "CdSe", "--curve", "jasieniak2009"])
    assert other.stdout.startswith("3.1")


def test_xrd(tmp_path: Path) -> None:
    x = np.arange(20.0, 60.0, 0.05)
    file = write(tmp_path / "a.xy", x, 1000 * np.exp(-4 * np.log(2) * (x - 40) ** 2) + 20)
    result = CliRunner().invoke(app, ["xrd", str(file), "--wavelength-nm", "0.15418", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["size_nm"] == pytest.approx(10.41, rel=0.02)
    assert "10.4" in CliRunner().invoke(app, ["xrd", str(file), "--wavelength-nm", "0.15418"]).stdout


def test_errors_keep_their_name_for_the_root_command(tmp_path: Path) -> None:
    for command in (["absorbance", "none.csv", "--product", "CdSe"], ["xrd", "none.xy", "--wavelength-nm", "0.15"]):
        result = CliRunner().invoke(app, command)
        assert isinstance(result.exception, ColumnFileError)
        assert result.stdout == ""
