"""Attaching: one lab per folder, found again, outliving whoever started it; and a whole recipe made in it."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from closedloop.lab import LabConfig, MemoryLedger, NoAnswer
from closedloop.lab.bench import Bench
from closedloop.lab.executor import Executor
from closedloop.lab.preflight import check_lab
from closedloop.lab.procedure import Dispense, NewVessel, Procedure, compile_recipe
from closedloop.recipes import Reagent, Recipe, Vessel
from sim.lab import attach, shutdown
from sim.reactor import run as reactor_run
from sim.records import read_journal
from sim.world import derived_seed

ROOT = Path(__file__).parents[2]


@pytest.fixture
def directory(tmp_path):
    yield tmp_path / "lab"
    shutdown(tmp_path / "lab")


def said(directory):
    return json.loads((directory / "lab.json").read_text())


RECIPE = Recipe(
    product="CdSe",
    reagents=(
        Reagent(name="cadmium oxide", amount_mmol=0.4, vessel=Vessel.FLASK),
        Reagent(name="oleic acid", amount_mmol=3.0, vessel=Vessel.FLASK),
        Reagent(name="1-octadecene", amount_mmol=45.0, vessel=Vessel.FLASK),
        Reagent(name="selenium", amount_mmol=0.8, vessel=Vessel.SYRINGE),
        Reagent(name="trioctylphosphine", amount_mmol=3.0, vessel=Vessel.SYRINGE),
    ),
    injection_temperature_c=250.0,
    reaction_temperature_c=240.0,
    heating_rate_c_per_min=15.0,
    reaction_time_min=5.0,
)


def test_attaching_starts_a_lab_that_a_lab_file_describes(directory):
    config = LabConfig.model_validate(attach(directory, 1))
    assert all(each.ok for each in check_lab(config)), check_lab(config)
    assert config.instruments["hotplate"].options["url"] == f"socket://127.0.0.1:{said(directory)['ports']['hotplate']}"
    ports = [each.options["url"] for name, each in config.instruments.items() if name.endswith("_pump")]
    assert len(set(ports)) == len(config.stocks) == 5
    assert config.interlocks[0].above == 340
    syringes = {stock.name for stock in config.stocks if stock.injected}
    assert syringes == {stock.name for stock in config.stocks if stock.vessel is Vessel.SYRINGE}


def test_attaching_again_finds_the_same_lab(directory):
    first = attach(directory, 1)
    assert attach(directory, 1) == first
    assert len([event for event in read_journal(directory) if event["event"] == "lab started"]) == 1


def test_two_starters_at_once_find_one_lab(directory):
    found = []
    starters = [threading.Thread(target=lambda: found.append(attach(directory, 1))) for _ in range(4)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert len(found) == 4
    assert all(each == found[0] for each in found)
    # They waited for one another instead of starting processes that had to give way.
    assert (directory / "lab.log").read_text() == ""


def test_a_lab_keeps_the_seed_that_it_was_made_with(directory, caplog):
    attach(directory, 1)
    attach(directory, 2)
    assert "keeps its seed 1; 2 is not used" in caplog.text
    assert [event["seed"] for event in read_journal(directory) if event["event"] == "lab started"] == [1]


def test_a_lab_that_was_killed_is_started_again(directory, alive, wait_for):
    attach(directory, 1)
    pid = said(directory)["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not alive(pid))
    assert (directory / "lab.json").exists()
    attach(directory, 1)
    assert said(directory)["pid"] != pid
    assert [event["resumed"] for event in read_journal(directory) if event["event"] == "lab started"] == [False, True]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "token": 1}'])
def test_a_spoilt_lab_json_is_no_obstacle(directory, content):
    directory.mkdir()
    (directory / "lab.json").write_text(content)
    attach(directory, 1)
    assert said(directory)["token"]


def test_a_lab_json_that_points_to_another_lab_is_not_believed(directory, tmp_path):
    attach(directory, 1)
    other = tmp_path / "other"
    other.mkdir()
    stolen = said(directory) | {"token": "0" * 32}
    (other / "lab.json").write_text(json.dumps(stolen))
    try:
        attach(other, 1)
        assert said(other)["pid"] != stolen["pid"]
    finally:
        shutdown(other)


STARTER = """
    import sys, time
    from pathlib import Path
    from sim.lab import attach

    attach(Path(sys.argv[1]), 1)
    print("attached", flush=True)
    time.sleep(600)
"""


def test_killing_the_loop_and_its_whole_process_group_leaves_the_lab_alone(directory, alive):
    command = [sys.executable, "-c", textwrap.dedent(STARTER), str(directory)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True) as loop:
        assert loop.stdout.readline() == b"attached\n"
        os.killpg(loop.pid, signal.SIGKILL)
    before = said(directory)
    assert alive(before["pid"])
    attach(directory, 1)
    assert said(directory) == before


def test_shutting_down_ends_the_process_and_says_whether_there_was_one(directory, alive, wait_for):
    assert shutdown(directory) is False
    attach(directory, 1)
    pid = said(directory)["pid"]
    assert shutdown(directory) is True
    wait_for(lambda: not alive(pid))
    assert shutdown(directory) is False
    assert read_journal(directory)[-1]["reason"] == "it was asked to"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NoAnswer, match="choose a place that can be written"):
        attach(tmp_path / "file" / "lab", 1)


def make(directory, seed, runs):
    config = LabConfig.model_validate(attach(directory, seed))
    truths = []
    with Bench.open(config) as bench:
        for run in runs:
            Executor(bench, MemoryLedger()).run(compile_recipe(RECIPE, config, run))
    for event in read_journal(directory):
        if event["event"] == "sample":
            truths.append(event["truth"])
    return truths


def test_a_recipe_is_made_by_the_real_executor_and_repeats_with_its_seed(directory, tmp_path):
    truths = make(directory, 1, ["run-1", "run-2"])
    assert [truth["product"] for truth in truths] == ["CdSe", "CdSe"]
    # The pumps, the ramp and the executor's waiting make little difference to the flask that is simulated alone.
    for run, truth in zip(("run-1", "run-2"), truths, strict=True):
        alone = reactor_run(RECIPE, derived_seed(1, "vessel", run))
        assert truth["mean_diameter_nm"] == pytest.approx(alone.mean_diameter_nm, rel=0.05)
    # Replicates vary: the vessels of one lab differ.
    assert truths[0]["mean_diameter_nm"] != truths[1]["mean_diameter_nm"]
    dispensed = [event for event in read_journal(directory) if event["event"] == "dispense ended"]
    assert [event["reason"] for event in dispensed] == ["complete"] * 10
    again = tmp_path / "again"
    try:
        assert make(again, 1, ["run-1", "run-2"]) == truths
    finally:
        shutdown(again)


def test_a_slow_injection_does_not_let_the_hotplate_fall_asleep(directory):
    config = LabConfig.model_validate(attach(directory, 1))
    slow = [stock.model_copy(update={"rate_ml_per_min": 0.3}) if stock.injected else stock for stock in config.stocks]
    config = config.model_copy(update={"stocks": tuple(slow)})
    with Bench.open(config) as bench:
        Executor(bench, MemoryLedger()).run(compile_recipe(RECIPE, config, "run-1"))
        assert bench.instruments["hotplate"].speed_rpm() == config.stirring_rpm
    assert "watchdog" not in [event.get("reason") for event in read_journal(directory)]


@pytest.mark.parametrize("doses_ml", [[0.4, 12.0], [0.9, 0.9, 0.9, 0.9, 9.0], [0.02, 9.985]])
def test_a_large_dose_follows_small_ones_that_left_the_counter_in_microlitres(directory, doses_ml):
    config = LabConfig.model_validate(attach(directory, 1))
    doses = [Dispense(pump="solvent_pump", stock="1-octadecene", volume_ml=v, rate_ml_per_min=20) for v in doses_ml]
    steps = (NewVessel(vessel_id="run-1"), *doses)
    with Bench.open(config) as bench:
        Executor(bench, MemoryLedger()).run(Procedure(run_id="run-1", steps=steps, volumes_ml={}))
    given = [event["dispensed_ml"] for event in read_journal(directory) if event["event"] == "dispense ended"]
    assert given == pytest.approx(doses_ml)
