"""Names, paths and places: a data set is found by its name, and what is not one is refused with the way out."""

import json
from pathlib import Path

import pytest

from closedloop.literature import (
    DataError,
    TableError,
    import_data,
    list_data,
    load,
    load_experiments,
    name_and_path,
)
from closedloop.literature.places import home, registered
from closedloop.recipes import Vessel

TABLE = "product,reagents,size_nm\nCdSe,CdO=0.1,3.4\n"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_an_imported_table_is_found_by_its_name_from_anywhere(
    tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.csv").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    import_data("mine", "mine.csv")
    monkeypatch.chdir("/")
    assert load_experiments("mine")[0].outcome.size_nm == 3.4
    assert [(one.name, one.path) for one in list_data()][-1] == ("mine", tmp_path / "mine.csv")
    assert [path.name for path in own_home.iterdir()] == ["datasets.json"]


def test_a_faulty_table_is_not_remembered(tmp_path: Path, own_home: Path) -> None:
    (tmp_path / "bad.csv").write_text(TABLE.replace("3.4", "x"))
    with pytest.raises(TableError, match="1 fault"):
        import_data("bad", tmp_path / "bad.csv")
    assert registered() == {}
    assert not own_home.exists()


def test_a_published_set_is_found_where_it_was_imported_from(shared_data: Path) -> None:
    import_data("pbs2019", shared_data / "pbs2019" / "full.dat")
    assert len(load_experiments("pbs2019")) == 2552


@pytest.mark.parametrize(
    ("name", "path", "way_out"),
    [
        ("gu2025", None, "closedloop data import gu2025 PATH"),
        ("cdse2023", None, "did you mean 'cdse2022'"),
        ("nothing", None, "use one of agnp2021"),
        ("cdse2022", "x.csv", "takes no path"),
        ("absent.csv", None, "no such file"),
        ("notes.txt", None, "save it as one of"),
        (300 * "a", None, "use one of agnp2021"),
        (f"{300 * 'a'}.csv", None, "File name too long"),
    ],
)
def test_what_cannot_be_found_says_what_to_do(name: str, path: str | None, way_out: str) -> None:
    with pytest.raises(DataError, match=way_out):
        load(name, path)


@pytest.mark.parametrize("name", ["cdse2022", "../x", ""])
def test_names_that_cannot_be_given(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine.csv").write_text(TABLE)
    with pytest.raises(DataError):
        import_data(name, tmp_path / "mine.csv")


def test_a_damaged_list_of_places_is_named(own_home: Path) -> None:
    own_home.mkdir()
    (own_home / "datasets.json").write_text("{")
    with pytest.raises(DataError, match=r"datasets\.json.*mend or delete"):
        load("mine")
    (own_home / "datasets.json").write_text(json.dumps(["mine"]))
    with pytest.raises(DataError, match=r"datasets\.json"):
        list_data()


def test_the_home_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert home() == tmp_path / "home"
    monkeypatch.delenv("CLOSEDLOOP_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert home() == Path("/data/closedloop")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert home() == Path.home() / ".local" / "share" / "closedloop"


def test_pbs2019_volumes_become_amounts(shared_data: Path) -> None:
    loaded = load("pbs2019", shared_data / "pbs2019")  # a folder, as for gu2025, or the file itself
    assert loaded.experiments == load("pbs2019", shared_data / "pbs2019" / "full.dat").experiments
    first = loaded.experiments[0]
    amounts = {(reagent.name, reagent.vessel): reagent.amount_mmol for reagent in first.recipe.reagents}
    # 19 mL of oleic acid of 0.895 g/mL and 282.47 g/mol; 15 mL and 8 mL of octadecene of 0.789 g/mL and 252.49 g/mol.
    assert amounts["oleic acid", Vessel.FLASK] == pytest.approx(60.2, abs=0.05)
    assert amounts["octadecene", Vessel.FLASK] == pytest.approx(46.9, abs=0.05)
    assert amounts["octadecene", Vessel.SYRINGE] == pytest.approx(25.0, abs=0.05)
    assert amounts["unnamed additive (column 7)", None] is None
    assert first.outcome.observables["first_exciton_nm"] == 2061
    assert first.outcome.observables["peak_to_valley_ratio"] == 3.24
    assert first.outcome.size_nm is None
    assert loaded.repairs["volume to mmol"] == 4 * 2552 + sum(
        "oleylamine" in str(one.recipe.reagents) for one in loaded.experiments
    )
    assert any("µL" in note for note in loaded.notes)


@pytest.mark.parametrize(
    ("damage", "what"), [(lambda text: text[: len(text) // 2], "line|runs"), (lambda text: "x" + text, "line 1")]
)
def test_a_damaged_pbs2019_is_refused(shared_data: Path, tmp_path: Path, damage, what: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "full.dat").write_text(damage((shared_data / "pbs2019" / "full.dat").read_text()))
    with pytest.raises(DataError, match=what):
        load("pbs2019", tmp_path / "full.dat")


@pytest.mark.parametrize(
    ("given", "name", "path"),
    [
        ("cdse2022", "cdse2022", None),
        ("gu2025=folder/of mine", "gu2025", "folder/of mine"),
        ("gu2025=runs=1/a.csv", "gu2025", "runs=1/a.csv"),
        ("there=1.csv", "there=1.csv", None),
        ("runs=1/there.csv", "runs=1/there.csv", None),
        ("./gone=1.csv", "./gone=1.csv", None),
        ("x.csv=", "x.csv=", None),
        ("=x.csv", "=x.csv", None),
        (f"{300 * 'a'}=x.csv", 300 * "a", "x.csv"),
    ],
)
def test_a_name_with_a_path_is_told_from_a_path_with_an_equals_sign(
    given: str, name: str, path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs=1").mkdir()
    for table in ("there=1.csv", "runs=1/there.csv"):
        (tmp_path / table).write_text("")
    assert name_and_path(given) == (name, path)
