"""The line that every benchmark prints first: machine, commit, data and seed, so that a figure can be made again."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path


def conditions(seed: int | str, data: Iterable[Path] = ()) -> str:
    """One line; ``data`` are the files that the figure was computed from."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    dirty = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=False).stdout.strip()
    digest = hashlib.sha256()
    files = sorted(data)
    for path in files:
        digest.update(path.read_bytes())
    hashed = f", data {digest.hexdigest()[:12]}" if files else ""
    state = "+changes" if dirty else ""
    return (
        f"{platform.machine()} with {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, "
        f"commit {commit.stdout.strip() or 'unknown'}{state}{hashed}, seed {seed}"
    )
