"""``closedloop tem train``: the segmenter's weights from folders of images and label images."""

import math
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from closedloop.cli.output import going_on
from closedloop.recipes import ClosedloopError


class CannotTrain(ClosedloopError):
    """What was asked of training cannot be done."""


def train(
    out: Annotated[Path, typer.Option(help="Write the weights here (.safetensors).")],
    data: Annotated[
        list[Path] | None,
        typer.Option(help="A folder with “images” and “masks”, and “sources.csv” where known; may be repeated."),
    ] = None,
    share: Annotated[
        list[float] | None,
        typer.Option(
            help="How much of each batch comes from each --data, in their order, relative; alike unless given."
        ),
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
    start: Annotated[
        str | None, typer.Option(help="With --data: imagenet (unless given), shipped, or a file of weights.")
    ] = None,
    hold_out: Annotated[
        float | None,
        typer.Option(min=0.0, max=0.9, help="With --data: share of the sources that is only tested on; 0.2."),
    ] = None,
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
    if finetune is not None and start is not None:
        raise CannotTrain("--start does not go with --finetune, which starts from the shipped weights; leave it out")
    if finetune is not None and hold_out is not None:
        raise CannotTrain("--hold-out does not go with --finetune, which tests on --frozen FOLDER; leave it out")
    if finetune is None and frozen is not None:
        raise CannotTrain("--frozen goes with --finetune alone; with --data a share is held out (--hold-out)")
    learned = steps != 0
    if not learned and (finetune is not None or start in (None, "imagenet")):
        raise CannotTrain("--steps 0 teaches only what judges particles: give --data and --start shipped or a file")
    if not learned and rate is not None:
        raise CannotTrain("--rate does nothing with --steps 0, which leaves the network as it is; leave it out")
    if share and (len(share) != len(data or []) or not all(0 < one < math.inf for one in share)):
        raise CannotTrain(f"--share {' '.join(f'{one:g}' for one in share)}: give one above 0 for each --data FOLDER")
    if out.suffix != ".safetensors" or not out.parent.is_dir():
        raise CannotTrain(f"--out {out}: give a name that ends with .safetensors in a folder that exists")
    from closedloop.tem.learning.course import FROM_SHIPPED, IMAGENET, Course, follow
    from closedloop.tem.learning.train import Schedule
    from closedloop.tem.weights import FROZEN

    if finetune is not None:
        schedule = Schedule(steps=steps or 200, rate=rate or 2e-4, towards_start=0.05)
    else:
        schedule = Schedule(steps=steps or Schedule.steps, rate=rate or Schedule.rate)
    shares = share or [1.0] * len(data or [])
    with going_on():
        follow(
            Course(
                out=out,
                folders=[(finetune, 1.0)] if finetune is not None else list(zip(data or [], shares, strict=True)),
                start=(start or IMAGENET) if finetune is None else FROM_SHIPPED,
                schedule=schedule if learned else None,
                hold_out=0.2 if hold_out is None else hold_out,
                seed=seed,
                device=device,
                frozen=None if finetune is None else frozen or FROZEN,
                unlabelled=unlabelled,
            ),
            tell=lambda words: print(words, file=sys.stderr),
            watch=_Progress,
        )
    typer.echo(str(out))


class _Progress:
    """A bar on a terminal, a line now and then elsewhere."""

    def __init__(self, name: str) -> None:
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
