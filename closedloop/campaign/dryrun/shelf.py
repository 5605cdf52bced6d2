"""Finished runs kept in a folder, one file each, so that an interrupted study goes on where it stopped.

A run is found again by a hash of the pool with its outcomes, of what was known before, of the settings, and of the
program and the libraries that decide it: another version's run is done anew.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from closedloop.campaign.dryrun import designers, strategies
from closedloop.campaign.dryrun.pool import Pool
from closedloop.campaign.dryrun.replay import Run
from closedloop.campaign.dryrun.strategies import Known
from closedloop.program import program
from closedloop.synthesis.evaluation.shelf import writable
from closedloop.whole_files import write_whole

_HERE = "closedloop.campaign.dryrun"
# What neither picks, makes nor judges a recipe; of strategies only the one that runs does.
_APART = (
    *(f"{_HERE}.{name}" for name in ("executors", "shelf", "simulators", "study")),
    *(f"{_HERE}.{name}.registry" for name in ("designers", "strategies")),
    "closedloop.lab",
    "closedloop.store",
)


class Shelf:
    """``folder`` is made if it is missing. Raises `OutputNotWritable`."""

    def __init__(self, folder: Path) -> None:
        self.folder = writable(folder)

    def get(self, key: str) -> Run | None:
        """``None`` where the run is not there, or its file is damaged."""
        try:
            return Run.from_json(json.loads(self._path(key).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def put(self, key: str, run: Run) -> None:
        """Appears whole or not at all."""
        write_whole(self._path(key), json.dumps(run.as_json(), allow_nan=False))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


class Keys:
    """Names of the runs on one pool with one knowledge."""

    def __init__(self, pool: Pool, known: Known, settings: Sequence[object]) -> None:
        self._pool, self._known, self._settings = pool, known, settings

    def __call__(self, strategy: str, seed: int) -> str:
        digest = hashlib.sha256(self._common + program_key(strategy))
        digest.update(f"{strategy} {seed}".encode())
        return f"{strategy}-{seed}-{digest.hexdigest()[:20]}"

    @cached_property
    def _common(self) -> bytes:
        view, prior = self._pool.view, self._known.prior
        digest = hashlib.sha256()
        digest.update(repr((view.goal, [sorted(own.items()) for own in view.settings], self._settings)).encode())
        for recipe, result in zip(view.recipes, self._pool.results, strict=True):
            digest.update(f"{recipe.model_dump_json()}{result}".encode())
        for one in self._known.experiments:
            digest.update(one.model_dump_json().encode())
        if prior is not None:
            for values in (prior.log_value, prior.sd, prior.success, prior.shape):
                digest.update(values.tobytes())
        return digest.digest()


def program_of(strategy: str, *, designs: bool = False) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The modules that decide a strategy's run, and those that are left out of what they import: see `program`.

    What was learned from literature is in a run's key by its content.
    """
    chosen: object = designers.find(strategy) if designs else strategies.find(strategy)
    return (f"{_HERE}.{'simulated' if designs else 'replay'}", type(chosen).__module__), _APART


def program_key(strategy: str, *, designs: bool = False) -> bytes:
    """A hash of the code and the libraries that decide a strategy's run."""
    modules, apart = program_of(strategy, designs=designs)
    return program(*modules, apart=apart)
