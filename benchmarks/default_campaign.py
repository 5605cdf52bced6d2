"""The default campaign as a newcomer runs it: time, stop reason, and the best size against the lab's hidden truth.

python benchmarks/default_campaign.py [--seeds 5]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from conditions import conditions

from sim.lab import shutdown
from sim.records import read_journal


def one(seed: int, folder: Path) -> dict:
    """One run in an empty folder; sizes in nm, time in s of the whole process."""
    begun = time.monotonic()
    finished = subprocess.run(
        [
            str(Path(sys.executable).with_name("closedloop")), "run", "--seed", str(seed), "--json",
            "--store", f"sqlite:///{folder}/lab.db", "--report", f"{folder}/report.html",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds = time.monotonic() - begun
    if finished.returncode:
        return {"seed": seed, "exit_status": finished.returncode, "error": finished.stderr.strip()[-500:]}
    result = json.loads(finished.stdout)
    lab = folder / "lab.db.files" / "virtual-lab"
    shutdown(lab)
    truth = {e["sample_id"]: e["truth"]["mean_diameter_nm"] for e in read_journal(lab) if e["event"] == "sample"}
    measured = {e["id"]: e["size_nm"] for e in result["experiments"] if e["size_nm"] and e["success"]}
    errors = {name: size / truth[name] - 1 for name, size in measured.items() if truth.get(name)}
    best = result["best"]
    return {
        "seed": seed,
        "exit_status": 0,
        "seconds": round(seconds, 1),
        "experiments": len(result["experiments"]),
        "hit": result["hit"],
        "stopped_because": result["stopped_because"],
        "best_nm": best and best["size_nm"],
        "best_truth_nm": best and truth.get(best["id"]),
        "best_error": best and errors.get(best["id"]),
        "median_error_of_all": statistics.median(map(abs, errors.values())) if errors else None,
        "worst_error_of_all": max(map(abs, errors.values())) if errors else None,
        "report_bytes": (folder / "report.html").stat().st_size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    print(conditions(f"0 to {arguments.seeds - 1}"), flush=True)
    results = []
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            results.append(one(seed, Path(folder)))
        print(json.dumps(results[-1]), flush=True)
    good = [result for result in results if result["exit_status"] == 0]
    hits = sum(result["hit"] for result in good)
    worst = max((abs(result["best_error"]) for result in good if result["best_error"] is not None), default=None)
    slowest = max((result["seconds"] for result in good), default=None)
    print(f"{len(good)} of {len(results)} ended well, {hits} hit; slowest {slowest} s; worst error of a best {worst}")


if __name__ == "__main__":
    main()
