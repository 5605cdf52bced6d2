"""Couplings between the chemicals of a search space: how many of a group, and ratios. Knows names, not amounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Tag, model_validator

from closedloop.propose.errors import EmptySpaceError
from closedloop.recipes.fields import Frozen, Positive, Whole
from closedloop.recipes.recipe import Name

Masks = NDArray[np.bool_]

# With so many chemicals that may be left out, every choice of them is listed; with more, so many choices are drawn.
_LISTED, _DRAWN = 12, 512
_TRIES = 40


def _kind(group: Any) -> str:
    return "names" if isinstance(group, list | tuple) else "name"


# Told apart by what was written, so that a wrong name is one fault and not two.
Group = Annotated[Annotated[Name, Tag("name")] | Annotated[tuple[Name, ...], Tag("names")], Discriminator(_kind)]


class Coupling(Frozen):
    """One of: ``at_least``, ``at_most`` or ``exactly`` so many chemicals ``of`` a role, of a list of names, or (left
    out) of all; or ``ratio: [A, B]`` of amounts ``between: [low, high]``, which holds where both are there, A and B
    being chemicals or roles."""

    at_least: Whole | None = None
    at_most: Whole | None = None
    exactly: Whole | None = None
    of: Group | None = None
    ratio: tuple[Name, Name] | None = None
    between: tuple[Positive, Positive] | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        counts = [count for count in (self.at_least, self.at_most, self.exactly) if count is not None]
        if (self.ratio is None) == (not counts):
            raise ValueError("a coupling is either a count (at_least, at_most, exactly) or a ratio; write one of them")
        if (self.ratio is None) != (self.between is None):
            raise ValueError("a ratio needs 'between: [low, high]', and only a ratio has it")
        if self.between is not None and not self.between[0] <= self.between[1]:
            raise ValueError(f"between [{self.between[0]:g}, {self.between[1]:g}] must rise")
        if self.ratio is not None and self.ratio[0].casefold() == self.ratio[1].casefold():
            raise ValueError(f"a ratio of {self.ratio[0]} to itself is always 1; name two chemicals or roles")
        if self.ratio is not None and self.of is not None:
            raise ValueError("a ratio names its two chemicals itself; leave 'of' out")
        if self.exactly is not None and len(counts) > 1:
            raise ValueError("'exactly' leaves nothing to 'at_least' and 'at_most'; leave them out")
        if any(count < 0 for count in counts):
            raise ValueError("a number of chemicals cannot be negative")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at least {self.at_least} and at most {self.at_most} exclude each other")
        return self

    @property
    def text(self) -> str:
        """As a person says it."""
        if self.ratio is not None and self.between is not None:
            return f"{self.ratio[0]} to {self.ratio[1]} between {self.between[0]:g} and {self.between[1]:g}"
        if self.exactly is not None:
            said = [f"exactly {self.exactly}"]
        else:
            said = [f"at least {self.at_least}"] if self.at_least is not None else []
            said += [f"at most {self.at_most}"] if self.at_most is not None else []
        group = "all chemicals" if self.of is None else self.of if isinstance(self.of, str) else ", ".join(self.of)
        return f"{' and '.join(said)} of {group}"

    @property
    def names(self) -> tuple[str, ...]:
        """The chemicals and roles that it speaks of."""
        if self.ratio is not None:
            return self.ratio
        return () if self.of is None else (self.of,) if isinstance(self.of, str) else self.of

    @property
    def least(self) -> int:
        return self.exactly if self.exactly is not None else self.at_least or 0

    @property
    def most(self) -> float:
        if self.exactly is not None:
            return self.exactly
        return np.inf if self.at_most is None else self.at_most


@dataclass(frozen=True)
class Count:
    """From ``least`` to ``most`` of the optional chemicals at the positions ``members`` are there."""

    text: str
    members: tuple[int, ...]
    least: float
    most: float


class Patterns:
    """Which choices of k optional chemicals are allowed; a mask is one choice, ``True`` where a chemical is there."""

    def __init__(self, optional: int, counts: Sequence[Count]) -> None:
        self.optional, self.counts = optional, tuple(counts)
        self._nearest: dict[bytes, NDArray[np.intp]] = {}
        if optional <= _LISTED:
            every = np.array([[bool(i >> j & 1) for j in range(optional)] for i in range(2**optional)], dtype=bool)
            every = every.reshape(2**optional, optional)
            self.known = every[self.allow(every)]
        else:
            self.known = self._drawn(_DRAWN, np.random.default_rng(0))
        if not len(self.known):
            texts = "; ".join(repr(count.text) for count in counts)
            raise EmptySpaceError(f"the couplings {texts} leave no choice of chemicals; change one of them")

    def allow(self, masks: Masks) -> NDArray[np.bool_]:
        """Which of the masks (n, k) keep every count."""
        kept = np.ones(len(masks), dtype=bool)
        for count in self.counts:
            there = masks[:, list(count.members)].sum(axis=1)
            kept &= (there >= count.least) & (there <= count.most)
        return kept

    def draw(self, count: int, rng: np.random.Generator) -> Masks:
        """``count`` allowed masks, (count, k)."""
        if self.optional > _LISTED:
            drawn = self._drawn(min(count, _DRAWN), rng)
            if len(drawn):
                return np.asarray(drawn[rng.integers(len(drawn), size=count)])
        # Every choice once before any comes twice.
        rounds = [rng.permutation(len(self.known)) for _ in range(count // len(self.known) + 1)]
        return np.asarray(self.known[np.concatenate(rounds)[:count]])

    def nearest(self, mask: Masks) -> Masks:
        """Known allowed masks (m, k), those that differ least from ``mask`` (k,) first."""
        key = mask.tobytes()
        if key not in self._nearest:
            self._nearest[key] = np.argsort((self.known != mask).sum(axis=1), kind="stable")
        found = self.known[self._nearest[key]]
        if self.allow(mask[None])[0]:
            found = np.vstack([mask[None], found])
        return np.asarray(found)

    def _drawn(self, count: int, rng: np.random.Generator) -> Masks:
        """Up to ``count`` allowed masks: random ones, with chemicals added or left out until every count holds."""
        found = []
        for _ in range(count):
            mask = rng.random(self.optional) < rng.random()
            for _ in range(_TRIES):
                broken = False
                for each in self.counts:
                    members = np.array(each.members, dtype=int)
                    there = members[mask[members]]
                    if len(there) > each.most:
                        mask[rng.permutation(there)[int(each.most) :]] = False
                        broken = True
                    elif len(there) < each.least:
                        absent = members[~mask[members]]
                        mask[rng.permutation(absent)[: int(each.least) - len(there)]] = True
                        broken = True
                if not broken:
                    break
            if self.allow(mask[None])[0]:
                found.append(mask)
        return np.array(found, dtype=bool).reshape(len(found), self.optional)


def count_of(coupling: Coupling, members: Sequence[int], optional: Mapping[int, int]) -> Count:
    """The count over optional chemicals that is left once those of ``members`` that are always there are counted.

    ``optional`` maps a chemical's number to its position among the optional ones.
    """
    always = sum(member not in optional for member in members)
    places = tuple(optional[member] for member in members if member in optional)
    return Count(coupling.text, places, coupling.least - always, coupling.most - always)
