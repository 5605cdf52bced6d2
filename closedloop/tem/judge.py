"""A small network that judges particles by a row of measures of each: the form that all such judges share.

What is measured is for `closedloop.tem.credibility` (a particle by itself) and `closedloop.tem.company` (among others).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.threads import one_thread

_HIDDEN = 32


class Judge(nn.Module):
    """(n, k) measures -> (n,) between 0 and 1."""

    mean: Tensor
    scale: Tensor

    def __init__(self, measures: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(measures))
        self.register_buffer("scale", torch.ones(measures))
        self.layers = nn.Sequential(
            nn.Linear(measures, _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, 1)
        )

    def logit(self, measures: Tensor) -> Tensor:
        said: Tensor = self.layers((measures - self.mean) / self.scale)
        return said[:, 0]

    def forward(self, measures: Tensor) -> Tensor:
        return self.logit(measures).sigmoid()

    def of(self, measures: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same for arrays."""
        with one_thread(), torch.inference_mode():
            said: NDArray[np.float32] = self(torch.from_numpy(measures).to(self.mean.device)).cpu().numpy()
        return said
