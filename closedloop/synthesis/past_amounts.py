"""The amounts of precedents, beside what a recipe is compared by: chemicals, product, conditions, size, shape, amounts.

`candidates` are what a chemical's amount could be, each as a row of comparisons; what they are worth is learned by
`amount_choice` (docs/decisions/0092). Everything is read from the model's parts, so that nothing is stored twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from closedloop.synthesis.members import Scale
from closedloop.synthesis.parts import Parts
from closedloop.synthesis.tokens import AMOUNT_SLOPE, CONDITIONS, LEAST_AMOUNT_MMOL

# What counts in the distance to a precedent, each from 0: the share of chemicals that only one of the two has, another
# product, the four conditions (in scales of the training set), ln(size) (in nm), another shape, and the mean difference
# of ln(mmol) over the other chemicals whose amounts are known. Chosen on recipes outside the paper's benchmark.
_CHEMICALS, _OTHER_PRODUCT, _LOG_SIZE, _OTHER_SHAPE, _AMOUNTS = 4.0, 0.3, 0.1, 0.2, 8.0
_CONDITION_WEIGHTS = np.array([0.05, 0.15, 0.5, 0.15])
_MOST_APART = {"conditions": 3.0, "size": 2.0, "amounts": 3.0}
BANDWIDTH = 0.06
# So many of the nearest precedents are compared.
_NEAREST = 30
# Two conditions are the same within this (in scales of the training set), two amounts within that (in ln mmol).
_SAME_CONDITION, _SAME_AMOUNT = 1e-3, 0.02
# Recipes of one product with equal amounts (in ln mmol, to so many decimals) are one design under several conditions.
_DECIMALS = 1
# How near in conditions a recipe of a design must be to tell the size that the design would give under others.
_NEAR_CONDITIONS, _REACH = np.array([0.3, 0.5, 0.3, 0.5]), 0.3
# Of all differences between recipes of one design, as many (in scales squared) as keep the slopes from running away.
_RIDGE = 1.0
# Names of the comparisons, in their order, and whether more of it can only make an amount likelier (1) or less so (-1).
COMPARED: Mapping[str, int] = {
    "chemicals shared": 0,
    "chemicals missing": 0,
    "chemicals added": 0,
    "same product": 0,
    "product": 0,
    "injection temperature": -1,
    "reaction temperature": -1,
    "heating rate": -1,
    "time": -1,
    "conditions alike": 1,
    "larger": 0,
    "size": -1,
    "shape": 0,
    "farther than the nearest": 0,
    "nearest": 0,
    "farther but for amounts": 0,
    "amount": 0,
    "share of the near": 0,
    "share of all": 0,
    "known amounts": 0,
    "known amounts at most": 0,
    "spread of known amounts": 0,
    "number known": 0,
    "batch": 0,
    "size missed by": 0,
    "size missed": -1,
    "recipes of the design": 0,
    "conditions of the design": 0,
    "size missed beyond the best": -1,
    "scaled by": 0,
}


@dataclass(frozen=True)
class Wish:
    """One recipe as asked: ``used`` (c,) of the vocabulary's chemicals and ``new`` others; ``known`` (k,) columns with
    their ``logs`` (k,) in ln mmol; ``conditions`` (4,); ``product`` and its ``vector`` (p,); ``shape`` is -1 where none
    is wished. ``row``: the precedent that the recipe itself is, which then does not count."""

    used: np.ndarray
    new: int
    known: np.ndarray
    logs: np.ndarray
    conditions: np.ndarray
    product: str
    vector: np.ndarray
    log_size: float
    shape: int
    row: int | None = None


@dataclass(frozen=True)
class Candidates:
    """What one chemical's amount could be: ``log_mmol`` (m,), ``compared`` (m, COMPARED), ``weight`` (m,) by distance
    alone; ``nearest``: the distance of the nearest precedent."""

    log_mmol: np.ndarray
    compared: np.ndarray
    weight: np.ndarray
    nearest: float


@dataclass(frozen=True)
class PastAmounts:
    """n precedents: ``levels`` (n, c) as the process over precedents holds amounts, ``conditions`` (n, 4), ``products``
    (n,) and their ``vectors`` (n, p), ``log_sizes`` (n,), ``shapes`` (n,), -1 where unknown."""

    levels: np.ndarray
    conditions: np.ndarray
    products: Sequence[str]
    vectors: np.ndarray
    log_sizes: np.ndarray
    shapes: np.ndarray

    @cached_property
    def used(self) -> np.ndarray:
        used: np.ndarray = self.levels > 0
        return used

    @cached_property
    def logs(self) -> np.ndarray:
        """ln(mmol), (n, c); those of chemicals that are not used mean nothing."""
        logs: np.ndarray = np.log(np.maximum(np.expm1(self.levels) / AMOUNT_SLOPE, LEAST_AMOUNT_MMOL))
        return logs

    @cached_property
    def _designs(self) -> tuple[np.ndarray, list[np.ndarray]]:
        """The design of each precedent, (n,), and the precedents of each design."""
        rounded = np.where(self.used, np.round(self.logs, _DECIMALS) + 0.0, np.inf)
        places: dict[tuple[str, bytes], int] = {}
        keys = zip(self.products, rounded, strict=True)
        own = np.array([places.setdefault((name, row.tobytes()), len(places)) for name, row in keys])
        order = np.argsort(own, kind="stable")
        return own, np.split(order, np.cumsum(np.bincount(own))[:-1])

    @cached_property
    def _slopes(self) -> np.ndarray:
        """How ln(size) goes with each condition within a design, (4,)."""
        several = [rows for rows in self._designs[1] if len(rows) > 1]
        if not several:
            return np.zeros(4)
        x = np.concatenate([self.conditions[rows] - self.conditions[rows].mean(0) for rows in several])
        y = np.concatenate([self.log_sizes[rows] - self.log_sizes[rows].mean() for rows in several])
        slopes: np.ndarray = np.linalg.solve(x.T @ x + _RIDGE * np.eye(4), x.T @ y)
        return slopes

    @cached_property
    def _listed(self) -> np.ndarray:
        listed: np.ndarray = self.used.sum(1)
        return listed

    @cached_property
    def _names(self) -> np.ndarray:
        return np.array(self.products, dtype=object)

    @cached_property
    def _vector_scale(self) -> np.ndarray:
        scale: np.ndarray = self.vectors.std(0) + 1e-6
        return scale

    @classmethod
    def of(cls, parts: Parts, scale: Scale, products: Sequence[str]) -> Self:
        """What a model's ``parts`` hold; ``products``: those of the precedents, in their order."""
        # As a model's file holds them: what was loaded must not weigh otherwise than what was saved.
        features = {name: value.float().double().numpy() for name, value in parts.precedents.features.items()}
        return cls(
            features["amounts"][:, : parts.vocabulary],
            # The first half of the columns are the conditions, the second half tells which are unknown.
            features["conditions"][:, : len(CONDITIONS)],
            products,
            features["product"],
            scale.centre + scale.scale * parts.precedents.values.numpy(),
            parts.precedent_shapes,
        )

    def wish(self, row: int, known: np.ndarray) -> Wish:
        """A precedent as a recipe that is asked for, with its amounts in the columns ``known`` (k,)."""
        return Wish(
            self.used[row],
            0,
            known,
            self.logs[row, known],
            self.conditions[row],
            self.products[row],
            self.vectors[row],
            float(self.log_sizes[row]),
            int(self.shapes[row]),
            row,
        )

    def candidates(self, wish: Wish, columns: Sequence[int]) -> Iterator[Candidates | None]:
        """Of each chemical (a column) in turn; ``None`` where no precedent uses it."""
        bare, by_recipe = self._apart(wish)
        amounts = self._amounts_apart(wish)
        apart = bare + _AMOUNTS * amounts[0]
        missed: dict[int, tuple[float, float, float, float]] = {}
        for column in columns:
            users = np.flatnonzero(self.used[:, column])
            users = users[users != wish.row]
            if not len(users):
                yield None
                continue
            rows = users[np.argsort(apart[users], kind="stable")[:_NEAREST]]
            near, value, batch = apart[rows], self.logs[rows, column], amounts[3][rows]
            weight = np.exp(-(near - near[0]) / BANDWIDTH)
            beside = self._of_designs(wish, rows, missed)
            product = np.sqrt((((self.vectors[rows] - wish.vector) / self._vector_scale) ** 2).mean(1))
            distance = [near - near[0], np.full(len(rows), near[0]), bare[rows] - bare[rows].min()]
            first = [*by_recipe[:4, rows], product, *by_recipe[4:, rows], *distance]
            known = [*amounts[:3, rows], np.full(len(rows), len(wish.known)), batch]
            last = [*known, *beside.T, beside[:, 1] - beside[:, 1].min()]
            compared, values = [], []
            # A recipe may also be a precedent in another volume: then its amount goes with the batch.
            for scaled, chosen in ((np.zeros(len(rows)), slice(None)), (batch, np.abs(batch) > _SAME_AMOUNT)):
                said = value - scaled
                same = np.abs(said[:, None] - value) < _SAME_AMOUNT
                own = [said, same @ weight / weight.sum(), same.mean(1)]
                compared.append(np.stack([*first, *own, *last, -scaled], 1)[chosen])
                values.append(said[chosen])
            log_mmol = np.concatenate(values)
            # By distance alone nothing tells whether an amount goes with the batch.
            weight = np.concatenate([weight, np.zeros(len(log_mmol) - len(rows))])
            yield Candidates(log_mmol, np.concatenate(compared).astype(np.float32), weight, float(near[0]))

    def _apart(self, wish: Wish) -> tuple[np.ndarray, np.ndarray]:
        """Distance to each precedent but for amounts, (n,), and the comparisons that it rests on, in the order of
        `COMPARED` without the product's vector, (12, n)."""
        shared = self.used[:, wish.used].sum(1)
        missing, added = wish.used.sum() + wish.new - shared, self._listed - shared
        share = shared / np.maximum(shared + missing + added, 1)
        same_product = (self._names == wish.product).astype(float)
        conditions = np.minimum(np.abs(self.conditions - wish.conditions), _MOST_APART["conditions"])
        larger = self.log_sizes - wish.log_size
        other_shape = (self.shapes != wish.shape).astype(float) * (wish.shape >= 0)
        bare: np.ndarray = (
            _CHEMICALS * (1 - share)
            + _OTHER_PRODUCT * (1 - same_product)
            + conditions @ _CONDITION_WEIGHTS
            + _LOG_SIZE * np.minimum(np.abs(larger), _MOST_APART["size"])
            + _OTHER_SHAPE * other_shape
        )
        alike = (conditions < _SAME_CONDITION).sum(1)
        by_recipe = [share, missing, added, same_product, *conditions.T, alike, larger, np.abs(larger), other_shape]
        return bare, np.stack(by_recipe)

    def _amounts_apart(self, wish: Wish) -> np.ndarray:
        """Mean, largest and standard deviation of the difference of ln(mmol) over the known amounts, one that a
        precedent does not use counting as the most; and the median by which a precedent's are larger: (4, n)."""
        if not len(wish.known):
            return np.zeros((4, len(self.levels)))
        used = self.used[:, wish.known]
        larger = self.logs[:, wish.known] - wish.logs
        differ = np.where(used, np.minimum(np.abs(larger), _MOST_APART["amounts"]), _MOST_APART["amounts"])
        # Sorted with those that are not used last, the median of the others is in the middle of them.
        ordered, count = np.sort(np.where(used, larger, np.inf), 1), used.sum(1)
        rows, last = np.arange(len(used)), np.maximum(count - 1, 0)
        batch = np.where(count > 0, (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2, 0.0)
        return np.stack([differ.mean(1), differ.max(1), differ.std(1), batch])

    def _of_designs(
        self, wish: Wish, rows: np.ndarray, missed: dict[int, tuple[float, float, float, float]]
    ) -> np.ndarray:
        """By how much each precedent's design would miss the wished ln(size) under the wished conditions (with the sign
        and without), from how many recipes that is known, and how near in conditions the nearest is: (m, 4)."""
        own, members = self._designs
        for place in set(own[rows].tolist()) - missed.keys():
            of = members[place][members[place] != wish.row]
            away = self.conditions[of] - wish.conditions
            far = np.minimum(np.abs(away), _MOST_APART["conditions"]) @ _NEAR_CONDITIONS
            weight = np.exp(-(far - far.min()) / _REACH)
            miss = float(weight @ (self.log_sizes[of] - away @ self._slopes) / weight.sum()) - wish.log_size
            missed[place] = miss, abs(miss), float(len(of)), float(far.min())
        return np.array([missed[place] for place in own[rows].tolist()])
