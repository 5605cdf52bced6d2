"""What is believed of a particle among the others of its picture (`closedloop.tem.company`), learned from pictures of
known particles, once single particles are judged (`closedloop.tem.learning.credit`)."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from closedloop.tem.company import MEASURES, measures
from closedloop.tem.contrast import normalised
from closedloop.tem.learning.samples import Group, Sample, evenly
from closedloop.tem.learning.small import fit
from closedloop.tem.metrics import overlaps
from closedloop.tem.network import ParticleNet
from closedloop.tem.neural import candidates

_RIGHT = 0.5  # overlap


@dataclass(frozen=True)
class Judged:
    """All that may be particles of one picture: measures (n, 14), and which are right (n,) bool."""

    measures: NDArray[np.float32]
    right: NDArray[np.bool_]


def learn_company(
    net: ParticleNet,
    groups: Sequence[Group],
    *,
    seed: int,
    device: str = "cpu",
    most_pictures: int = 320,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Teach `net.company` in place, on up to `most_pictures` of each group.

    progress: called with how many pictures of how many have been looked at.
    """
    looking = copy.deepcopy(net).ready().to(device)
    chosen = [sample for group in groups for sample in evenly(group.samples, most_pictures)]
    judged: list[Judged] = []
    for number, sample in enumerate(chosen, 1):
        judged.append(judge(sample, looking))
        if progress is not None:
            progress(number, len(chosen))
    _fit(net, [one for one in judged if len(one.right)], seed)


def judge(sample: Sample, net: ParticleNet) -> Judged:
    even = normalised(sample.light)
    labels, credit = candidates(even, net)
    known = np.maximum(sample.labels, 0)
    if not len(credit):
        return Judged(np.zeros((0, len(MEASURES)), np.float32), np.zeros(0, bool))
    right = overlaps(known, labels).max(axis=0) > _RIGHT if known.any() else np.zeros(len(credit), bool)
    return Judged(measures(labels, credit, even), right)


def _fit(net: ParticleNet, judged: Sequence[Judged], seed: int) -> None:
    if not judged:
        return
    values = torch.from_numpy(np.concatenate([one.measures for one in judged]))
    right = torch.from_numpy(np.concatenate([one.right for one in judged]).astype(np.float32))
    weight = torch.from_numpy(np.concatenate([np.full(len(one.right), len(one.right) ** -0.5) for one in judged]))
    fit(net.company, values, right, weight, functional.binary_cross_entropy_with_logits, seed)
