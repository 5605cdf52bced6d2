"""How the console script ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from closedloop import __version__
from closedloop.campaign import only_runner
from closedloop.campaign.reading import find_campaign
from closedloop.cli import main
from closedloop.store import Store

SCRIPT = "from closedloop.cli import main; main()"


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["closedloop", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_an_interruption_is_said_and_has_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("closedloop.store.Store.open", interrupted)
    assert _run(monkeypatch, "models", "list") == 130
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "stopped\n")


def test_the_version_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"closedloop {__version__}\n"


def test_only_what_goes_on_is_said_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("closedloop.synthesis.evaluation.evaluate", interrupted)
    command = ("evaluate", "synthesis", "--data", "cdse2022", "--model", "median")
    assert _run(monkeypatch, *command) == 130
    assert capsys.readouterr().err == "stopped\n"
    assert _run(monkeypatch, *command, "--out", str(tmp_path)) == 130
    kept = "what was done is kept: run the same command again to go on"
    assert capsys.readouterr().err.splitlines() == [kept, "stopped"]


@pytest.mark.parametrize(
    "interrupted",
    [
        'name == "closedloop.cli.tem"',
        # The first import of all, but for what holds `main` and what lies inside Python.
        "name not in ('closedloop', 'closedloop.cli', 'closedloop.cli.entry', *sys.builtin_module_names)",
    ],
)
def test_an_interruption_while_the_program_is_read_is_no_traceback(interrupted: str) -> None:
    script = f"""
import sys
class Interrupted:
    def find_spec(self, name, path, target=None):
        if {interrupted}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
{SCRIPT}
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "stopped\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("arguments", [("chemistry", "show", "CdO", "--json"), ("data", "list"), ("--help",)])
def test_a_full_disk_is_one_line(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", SCRIPT, *arguments]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    assert ended.returncode == 2
    (said,) = ended.stderr.splitlines()
    assert said.startswith("DiskFull: ")
    assert said.endswith("(No space left on device); make room, or write to another disk")


def test_a_reader_who_has_enough_is_no_error() -> None:
    command = [sys.executable, "-c", SCRIPT, "chemistry", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait(timeout=120) == 1


@pytest.mark.parametrize(
    ("closed", "arguments", "status", "said"),
    [
        (">&-", ("--version",), 0, ""),
        (">&-", ("data", "list"), 0, ""),
        (">&-", ("chemistry", "show", "CdO", "--json"), 0, ""),
        (">&-", ("run", "no-such"), 2, "CampaignFileError: "),
        ("2>&-", ("run", "no-such"), 2, ""),
        ("<&- >&- 2>&-", ("data", "list"), 0, ""),
    ],
)
def test_a_closed_stream_takes_all(closed: str, arguments: tuple[str, ...], status: int, said: str) -> None:
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", SCRIPT, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (ended.returncode, ended.stdout) == (status, ""), ended.stderr
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == bool(said)


def test_a_wrong_option_goes_to_standard_error_with_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "models", "list", "--nonsense") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "--nonsense" in said.err
    assert "stopped" not in said.err


@pytest.mark.parametrize(("budget", "noted"), [(["--budget", "3"], True), (["--budget", "9"], False), ([], False)])
def test_a_budget_that_cannot_hold_the_hits_is_noted_before_anything_is_made(
    budget: list[str],
    noted: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("endless.yaml").write_text(find_campaign("cdse")[1] + "hits_wanted: 9\n")
    with only_runner(Store.open("sqlite:///lab.db")):
        assert _run(monkeypatch, "run", "endless.yaml", "--store", "sqlite:///lab.db", *budget) == 2
    said = capsys.readouterr()
    note = "note: 9 hits need 9 experiments; the budget is 3, so this run can only begin the campaign\n"
    assert said.err.startswith(note if noted else "CampaignBusy")
