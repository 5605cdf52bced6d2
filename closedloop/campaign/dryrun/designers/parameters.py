"""The space's coordinates as libraries that know no chemistry take them: numbers from 0 to 1, and for a chemical that
may be left out a choice of yes or no beside its number."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from closedloop.campaign.dryrun.designers.base import Array
from closedloop.propose import SearchSpace
from closedloop.propose.places import ABSENT as BELOW_THE_CUBE
from closedloop.recipes import Recipe

ABSENT, THERE = 0.0, 1.0


@dataclass(frozen=True)
class Parameters:
    """``numbers`` name one coordinate each, ``choices`` those of chemicals that may be left out."""

    space: SearchSpace

    @property
    def numbers(self) -> tuple[str, ...]:
        return self.space.labels

    @property
    def choices(self) -> tuple[str, ...]:
        """Of the numbers, those that a choice goes with."""
        return tuple(self.space.labels[column] for column in self.space.optional_columns)

    @staticmethod
    def choice(number: str) -> str:
        return f"{number} is there"

    def recipe(self, row: Mapping[str, float]) -> Recipe:
        """The recipe at the values, moved inside where the space's constraints are broken."""
        place = np.array([float(row[name]) for name in self.numbers])
        for column, name in zip(self.space.optional_columns, self.choices, strict=True):
            if float(row[self.choice(name)]) < (ABSENT + THERE) / 2:
                place[column] = BELOW_THE_CUBE
        return self.space.decode(place)

    def row(self, recipe: Recipe) -> dict[str, float]:
        """Where a recipe of the space lies; a chemical that is absent has the middle of its range."""
        place: Array = self.space.encode(recipe)
        found: dict[str, float] = {}
        optional = set(self.space.optional_columns)
        for column, name in enumerate(self.numbers):
            there = column not in optional or place[column] >= 0
            found[name] = float(np.clip(place[column], 0, 1)) if there else 0.5
            if column in optional:
                found[self.choice(name)] = THERE if there else ABSENT
        return found
