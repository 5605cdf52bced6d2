"""Bad input from outside: one named line on standard error, exit status 2, and nothing written."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from closedloop.campaign.reading import find_campaign
from closedloop.cli import main
from closedloop.cli.output import STDERR, STDOUT
from closedloop.store import Store

CAMPAIGN = find_campaign("cdse")[1]
LAB = """\
name: bench
hotplate: plate
handler: arm
instruments: {plate: {driver: ika-hotplate, url: /dev/null}, arm: {driver: person}}
stocks: []
"""


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CLOSEDLOOP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CLOSEDLOOP_STORE", raising=False)
    return folder


def _refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> str:
    """Runs the command in an empty folder; the message, once all that must hold of it has been checked."""
    before = sorted(Path().rglob("*"))
    monkeypatch.setattr(sys, "argv", ["closedloop", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert shown.out == ""
    assert shown.err.count("\n") == 1, shown.err
    assert shown.err.startswith(f"{name}: "), shown.err
    assert "Traceback" not in shown.err
    assert sorted(Path().rglob("*")) == before
    return shown.err


def _file(content: str | bytes, name: str = "campaign.yaml") -> str:
    path = Path("..") / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CAMPAIGN + "colour: red\n", "colour"),
        (CAMPAIGN.replace("size_nm: 4.0", "size_nm: 40000"), "impossible"),
        (CAMPAIGN.replace("size_nm: 4.0", "size_nm: -4.0"), "size_nm"),
        (CAMPAIGN.replace("product: CdSe", "product: PbS"), "Pb"),
        (CAMPAIGN.replace("name: selenium", "name: selenum"), "selenium"),
        (CAMPAIGN.replace("max_temperature_c: 320", "max_temperature_c: 20"), "max_temperature_c"),
        ("{{{", "not YAML"),
        (bytes(range(256)), "UTF-8"),
    ],
)
def test_a_faulty_campaign(
    content: str | bytes, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in _refused(["run", _file(content)], monkeypatch, capsys, "CampaignFileError")


def test_a_campaign_that_does_not_exist(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cdse" in _refused(["run", "no-such"], monkeypatch, capsys, "CampaignFileError")


def test_a_store_that_is_read_only(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (empty_folder / "shelf").mkdir(mode=0o555)
    _refused(["run", "--store", "sqlite:///shelf/lab.db"], monkeypatch, capsys, "StoreReadOnly")


# Each is asked about a place below the folder {0} or of the name {0}.
PLACES = [
    (["data", "import", "pbs2019", "{0}"], "DataError"),
    (["data", "import", "gu2025", "{0}"], "DataError"),
    (["evaluate", "synthesis", "--data", "{0}"], "DataError"),
    (["evaluate", "synthesis", "--data", "{0}.csv"], "DataError"),
    (["evaluate", "synthesis", "--data", "{0}=x.csv"], "DataError"),
    (["models", "list", "--store", "sqlite:///{0}"], "StoreUnreachable"),
    (["run", "--store", "sqlite:///lab.db", "--report", "{0}.html"], "ReportNotWritable"),
    (["run", "{0}"], "CampaignFileError"),
    (["run", "{0}.yaml"], "CampaignFileError"),
]


@pytest.mark.parametrize(("arguments", "name"), PLACES)
def test_a_name_that_is_too_long(
    arguments: list[str], name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _refused([each.format("a" * 300) for each in arguments], monkeypatch, capsys, name)


@pytest.mark.parametrize(("arguments", "name"), PLACES)
def test_a_folder_that_may_not_be_entered(
    arguments: list[str],
    name: str,
    empty_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shut = empty_folder / "shut"
    shut.mkdir(mode=0)
    try:
        if os.access(shut, os.X_OK):
            pytest.skip("this user may enter every folder")
        said = _refused([each.format("shut/x") for each in arguments], monkeypatch, capsys, name)
    finally:
        shut.chmod(0o755)
    assert "shut/x" in said
    # A name without a table's suffix is taken for a data set's.
    assert ("no data set is called" if arguments[-2:] == ["--data", "{0}"] else "Permission denied") in said


def test_a_file_that_the_system_refuses_is_named_where_no_room_has_named_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "s/a.db")

    monkeypatch.setattr("closedloop.store.Store.open", refused)
    assert "s/a.db: is refused (Permission denied); check" in _refused(
        ["models", "list"], monkeypatch, capsys, "FileRefused"
    )

    def ours(*_: object, **__: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("closedloop.store.Store.open", ours)
    with pytest.raises(OSError, match="Invalid argument"):
        main()


def test_a_store_that_is_no_database(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    path = _file("this is a diary", "diary.db")
    _refused(["run", "--store", f"sqlite:///{path}"], monkeypatch, capsys, "NotADatabase")


def test_a_report_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _refused(["run", "--report", "no/such/folder/report.html"], monkeypatch, capsys, "ReportNotWritable")


@pytest.mark.parametrize("report", ["lab.db", "lab.yaml", "report", "campaign.html", "lab.db.htm"])
def test_a_report_in_place_of_what_the_run_reads_or_keeps(
    report: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = _file(CAMPAIGN, "campaign.html")
    lab = _file(LAB, "lab.yaml")
    arguments = ["run", campaign, "--lab", lab, "--store", "sqlite:///../lab.db.htm", "--report", f"../{report}"]
    said = _refused(arguments, monkeypatch, capsys, "ReportNotWritable")
    assert report in said
    assert "--report" in said
    assert Path(campaign).read_text() == CAMPAIGN


def test_a_drawing_in_place_of_a_file_of_another_kind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = _file("name: bench\n", "lab.yaml")
    assert ".svg" in _refused(["chemistry", "show", "TOPO", "--svg", lab], monkeypatch, capsys, "DrawingError")
    assert Path(lab).read_text() == "name: bench\n"


def test_a_lab_file_with_faults(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = _file("name: bench\nhotplate: plate\nhandler: arm\ninstruments: {}\nstocks: []\n", "lab.yaml")
    assert "plate" in _refused(["lab", "check", lab], monkeypatch, capsys, "LabFileError")
    _refused(["run", "--lab", lab], monkeypatch, capsys, "LabFileError")
    _refused(["run", "--lab", "no-such-lab"], monkeypatch, capsys, "LabFileError")


@pytest.mark.parametrize(("command", "name"), [(["tem", "measure"], "NotAnImage"), (["tem", "scale"], "NotAnImage")])
def test_what_is_no_image(
    command: list[str], name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _refused([*command, _file("not a picture at all", "image.tif")], monkeypatch, capsys, name)


def test_images_for_an_experiment_that_does_not_exist(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _refused(["ingest", "a.tif", "--experiment", "cdse-0001"], monkeypatch, capsys, "StoreMissing")


def test_a_table_with_twelve_faults_names_them_all(
    monkeypatch: pytest.MonkeyPatch, shown_at: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    header = (
        "id,source,product,reagents,injection_temperature_c,reaction_time_min,"
        "size_nm,size_std_nm,shape,success,failure_cause,colour"
    )
    rows = [
        "1,me,CdSe,CdO=0.1,250,5,3.0,0.1,sphere,true,,",
        "1,me,CdSe,CdO=0.1,250,5,3.0,0.1,sphere,true,,",
        "2,me,CdSe,CdO=minus,250,5,3.0,0.1,sphere,true,,",
        "3,me,CdSe,CdO=-0.1,250,5,3.0,0.1,sphere,true,,",
        '4,me,CdSe,CdO=0.1,250,5,"1,000",0.1,sphere,true,,',
        "5,me,CdSe,CdO=0.1,-300,5,3.0,0.1,sphere,true,,",
        "6,me,CdSe,CdO=0.1,250,-5,3.0,0.1,sphere,true,,",
        "7,me,CdSe,CdO=0.1,250,5,inf,0.1,sphere,true,,",
        "8,me,CdSe,CdO=0.1,250,5,3.0,0.1,potato,true,,",
        "9,me,CdSe,CdO=0.1,250,5,3.0,0.1,sphere,perhaps,,",
        "10,me,CdSe,CdO=0.1,250,5,3.0,0.1,sphere,true,nothing formed,",
        "11,me,,CdO=0.1,250,5,3.0,0.1,sphere,true,,",
    ]
    path = _file("\n".join([header, *rows]) + "\n", "table.csv")
    shown_at(400)
    monkeypatch.setattr(sys, "argv", ["closedloop", "data", "check", path])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert ended.value.code == 2
    for row in range(3, 14):
        assert any(f" {row} " in line for line in shown.out.splitlines()), (row, shown.out)
    assert "colour" in shown.out
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["run", "--seed", "-5"], "--seed"),
        (["run", "--seed", "99999999999999999999"], "--seed"),
        (["evaluate", "synthesis", "--data", "cdse2022", "--model", "median", "--seed", "-1"], "--seed"),
        (["explain", "shapley", "--id", "1", "--seed", "99999999999999999999"], "--seed"),
        (["retrain", "--seed", "-1"], "--seed"),
        (["serve", "--seed", "-1"], "--seed"),
        (["serve", "--every-hours", "inf"], "--every-hours"),
        (["serve", "--every-hours", "nan"], "--every-hours"),
        (["ingest", "a.tif", "--experiment", "cdse-0001", "--nm-per-px", "nan"], "--nm-per-px"),
    ],
)
def test_an_option_out_of_its_range(
    arguments: list[str], option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["closedloop", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert (ended.value.code, shown.out) == (2, "")
    assert option in shown.err
    assert "Traceback" not in shown.err
    assert list(Path().rglob("*")) == []


def test_brackets_in_a_path_are_no_markup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown_at: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a[").mkdir()
    table = tmp_path / "a[" / "x] [bold]t.csv"
    rows = [f"{source},CdSe,CdO=0.{n + 1},{200 + n},{2 + n}" for source in "abc" for n in range(4)]
    table.write_text("\n".join(["source,product,reagents,reaction_temperature_c,size_nm", *rows]) + "\n")
    shown_at(400)
    for arguments in (
        ["data", "import", "mine", str(table)],
        ["data", "list"],
        ["evaluate", "synthesis", "--data", str(table), "--model", "median"],
    ):
        monkeypatch.setattr(sys, "argv", ["closedloop", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        assert not ended.value.code, shown.err
        assert "/x] [bold]t.csv" in shown.out + shown.err


@pytest.mark.parametrize("console", [STDERR, STDOUT])
def test_the_consoles_print_brackets_as_they_are(console: Console) -> None:
    with console.capture() as captured:
        console.print("report: r[/x] [bold].html")
    assert captured.get() == "report: r[/x] [bold].html\n"


def test_a_store_of_another_lab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lab = _file(LAB, "lab.yaml")
    for owner, arguments in (("virtual (installed)", ["--lab", lab]), ("bench", [])):
        url = f"sqlite:///../{owner}.db"
        with Store.open(url) as store:
            store.claim(owner)
        said = _refused(["run", "--store", url, *arguments], monkeypatch, capsys, "OtherLab")
        assert repr(owner) in said
        with Store.open(url) as store:
            assert store.campaign_names() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chemistry", "list", "--role", "foo"], "--role: 'foo' is not one of 'cation precursor', "),
        (["explain", "shapley", "--shape", "ball"], "--shape: 'ball' is not one of 'irregular', "),
        (["dryrun", "--shape", "ball"], "--shape: 'ball' is not one of 'irregular', "),
        (["explain", "shapley", "--of", "foo"], "--of: 'foo' is not one of size, success, shape"),
        (
            ["evaluate", "segmenter", "--images", ".", "--masks", ".", "--baseline", "foo"],
            "--baseline: 'foo' is not one of 'otsu', 'classical'\n",
        ),
        (["run", "--budget", "0"], "--budget: 0 should be greater than or equal to 1\n"),
        (["run", "--seed", "-1"], "--seed: -1 should be greater than or equal to 0\n"),
        (["run", "--seed", "1.5"], "--seed: 1.5 is no whole number; write 1 or 2\n"),
        (["run", "--budget", "1e3"], "--budget: '1e3' is not written as a whole number; write 1000\n"),
        (["run", "--budget", "-2.50e1"], "--budget: '-2.50e1' is not written as a whole number; write -25\n"),
        (["run", "--seed", "1e400"], "--seed: inf is no number; write one\n"),
        (["run", "--seed", "x"], "--seed: 'x' is no number; write the number alone"),
        (["run", "--sed", "1"], "No such option: --sed (Possible options: --seed, "),
        (["tem", "measure"], "Missing argument 'IMAGE…'; `closedloop tem measure --help`"),
        (["tem", "mesure"], "Did you mean 'measure'?; `closedloop tem --help`"),
    ],
)
def test_an_option_that_is_none_is_said_in_one_line_of_our_own(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = _refused(arguments, monkeypatch, capsys, "WrongUsage")
    assert words in said
    assert "Value error" not in said
    assert "Input should" not in said


def test_no_command_shows_what_there_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["closedloop", "tem"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert "measure" in shown.out
    assert shown.err == ""
