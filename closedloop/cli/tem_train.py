"""``closedloop tem train``: the segmenter's weights from folders of images and label images."""

import copy
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closedloop.recipes import ClosedloopError

if TYPE_CHECKING:
    from closedloop.tem.learning.samples import Sample
    from closedloop.tem.network import ParticleNet


_WEAK_SHARE = 0.3  # of a folder with labels


class CannotTrain(ClosedloopError):
    """What was asked of training cannot be done."""


class WorseOnFrozenTest(ClosedloopError):
    """Fine-tuned weights are worse on the frozen test; they were not written."""


def train(
    out: Annotated[Path, typer.Option(help="Write the weights here (.safetensors).")],
    data: Annotated[
        list[Path] | None,
        typer.Option(help="A folder with “images” and “masks”, and “sources.csv” where known; may be repeated."),
    ] = None,
    finetune: Annotated[
        Path | None,
        typer.Option(help="A folder of corrected images: start from the shipped weights and stay near them."),
    ] = None,
    frozen: Annotated[
        Path | None, typer.Option(help="With --finetune: a folder that the new weights must not be worse on.")
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            help="A folder of images without labels; what network and threshold agree on becomes weak labels."
        ),
    ] = None,
    start: Annotated[str, typer.Option(help="imagenet, shipped, or a file of weights.")] = "imagenet",
    hold_out: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of the sources that is only tested on.")
    ] = 0.2,
    steps: Annotated[
        int | None,
        typer.Option(
            min=0, help="Training steps of 12 crops; 4300, or 200 to fine-tune. 0: only what judges particles."
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=1e-9, help="Highest step of the weights; 1.5e-3, or 2e-4 to fine-tune.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Repeatable from this number.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Train the segmenter. An interrupted run goes on where it stopped when the same command is given again."""
    if (finetune is None) == (not data):
        raise CannotTrain("give either --data FOLDER (once or more) or --finetune FOLDER")
    learned = steps != 0
    if not learned and (finetune is not None or start == "imagenet"):
        raise CannotTrain("--steps 0 teaches only what judges particles: give --data and --start shipped or a file")
    if out.suffix != ".safetensors" or not out.parent.is_dir():
        raise CannotTrain(f"--out {out}: give a name that ends with .safetensors in a folder that exists")
    from closedloop.tem.learning.credit import CREDIBILITY
    from closedloop.tem.learning.folders import read_folder, read_unlabelled, sources, split
    from closedloop.tem.learning.judgement import COMPANY
    from closedloop.tem.learning.samples import Group
    from closedloop.tem.learning.teaching import teach
    from closedloop.tem.learning.train import Schedule
    from closedloop.tem.learning.train import train as learn
    from closedloop.tem.segmenter import resolve_device
    from closedloop.tem.weights import save_weights

    folders = [finetune] if finetune is not None else list(data or [])
    groups: list[Group] = []
    held: list[tuple[Path, list[Sample]]] = []
    for folder in folders:
        samples = read_folder(folder)
        kept, tested = split(samples, sources(folder), 0.0 if finetune is not None else hold_out)
        if not kept:
            raise CannotTrain(f"{folder}: every image would be held out; give more images or a smaller --hold-out")
        groups.append(Group(kept, 1.0))
        held.append((folder, tested))
        print(f"{folder}: {len(kept)} images to train on, {len(tested)} held out", file=sys.stderr)
    chosen_device = resolve_device(device)
    net, before = _start("shipped" if finetune is not None else start), None
    if unlabelled is not None:
        # The detector is a network that already knows particles: the one to start from, or the shipped one.
        detector = _start("shipped" if start == "imagenet" else start).ready()
        weak = read_unlabelled(unlabelled, detector)
        groups.append(Group(weak, _WEAK_SHARE))
        print(f"{unlabelled}: {len(weak)} images with weak labels", file=sys.stderr)
    if finetune is not None:
        held = [(frozen, read_folder(frozen))] if frozen is not None else [_shipped_test()]
        before = _score(_start("shipped"), held[0][1])
    schedule = (
        Schedule(steps=steps or 200, rate=rate or 2e-4, towards_start=0.05)
        if finetune is not None
        else Schedule(steps or Schedule.steps, rate=rate or Schedule.rate)
    )
    checkpoint = out.with_suffix(".checkpoint")
    if learned:
        net = learn(
            net,
            groups,
            schedule,
            seed=seed,
            device=chosen_device,
            checkpoint=checkpoint,
            progress=_Progress(),
        )
    if finetune is None:
        for lesson in (CREDIBILITY, COMPANY):
            teach(lesson, net, groups, seed=seed, device=chosen_device, progress=_Progress("picture"))
    scores = [(folder, _score(net, samples)) for folder, samples in held if samples]
    for folder, score in scores:
        print(f"{folder}, held out: " + ", ".join(f"{k} {v:.3f}" for k, v in score.items()), file=sys.stderr)
    if before is not None:
        ((_, after),) = scores
        if after["mean_AP"] < before["mean_AP"] - 0.005:
            checkpoint.unlink(missing_ok=True)
            raise WorseOnFrozenTest(
                f"mean AP on the frozen test fell from {before['mean_AP']:.3f} to {after['mean_AP']:.3f}; nothing was "
                "written; correct more images, or check the corrections"
            )
    save_weights(
        out,
        net,
        {
            "data": [
                {"folder": folder.name, "images": len(group.samples)}
                for folder, group in zip(folders, groups, strict=False)
            ],
            "steps": schedule.steps if learned else 0,
            "rate": schedule.rate if learned else 0.0,
            "seed": seed,
            # Names alone: whoever gets the file has no use for the folders of this machine.
            "start": "shipped" if finetune is not None else Path(start).name,
            "held_out": [{"folder": folder.name, **score} for folder, score in scores],
        },
    )
    checkpoint.unlink(missing_ok=True)
    typer.echo(str(out))


def _start(start: str) -> "ParticleNet":
    from closedloop.tem.learning.pretrained import start_from_imagenet
    from closedloop.tem.network import ParticleNet
    from closedloop.tem.weights import SHIPPED, trainable

    if start == "imagenet":
        net = ParticleNet()
        start_from_imagenet(net)
        return net
    return trainable(SHIPPED if start == "shipped" else Path(start))


def _score(net: "ParticleNet", samples: "list[Sample]") -> dict[str, float]:
    import numpy as np

    from closedloop.tem.metrics import average, compare
    from closedloop.tem.neural import segment_with_network

    looking = copy.deepcopy(net).ready()
    return average([compare(np.maximum(one.labels, 0), segment_with_network(one.light, looking)) for one in samples])


def _shipped_test() -> "tuple[Path, list[Sample]]":
    from closedloop.tem.learning.folders import read_folder
    from closedloop.tem.weights import FROZEN

    return FROZEN, read_folder(FROZEN)


class _Progress:
    """A bar on a terminal, a line now and then elsewhere."""

    def __init__(self, name: str = "step") -> None:
        self._name, self._started, self._told = name, time.monotonic(), 0.0

    def __call__(self, step: int, steps: int, misfit: float | None = None) -> None:
        now = time.monotonic()
        if now - self._told < (1 if sys.stderr.isatty() else 30) and step < steps:
            return
        self._told = now
        left = (now - self._started) / step * (steps - step)
        told = f"{self._name} {step} of {steps}, " + ("" if misfit is None else f"misfit {misfit:.3f}, ")
        end = "\r" if sys.stderr.isatty() and step < steps else "\n"
        print(f"{told}{left / 60:.0f} min left ", end=end, file=sys.stderr, flush=True)
