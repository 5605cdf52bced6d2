"""Finished folds kept in a folder, so that a long run that was interrupted goes on where it stopped.

A fold is found again by a hash of its experiments, the split, the model and its seed, and of the program and the
libraries that predict it: a fold that another version predicted is made anew.
"""

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from closedloop.program import program
from closedloop.recipes import ClosedloopError, Experiment
from closedloop.synthesis.evaluation.predicting import FoldPredictions
from closedloop.whole_files import whole

# Every model that can be evaluated, and what is asked of it.
PREDICTING = ("closedloop.synthesis.evaluation.predicting",)


class OutputNotWritable(ClosedloopError):
    """The folder for results cannot be made or written."""


def writable(folder: Path) -> Path:
    """The folder, made if it is missing. Raises `OutputNotWritable`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputNotWritable(f"{folder}: no folder can be made there ({error.strerror})") from error
    if not os.access(folder, os.W_OK):
        raise OutputNotWritable(f"{folder}: cannot be written; choose another folder")
    return folder


class Shelf:
    """``folder`` is made if it is missing. Raises `OutputNotWritable`."""

    def __init__(self, folder: Path) -> None:
        self._folder = writable(folder)
        self._digests: dict[int, bytes] = {}

    def key(
        self,
        experiments: Sequence[Experiment],
        train: np.ndarray,
        test: np.ndarray,
        model: str,
        seed: int,
        *,
        amounts: bool,
    ) -> str:
        """The name of a fold: the same for the same experiments in the same parts, whatever their source file."""
        digest = hashlib.sha256(self._program)
        digest.update(f"{model} {seed} {amounts} {len(train)} {len(test)}".encode())
        for i in (*train.tolist(), *test.tolist()):
            one = experiments[i]
            if id(one) not in self._digests:
                self._digests[id(one)] = hashlib.sha256(one.model_dump_json().encode()).digest()
            digest.update(self._digests[id(one)])
        # The places count too: predictions are stored by place.
        digest.update(np.ascontiguousarray(test, dtype=np.int64).tobytes())
        return f"{model}-{digest.hexdigest()[:24]}"

    def get(self, key: str) -> FoldPredictions | None:
        """``None`` where the fold is not there, or was cut short."""
        try:
            # Opened here: numpy leaves a damaged file open that it opened itself.
            with self._path(key).open("rb") as file, np.load(file, allow_pickle=False) as found:
                return FoldPredictions(**found)
        except (OSError, ValueError, TypeError, EOFError, BadZipFile):
            return None

    def put(self, key: str, fold: FoldPredictions) -> None:
        with whole(self._path(key)) as draft, draft.open("wb") as file:
            np.savez_compressed(file, **fold.arrays())  # type: ignore[arg-type]

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.npz"

    @cached_property
    def _program(self) -> bytes:
        return program(*PREDICTING)
