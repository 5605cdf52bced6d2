"""A whole course of training: folders -> a network that has learned to see and to judge, its scores, its file.

Leaves the steps to `train`, what judges particles to `teaching`, and what a user may ask for to the command.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from closedloop.recipes import ClosedloopError
from closedloop.tem.learning.credit import CREDIBILITY
from closedloop.tem.learning.folders import UnusableTrainingFolder, read_folder, read_unlabelled, sources, split
from closedloop.tem.learning.judgement import COMPANY
from closedloop.tem.learning.pretrained import start_from_imagenet
from closedloop.tem.learning.samples import Group, Sample
from closedloop.tem.learning.teaching import teach
from closedloop.tem.learning.train import Schedule, train
from closedloop.tem.metrics import average, compare
from closedloop.tem.network import ParticleNet
from closedloop.tem.neural import segment_with_network
from closedloop.tem.segmenter import resolve_device
from closedloop.tem.weights import SHIPPED, about, save_weights, trainable

IMAGENET, FROM_SHIPPED = "imagenet", "shipped"
_WEAK_SHARE = 0.3  # of a folder with labels
_WORSE = 0.005  # mean AP on the frozen test; less may be chance


class WorseOnFrozenTest(ClosedloopError):
    """Fine-tuned weights are worse on the frozen test; they were not written."""


class Watch(Protocol):
    """Is told how far training is."""

    def __call__(self, step: int, steps: int, misfit: float | None = None) -> None: ...


@dataclass(frozen=True)
class Course:
    """What is learned from, how, and where it goes.

    out: the file of weights, beside which the checkpoint lies. folders: with how much of what is learned from each is,
    relative to the others. start: `IMAGENET`, `FROM_SHIPPED` or a file of weights.
    schedule: ``None`` teaches only what judges particles. hold_out: share of the folders' sources that is only tested
    on. frozen: for fine-tuning, a folder that the weights must not be worse on than the shipped ones; nothing else is
    held out then, and the judges stay as they were. unlabelled: images that get weak labels.
    """

    out: Path
    folders: Sequence[tuple[Path, float]]
    start: str
    schedule: Schedule | None
    hold_out: float
    seed: int
    device: str
    frozen: Path | None = None
    unlabelled: Path | None = None


@dataclass(frozen=True)
class Tested:
    """What the network was tested on, and its mean scores there (`closedloop.tem.metrics`)."""

    folder: Path
    scores: dict[str, float]


def follow(course: Course, tell: Callable[[str], None], watch: Callable[[str], Watch]) -> list[Tested]:
    """Trains, tests and writes ``course.out``, whole or not at all; one that was stopped goes on from its checkpoint.

    tell: of what was read and tested, a line each. watch: asked for who is told of "step" and "picture".

    Raises `UnusableTrainingFolder`, `NotAnImage`, `UnreadableWeights`, `UnknownDevice`, `UnusableCheckpoint`,
    `WorseOnFrozenTest`.
    """
    groups, held = _read(course, tell)
    device = resolve_device(course.device)
    net = _begun(course.start)
    rounds = [] if course.start == IMAGENET else rounds_of(_file_of(course.start))
    given = [len(group.samples) for group in groups]
    if course.unlabelled is not None:
        groups.append(_weakly_labelled(course, course.unlabelled, tell))
    before = None if course.frozen is None else _score(_begun(FROM_SHIPPED), held[0][1])
    checkpoint = course.out.with_suffix(".checkpoint")
    if course.schedule is not None:
        seed, kept = course.seed, checkpoint
        net = train(net, groups, course.schedule, seed=seed, device=device, checkpoint=kept, progress=watch("step"))
    if course.frozen is None:
        for lesson in (CREDIBILITY, COMPANY):
            teach(lesson, net, groups, seed=course.seed, device=device, progress=watch("picture"))
    tested = [Tested(folder, _score(net, samples)) for folder, samples in held if samples]
    for one in tested:
        tell(f"{one.folder}, held out: " + ", ".join(f"{name} {value:.3f}" for name, value in one.scores.items()))
    if before is not None and tested[0].scores["mean_AP"] < before["mean_AP"] - _WORSE:
        checkpoint.unlink(missing_ok=True)
        raise WorseOnFrozenTest(
            f"mean AP on the frozen test fell from {before['mean_AP']:.3f} to {tested[0].scores['mean_AP']:.3f}; "
            "nothing was written; correct more images, or check the corrections"
        )
    save_weights(course.out, net, {"rounds": [*rounds, _round(course, given, tested)]})
    checkpoint.unlink(missing_ok=True)
    return tested


def _read(course: Course, tell: Callable[[str], None]) -> tuple[list[Group], list[tuple[Path, list[Sample]]]]:
    """(to train on, to test on)."""
    groups: list[Group] = []
    held: list[tuple[Path, list[Sample]]] = []
    for folder, share in course.folders:
        samples = read_folder(folder)
        kept, tested = split(samples, sources(folder), 0.0 if course.frozen is not None else course.hold_out)
        if not kept:
            raise UnusableTrainingFolder(
                f"{folder}: every image would be held out; give more images or a smaller --hold-out"
            )
        groups.append(Group(kept, share))
        held.append((folder, tested))
        tell(f"{folder}: {len(kept)} images to train on, {len(tested)} held out")
    return groups, held if course.frozen is None else [(course.frozen, read_folder(course.frozen))]


def _weakly_labelled(course: Course, folder: Path, tell: Callable[[str], None]) -> Group:
    # The detector is a network that already knows particles: the one to start from, or the shipped one.
    detector = _begun(FROM_SHIPPED if course.start == IMAGENET else course.start).ready()
    weak = read_unlabelled(folder, detector)
    tell(f"{folder}: {len(weak)} images with weak labels")
    return Group(weak, _WEAK_SHARE * sum(share for _, share in course.folders) / len(course.folders))


def rounds_of(weights: Path) -> list[dict[str, Any]]:
    """The courses by which the weights of a file came to be, oldest first, each with its data, steps, rate, seed, start
    and scores. Where the first did not start from ImageNet, it is not known what was before: files once told of their
    last course alone. Raises `UnreadableWeights`."""
    said = about(weights)
    rounds: list[dict[str, Any]] = said.get("rounds", [said] if said else [])
    return rounds


def _round(course: Course, given: Sequence[int], tested: Sequence[Tested]) -> dict[str, Any]:
    """What this course adds. Names of folders alone: whoever gets the file has no use for this machine's."""
    return {
        "data": [
            {"folder": folder.name, "images": count, "share": share}
            for (folder, share), count in zip(course.folders, given, strict=True)
        ],
        "steps": 0 if course.schedule is None else course.schedule.steps,
        "rate": 0.0 if course.schedule is None else course.schedule.rate,
        "seed": course.seed,
        "start": Path(course.start).name,
        "held_out": [{"folder": one.folder.name, **one.scores} for one in tested],
    }


def _begun(start: str) -> ParticleNet:
    if start == IMAGENET:
        net = ParticleNet()
        start_from_imagenet(net)
        return net
    return trainable(_file_of(start))


def _file_of(start: str) -> Path:
    return SHIPPED if start == FROM_SHIPPED else Path(start)


def _score(net: ParticleNet, samples: Sequence[Sample]) -> dict[str, float]:
    looking = copy.deepcopy(net).ready()
    return average([compare(np.maximum(one.labels, 0), segment_with_network(one.light, looking)) for one in samples])
