"""What blind choice needs: counted exactly on a pool, estimated from many blind experiments in a simulator."""

import math
from dataclasses import dataclass
from typing import Protocol

from scipy.stats import binomtest


class Blind(Protocol):
    """Choice that learns nothing."""

    @property
    def median(self) -> float | None:
        """Median of experiments to the first hit; ``None`` where nothing is known of it."""

    def within(self, tried: int) -> float | None:
        """Chance that so many experiments have a hit among them."""


@dataclass(frozen=True)
class Counted:
    """Draws without replacement from ``recipes``, of which ``hits`` hit."""

    recipes: int
    hits: int

    @property
    def median(self) -> float | None:
        missed = 1.0
        for tried in range(self.recipes):
            missed *= (self.recipes - self.hits - tried) / (self.recipes - tried)
            if missed <= 0.5:
                return float(tried + 1)
        return float(self.recipes)

    def within(self, tried: int) -> float | None:
        missed = 1.0
        for one in range(min(tried, self.recipes)):
            missed *= max(self.recipes - self.hits - one, 0) / (self.recipes - one)
        return 1 - missed


@dataclass(frozen=True)
class Surveyed:
    """``hits`` of ``draws`` blind experiments hit; where none did, all that is known is that hits are rare."""

    draws: int
    hits: int

    @property
    def share(self) -> float | None:
        return self.hits / self.draws if self.hits else None

    @property
    def share_95(self) -> tuple[float, float] | None:
        """Wilson's interval of the share."""
        if not self.draws:
            return None
        found = binomtest(self.hits, self.draws).proportion_ci(0.95, method="wilson")
        return float(found.low), float(found.high)

    @property
    def median(self) -> float | None:
        if not self.hits:
            return None
        if self.hits == self.draws:
            return 1.0
        return float(math.ceil(math.log(0.5) / math.log1p(-self.hits / self.draws)))

    def within(self, tried: int) -> float | None:
        return 1 - (1 - self.hits / self.draws) ** tried if self.hits else None
