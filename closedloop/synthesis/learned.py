"""Everything that a model consists of: `fitting` makes it, `storage` keeps it, `model` asks it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import expit

from closedloop.synthesis.amount_choice import AmountChoice
from closedloop.synthesis.blend import Blend
from closedloop.synthesis.members import Scale
from closedloop.synthesis.network import SHAPES, Network
from closedloop.synthesis.parts import Parts
from closedloop.synthesis.prediction import Precedent
from closedloop.synthesis.regimes import LeftOut
from closedloop.synthesis.success import SuccessModel
from closedloop.synthesis.tokens import Vocabulary
from closedloop.synthesis.training import Labels


@dataclass(frozen=True)
class Priors:
    """Shape probabilities (11,) and chance of success that stand in where the data cannot teach them; else ``None``."""

    shape: tuple[float, ...] | None
    success: float | None

    @classmethod
    def of(cls, known: Labels, success: SuccessModel) -> Self:
        seen = known.shape[known.shape >= 0]
        shape = None
        if len(np.unique(seen)) < 2:
            counts = np.bincount(seen, minlength=len(SHAPES)) + 1.0
            shape = tuple((counts / counts.sum()).tolist())
        return cls(shape, float(expit(success.offset)) if success.trees is None else None)

    @property
    def warnings(self) -> tuple[str, ...]:
        if self.shape is None:
            return ()
        return ("shape: a prior, for the experiments that the model learned from name fewer than two shapes",)


# A precedent itself is never outside the model's experience, whatever single precision makes of a likeness of one.
ITSELF = 0.999
# With fewer sizes than this, what was held out says little of how far the next one may be off.
_FEW = 20


@dataclass(frozen=True)
class Learned:
    """Everything that a model consists of. ``origins``: where each precedent comes from, in the parts' order;
    ``outside_below``: the likeness under which a recipe is outside the model's experience."""

    vocabulary: Vocabulary
    network: Network
    parts: Parts
    blend: Blend
    success: SuccessModel
    amount_choice: AmountChoice
    scale: Scale
    priors: Priors
    left_out: LeftOut
    origins: tuple[Precedent, ...]
    outside_below: float
    description: str

    @property
    def warnings(self) -> tuple[str, ...]:
        """What its sizes rest on, where that is little."""
        said = []
        if len(self.origins) < _FEW:
            said.append(
                f"size: learned from {len(self.origins)} experiments, too few to tell well by how much it may be off"
            )
        if self.outside_below >= ITSELF:
            said.append("size: learned from experiments so alike that every other recipe counts as outside")
        return tuple(said)
