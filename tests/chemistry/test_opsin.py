"""What is compared with OPSIN's reading, and what happens where OPSIN does not run; OPSIN itself is not needed."""

import os
import sys
from pathlib import Path

import pytest

from closedloop.chemistry import InvalidFormula
from closedloop.chemistry.build import build, main
from closedloop.chemistry.opsin import as_ions, read_names, version

DATA = Path(sys.modules["closedloop.chemistry"].__file__ or "").parent / "data"


@pytest.mark.parametrize(
    ("read", "written"),
    [
        ("[Br][Pb][Br]", "[Pb+2].[Br-].[Br-]"),
        ("[O]=[Pb]", "[Pb+2].[O-2]"),
        ("Cl[Sn](Cl)(Cl)Cl", "[Cl-].[Cl-].[Sn+4].[Cl-].[Cl-]"),
        ("OC(=O)CC", "CCC(O)=O"),
    ],
)
def test_the_same_substance_written_in_two_ways(read: str, written: str) -> None:
    assert as_ions(read) == as_ions(written) is not None


@pytest.mark.parametrize(
    ("read", "written"), [("C[Zn]C", "[CH3-].[CH3-].[Zn+2]"), ("[Hg]Cl", "Cl[Hg]Cl"), ("CCO", "COC")]
)
def test_different_substances_stay_different(read: str, written: str) -> None:
    assert as_ions(read) != as_ions(written)


def test_what_is_no_smiles_has_no_form() -> None:
    assert as_ions("") is None
    assert as_ions("C(") is None


def test_the_version_is_read_from_the_jar() -> None:
    assert version(Path("a/opsin-cli-2.9.0-jar-with-dependencies.jar")) == "OPSIN 2.9.0"


def test_a_missing_jar_and_a_missing_java_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidFormula, match="no such file"):
        read_names(tmp_path / "opsin.jar", ["ethanol"])
    (tmp_path / "opsin.jar").write_bytes(b"")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidFormula, match="java"):
        read_names(tmp_path / "opsin.jar", ["ethanol"])
    assert main(["--opsin", str(tmp_path / "none.jar")]) == 2
    assert "none.jar" in capsys.readouterr().err


def test_building_with_opsin_notes_where_it_agrees_and_drops_what_no_longer_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A stand-in for java that reads one name rightly, one wrongly, and no other.
    java = tmp_path / "java"
    java.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "for name in sys.stdin:\n    print({'oleyl alcohol': 'CCO', 'ethanol': 'OCC'}.get(name.strip(), ''))\n"
    )
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    jar = tmp_path / "opsin-cli-3.1.jar"
    jar.write_bytes(b"")
    header = (DATA / "substances.csv").read_text(encoding="utf-8").splitlines()[0]
    table = tmp_path / "substances.csv"
    table.write_text(f"{header}\nethanol,C2H6O,CCO,1,,,,solvent,,EtOH,,\n", encoding="utf-8")
    assert build(tmp_path, jar) == []
    assert "OPSIN 3.1" in table.read_text(encoding="utf-8")
    assert "46.069" in table.read_text(encoding="utf-8")
    table.write_text(f"{header}\noleyl alcohol,C2H6S,CCS,1,,,,solvent,,,OPSIN 2.9.0,\n", encoding="utf-8")
    with pytest.raises(InvalidFormula, match="oleyl alcohol: nothing says"):
        build(tmp_path, jar)
    table.write_text(f"{header}\noleyl alcohol,C2H6S,CCS,1,,,,solvent,,,by hand: a test,\n", encoding="utf-8")
    assert build(tmp_path, jar) == ["oleyl alcohol: CCO for CCS"]
