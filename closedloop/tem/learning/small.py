"""Teach a small network of measures, as those that judge particles are: one value from a row of measures."""

from collections.abc import Callable

import torch
from torch import Tensor

from closedloop.tem.company import Company
from closedloop.tem.credibility import Credibility

_STEPS, _BATCH, _RATE = 1500, 512, 5e-3


def fit(
    judge: Credibility | Company,
    values: Tensor,
    wanted: Tensor,
    weight: Tensor,
    misfit: Callable[[Tensor, Tensor], Tensor],
    seed: int,
) -> None:
    """In place and from the beginning, on rows of `values` (n, k) drawn by `weight` (n,); `wanted` (n,)."""
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
        lost = misfit(judge(values[drawn]), wanted[drawn])
        optimiser.zero_grad()
        lost.backward()
        optimiser.step()
        rates.step()
