"""How much of a chemical is usual: the mean of log10(mmol), and of log10(mmol per mL of all that is in the flask).

A chemical's own mean is drawn towards that of its like (the same role and functional groups), and this towards its
role's, by `DRAW` recipes each; so a chemical that was never seen has an expectation too. Leaves what a surprising
amount means to `success`.
"""

import json
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

import numpy as np
import torch

from closedloop.synthesis.functions import chemical

DRAW = 5.0
# Expected where nothing is known: 1 mmol, and 0.1 mmol/mL.
_NOTHING = np.array([0.0, -1.0])
Sums = Mapping[str, np.ndarray]


@lru_cache(maxsize=20_000)
def _keys(name: str) -> tuple[str, str, str]:
    """What the chemical shares its expectation with, from the widest to itself."""
    one = chemical(name)
    role = str(one.role)
    return f"role {role}", f"like {role} {'salt' if one.metals else ' '.join(sorted(one.groups))}", f"name {one.name}"


@dataclass(frozen=True)
class TypicalAmounts:
    """``sums``: key -> (3,), the number of reagents and the sums of both logarithms; ``parts``: the same for each group
    of the training recipes, empty in a model that was loaded."""

    sums: Sums
    parts: Mapping[Hashable, Sums] = field(default_factory=dict)

    @classmethod
    def fit(cls, names: Sequence[str], logs: np.ndarray, groups: Sequence[Hashable]) -> Self:
        """One reagent each: its name, its two logarithms (m, 2), and the group that it may be left out with."""
        sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(3))
        parts: dict[Hashable, dict[str, np.ndarray]] = defaultdict(lambda: defaultdict(lambda: np.zeros(3)))
        for name, (amount, concentration), group in zip(names, logs.tolist(), groups, strict=True):
            one = np.array([1.0, amount, concentration])
            for key in _keys(name):
                sums[key] += one
                parts[group][key] += one
        return cls(dict(sums), {group: dict(part) for group, part in parts.items()})

    def expected(self, name: str, without: Hashable = None) -> np.ndarray:
        """(2,): both logarithms; ``without`` leaves the reagents of one training group out of the means."""
        part = self.parts.get(without, {}) if without is not None else {}
        mean = _NOTHING
        for key in _keys(name):
            total = self.sums.get(key)
            if total is None:
                continue
            if key in part:
                total = total - part[key]
            # Differences of sums leave rounding errors where nothing is left.
            if total[0] > 0.5:
                mean = (DRAW * mean + total[1:]) / (DRAW + total[0])
        return mean

    def state(self) -> dict[str, torch.Tensor]:
        keys = json.dumps(list(self.sums)).encode()
        return {
            "keys": torch.from_numpy(np.frombuffer(keys, dtype=np.uint8).copy()),
            "sums": torch.from_numpy(np.array(list(self.sums.values()), dtype=np.float64).reshape(-1, 3)),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor]) -> Self:
        """Raises `ValueError` where keys and sums do not belong together."""
        keys, sums = json.loads(bytes(state["keys"].numpy().tobytes())), state["sums"].numpy()
        if len(keys) != len(sums) or not np.isfinite(sums).all():
            raise ValueError("typical amounts that do not belong together")
        return cls(dict(zip(keys, sums, strict=True)))
