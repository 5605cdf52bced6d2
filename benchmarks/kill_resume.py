"""Kills a run at a random moment and starts it again, many times: is anything lost, made twice or poured twice?

    python benchmarks/kill_resume.py [--runs 20] [--budget 4] [--kills 1]

Judged by the virtual lab's own journal, which the loop never reads: the lifetime counter of each pump, the vessels
and the samples.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from conditions import conditions

from closedloop.campaign import canonical_lab
from closedloop.lab import Dispense, LabConfig, compile_recipe
from closedloop.store import ExperimentRecord, State, Store
from sim.lab import attach, shutdown
from sim.records import read_journal

# Volumes are dispensed to 1%; a second dose would be 100% over.
TOLERANCE = 0.02


def command(folder: Path, seed: int, budget: int) -> list[str]:
    return [
        str(Path(sys.executable).with_name("closedloop")), "run", "cdse",
        "--store", f"sqlite:///{folder}/lab.db", "--seed", str(seed), "--budget", str(budget),
        "--report", f"{folder}/report.html", "--json",
    ]  # fmt: skip


def at_work(folder: Path) -> bool:
    """Whether the lab is up."""
    return (folder / "lab.db.files" / "virtual-lab" / "lab.json").exists()


def making(folder: Path) -> bool:
    """Whether the first vessel is in place; half of the kills count from here, since proposing takes long."""
    return any(event["event"] == "vessel" for event in read_journal(folder / "lab.db.files" / "virtual-lab"))


def run_with_kills(folder: Path, seed: int, budget: int, kills: int, longest_s: float) -> dict:
    """Starts the run, kills it ``kills`` times at random moments, and lets the last start end by itself."""
    rng = random.Random(seed)
    killed_at = []
    for _ in range(kills):
        process = subprocess.Popen(
            command(folder, seed, budget), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        begun = making if seed % 2 else at_work
        while not begun(folder) and process.poll() is None:
            time.sleep(0.05)
        moment = rng.uniform(0, longest_s)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed_at.append(round(moment, 1))
    last = subprocess.run(command(folder, seed, budget), capture_output=True, text=True, check=False)
    faults = [] if last.returncode == 0 else [f"exit status {last.returncode}: {last.stderr.strip()[-300:]}"]
    if not faults:
        json.loads(last.stdout)
    store = Store.open(f"sqlite:///{folder}/lab.db", create=False)
    experiments = store.experiments("cdse")
    lab = canonical_lab(LabConfig.model_validate(attach(folder / "lab.db.files" / "virtual-lab", seed)))
    faults += judge(experiments, lab, folder / "lab.db.files" / "virtual-lab")
    shutdown(folder / "lab.db.files" / "virtual-lab")
    states = Counter(
        str(r.outcome.failure_cause) if r.outcome and r.outcome.failure_cause else r.state.value for r in experiments
    )
    return {"seed": seed, "killed_after_s": killed_at, "experiments": dict(states), "faults": faults}


def judge(experiments: list[ExperimentRecord], lab: LabConfig, directory: Path) -> list[str]:
    """Every way in which the journal and the store disagree about what was made."""
    faults = [f"{r.id} is left {r.state}" for r in experiments if r.state.is_open]
    numbers = [record.number for record in experiments]
    if numbers != list(range(1, len(numbers) + 1)):
        faults.append(f"experiments are missing: {numbers}")
    journal = read_journal(directory)
    vessels = Counter(event["vessel_id"] for event in journal if event["event"] == "vessel")
    samples = Counter(event["sample_id"] for event in journal if event["event"] == "sample")
    faults += [f"{name} was made in {count} vessels" for name, count in vessels.items() if count > 1]
    faults += [f"{name} was sampled {count} times" for name, count in samples.items() if count > 1]
    poured: dict[tuple[str, str], float] = defaultdict(float)
    counter: dict[str, float] = defaultdict(float)
    for event in journal:
        if event["event"] == "dispense ended":
            poured[event["vessel_id"], event["pump"]] += event["lifetime_ml"] - counter[event["pump"]]
            counter[event["pump"]] = event["lifetime_ml"]
    for record in experiments:
        if record.id not in vessels:
            continue
        for step in compile_recipe(record.recipe, lab, record.id).steps:
            if isinstance(step, Dispense):
                given = poured[record.id, step.pump]
                if given > step.volume_ml * (1 + TOLERANCE) + 0.01:
                    faults.append(f"{record.id}: {given:.3f} mL of {step.stock} instead of {step.volume_ml:.3f} mL")
                finished = record.id in samples
                if finished and given < step.volume_ml * (1 - TOLERANCE) - 0.01:
                    faults.append(f"{record.id}: only {given:.3f} mL of {step.stock}, {step.volume_ml:.3f} mL asked")
        if record.state is State.CLOSED and record.id not in samples:
            faults.append(f"{record.id} is closed but was never sampled")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--budget", type=int, default=4)
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--longest-s", type=float, default=20.0, help="latest moment of a kill after the lab is up")
    arguments = parser.parse_args()
    print(conditions(f"{arguments.first_seed} to {arguments.first_seed + arguments.runs - 1}"), flush=True)
    faulty = 0
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.runs):
        with tempfile.TemporaryDirectory() as folder:
            result = run_with_kills(Path(folder), seed, arguments.budget, arguments.kills, arguments.longest_s)
        faulty += bool(result["faults"])
        print(json.dumps(result), flush=True)
    print(f"{arguments.runs - faulty} of {arguments.runs} runs ended whole, nothing lost, made twice or poured twice")
    sys.exit(1 if faulty else 0)


if __name__ == "__main__":
    main()
