"""How a judge of particles (`closedloop.tem.judge`) is taught: on what it sees of pictures whose particles are known.

A picture weighs with the root of its number of particles: few large ones count too. The share of its group in training
counts as well.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop.tem.judge import Judge
from closedloop.tem.learning.samples import Group, Sample, evenly
from closedloop.tem.network import ParticleNet

_STEPS, _BATCH, _RATE = 1500, 512, 5e-3


@dataclass(frozen=True)
class Seen:
    """Of the particles of one picture: measures (n, k), and what a judge should say of each (n,)."""

    measures: NDArray[np.float32]
    wanted: NDArray[np.floating]


@dataclass(frozen=True)
class Lesson:
    """What one judge of a network is taught on.

    judge: which of the network's it is. see: what it sees of a picture with the network. misfit: of the judge's logits
    and what is wanted, both (b,). most_pictures: of each group.
    """

    judge: Callable[[ParticleNet], Judge]
    see: Callable[[Sample, ParticleNet], Seen]
    misfit: Callable[[Tensor, Tensor], Tensor]
    most_pictures: int


def teach(
    lesson: Lesson,
    net: ParticleNet,
    groups: Sequence[Group],
    *,
    seed: int,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """In place: `net` changes in the judge alone. progress: called with how many pictures of how many have been looked
    at."""
    looking = copy.deepcopy(net).ready().to(device)
    chosen = [(sample, group.share) for group in groups for sample in evenly(group.samples, lesson.most_pictures)]
    seen: list[tuple[Seen, float]] = []
    for number, (sample, share) in enumerate(chosen, 1):
        seen.append((lesson.see(sample, looking), share))
        if progress is not None:
            progress(number, len(chosen))
    told = [(one, share) for one, share in seen if len(one.wanted)]
    if told:  # else the network finds nothing anywhere: there is nothing to believe or to doubt
        _fit(lesson.judge(net), told, lesson.misfit, seed)


def _fit(
    judge: Judge, seen: Sequence[tuple[Seen, float]], misfit: Callable[[Tensor, Tensor], Tensor], seed: int
) -> None:
    values = torch.from_numpy(np.concatenate([one.measures for one, _ in seen]))
    wanted = torch.from_numpy(np.concatenate([one.wanted for one, _ in seen]).astype(np.float32))
    counts = [(len(one.wanted), share) for one, share in seen]
    weight = torch.from_numpy(np.concatenate([np.full(count, share * count**-0.5) for count, share in counts]))
    torch.manual_seed(seed)
    judge.mean.copy_(values.mean(0))
    judge.scale.copy_(values.std(0, correction=0) + 1e-3)
    for layer in judge.layers:
        if isinstance(layer, torch.nn.Linear):
            layer.reset_parameters()
    optimiser = torch.optim.AdamW(judge.parameters(), lr=_RATE, weight_decay=1e-3)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=_STEPS)
    for _ in range(_STEPS):
        drawn = torch.multinomial(weight, _BATCH, replacement=True)
        lost = misfit(judge.logit(values[drawn]), wanted[drawn])
        optimiser.zero_grad()
        lost.backward()
        optimiser.step()
        rates.step()
