"""Where models come from: the shipped one, its twin, files, and training. The only file here that knows their class."""

import hashlib
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Protocol, Self

from closedloop.digests import sha256_of
from closedloop.recipes import Experiment
from closedloop.retrain.gate import Predicts
from closedloop.retrain.holdout import divide

# What the model that ships was trained on, and the seed of its training.
SHIPPED_LITERATURE = "cdse2022"
SHIPPED_SEED = 0
SUFFIX = ".safetensors"
WEIGHTS = files("closedloop.retrain").joinpath("weights")


class Trainable(Predicts, Protocol):
    """A model as this room needs it (`closedloop.synthesis.SynthesisModel`)."""

    def fine_tune(self, experiments: Sequence[Experiment], *, weights: Sequence[float], seed: int) -> Self: ...

    def save(self, path: Path) -> None:
        """One file, whole or not at all."""


class Maker(Protocol):
    """Gives models; tests have one of their own."""

    suffix: str

    def shipped(self) -> Trainable:
        """The weights that ship with the package, in service until a store has a champion."""

    def shipped_twin(self, cache: Path) -> Trainable:
        """The same, trained without the held-out literature; ``cache`` is a folder where it may be kept."""

    def load(self, path: Path) -> Trainable: ...


class SynthesisMaker:
    """The real models. Imports torch when it is first asked for one."""

    suffix = SUFFIX

    def shipped(self) -> Trainable:
        from closedloop.synthesis import SynthesisModel

        return SynthesisModel.default()

    def shipped_twin(self, cache: Path) -> Trainable:
        """From the package where it has the twin of this literature, else trained (half a minute) and kept."""
        from closedloop.synthesis import SynthesisModel

        training = shipped_training()
        name = twin_name(training)
        shipped = WEIGHTS.joinpath(name)
        if shipped.is_file():
            with as_file(shipped) as path:
                return SynthesisModel.load(path)
        kept = cache / name
        if not kept.is_file():
            cache.mkdir(parents=True, exist_ok=True)
            SynthesisModel.fit(training, seed=SHIPPED_SEED).save(kept)
        return SynthesisModel.load(kept)

    def load(self, path: Path) -> Trainable:
        from closedloop.synthesis import SynthesisModel

        return SynthesisModel.load(path)


def shipped_training() -> list[Experiment]:
    """What the shipped model's twin learns from: the shipped literature without the sources held out."""
    from closedloop.literature import load_experiments

    return divide(load_experiments(SHIPPED_LITERATURE))[0]


def twin_name(training: Sequence[Experiment]) -> str:
    """The file name says what it was trained on and whose twin it is, so that no other is ever taken for it."""
    from closedloop.synthesis.model import DEFAULT_WEIGHTS

    whose = sha256_of(DEFAULT_WEIGHTS)
    return f"twin-{digest(training)[:12]}-{whose[:12]}{SUFFIX}"


def digest(experiments: Sequence[Experiment], weights: Sequence[float] = ()) -> str:
    """SHA-256 over the experiments in order, and their weights."""
    total = hashlib.sha256()
    for one in experiments:
        total.update(one.model_dump_json().encode() + b"\n")
    total.update(repr(list(weights)).encode())
    return total.hexdigest()
