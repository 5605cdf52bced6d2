"""Finished runs kept in a folder, one file each, so that an interrupted study goes on where it stopped.

A run is found again by a hash of the pool with its outcomes, of what was known before, of the settings, and of the
program and the libraries that decide it: another version's run is done anew.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path

import closedloop
from closedloop.campaign.dryrun.pool import Pool
from closedloop.campaign.dryrun.replay import Run
from closedloop.campaign.dryrun.strategies import Known
from closedloop.synthesis.evaluation.shelf import versions, writable
from closedloop.whole_files import write_whole

# What decides a run: the values, what chemicals are, how the pool is read and replayed, and the strategy's own parts.
# What was learned from literature is in the key by its content.
_COMMON = (
    "recipes",
    "chemistry",
    *(f"campaign/dryrun/{name}" for name in ("pool.py", "features.py", "replay.py", "strategies/base.py")),
)
_OWN = {
    "closedloop": ("strategies/closedloop.py", "population.py"),
    "random": ("strategies/random_choice.py",),
    "nearest": ("strategies/nearest.py",),
    "gp": ("strategies/plain_gp.py", "plain.py"),
    "extra-trees": ("strategies/extra_trees.py", "plain.py"),
    "baybe": ("strategies/by_baybe.py",),
}
# The same where recipes are designed: a designer reads the space, and closedloop's own is the whole proposer.
_COMMON_DESIGNING = (
    "recipes",
    "chemistry",
    "propose",
    *(f"campaign/dryrun/{name}" for name in ("simulated.py", "designers/base.py", "designers/parameters.py")),
)
_OWN_DESIGNING = {
    "closedloop": ("designers/proposer.py", "../precedents.py", "../../synthesis", "../../literature"),
    "random": ("designers/random_recipes.py",),
    "gp": ("designers/plain.py", "plain.py"),
    "extra-trees": ("designers/plain.py", "plain.py"),
    "baybe": ("designers/by_baybe.py",),
    "ax": ("designers/by_ax.py",),
}
_SUFFIXES = (".py", ".csv", ".safetensors")
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "botorch", "gpytorch", "baybe", "ax-platform")


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
        digest = hashlib.sha256(self._common + program(strategy))
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


@cache
def program(strategy: str, *, designs: bool = False) -> bytes:
    """A hash of the code and the libraries that decide a strategy's run."""
    digest = hashlib.sha256()
    root = Path(closedloop.__file__).parent
    common, own = (_COMMON_DESIGNING, _OWN_DESIGNING) if designs else (_COMMON, _OWN)
    for part in (*common, *(f"campaign/dryrun/{part}" for part in own[strategy])):
        place = (root / part).resolve()
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.suffix in _SUFFIXES:
                digest.update(str(path.relative_to(place.parent)).encode() + path.read_bytes())
    digest.update(versions(_LIBRARIES))
    return digest.digest()
