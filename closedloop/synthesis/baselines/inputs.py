"""Recipes as the baselines see them: one row of numbers for trees and a plain network, a sequence for the LSTM.

What is learned from the training recipes (which chemicals get a column, principal components, usual amounts) is learned
here, so that a fold's inputs know nothing of what is tested. Leaves the descriptors to `chemistry`.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from closedloop.chemistry import canonical_name, usual_role
from closedloop.chemistry.descriptors import SUBSTANCE_SIZE, describe_product, describe_substance
from closedloop.recipes import Recipe, Role, Vessel
from closedloop.synthesis.tokens import AMOUNT_SLOPE, condition_values

# Chemicals with a column of their own: at most so many, each in at least so many training recipes.
_MOST_COLUMNS = 120
_LEAST_USES = 3
_COMPONENTS = 40
# The listing's first entries: most sources name the cation's precursor first.
_FIRST = 4
_LARGEST = 3
_PHASE = re.compile(r"-(\d+)$")


class Chemicals:
    """What the training recipes say of their chemicals: principal components of the descriptors, usual amounts."""

    def __init__(self, recipes: Sequence[Recipe]) -> None:
        amounts: dict[str, list[float]] = {}
        uses: Counter[str] = Counter()
        for recipe in recipes:
            uses.update({canonical_name(reagent.name) for reagent in recipe.reagents})
            for reagent in recipe.reagents:
                if reagent.amount_mmol is not None:
                    amounts.setdefault(canonical_name(reagent.name), []).append(reagent.amount_mmol)
        self.usual = {name: float(np.median(values)) for name, values in amounts.items()}
        known = [value for values in amounts.values() for value in values]
        self.typical_mmol = float(np.median(known)) if known else 1.0
        # By name, not as counted: a set's order differs between processes, and columns and components come of it.
        names = sorted(uses)
        frequent = sorted((name for name in names if uses[name] >= _LEAST_USES), key=lambda name: -uses[name])
        self.frequent = frequent[:_MOST_COLUMNS]
        vectors = np.array([describe_substance(name).vector for name in names or [""]], float)
        self._mean, spread = vectors.mean(0), vectors.std(0)
        self._scale = np.where(spread > 1e-6, spread, np.inf)
        _, _, axes = np.linalg.svd((vectors - self._mean) / self._scale, full_matrices=False)
        self._axes = axes[:_COMPONENTS].T
        self._cache: dict[str, np.ndarray] = {}

    @property
    def size(self) -> int:
        """Length of `vector`."""
        return self._axes.shape[1] + 1

    def descriptor(self, name: str) -> np.ndarray:
        """(SUBSTANCE_SIZE,): the whole descriptor; zeros for what the registry does not know."""
        return describe_substance(name).vector

    def vector(self, name: str) -> np.ndarray:
        """(size,): the components of this canonical name, and whether the registry knows it."""
        found = self._cache.get(name)
        if found is None:
            described = describe_substance(name)
            reduced = np.clip((described.vector - self._mean) / self._scale, -8, 8) @ self._axes
            found = self._cache[name] = np.r_[reduced if described.known else np.zeros(self.size - 1), described.known]
        return found

    def mmol(self, name: str, amount: float | None) -> float:
        """The amount, or what is usual of this chemical where it is unknown."""
        return self.usual.get(name, self.typical_mmol) if amount is None else amount


class Conditions:
    """Conditions with the training median in place of what is unknown, and a flag for each: `size` numbers."""

    size = 10

    def __init__(self, recipes: Sequence[Recipe]) -> None:
        values = np.array([condition_values(recipe) for recipe in recipes], float).reshape(-1, 4)
        self._usual = np.array([np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else 0.0
                                for column in values.T])  # fmt: skip

    def __call__(self, recipes: Sequence[Recipe]) -> np.ndarray:
        """(n, 10): injection and reaction temperature, rate, time (logarithmic), the step in temperature, and
        the time in minutes; then whether each of the four was given."""
        values = np.array([condition_values(recipe) for recipe in recipes], float).reshape(-1, 4)
        known = np.isfinite(values)
        filled = np.where(known, values, self._usual)
        return np.c_[filled, filled[:, 1] - filled[:, 0], np.exp(filled[:, 3]), known]


def product_vectors(recipes: Sequence[Recipe]) -> np.ndarray:
    """(n, COMPOSITION_SIZE + 2): composition, whether it is known, and the phase's number where the name carries it."""
    rows = []
    for recipe in recipes:
        described, phase = describe_product(recipe.product), _PHASE.search(recipe.product)
        rows.append(np.r_[described.vector, described.known, int(phase[1]) if phase else 0])
    return np.array(rows, float)


class Table:
    """Recipes -> (n, d). Groups: conditions, amounts by chemical, the mixture that they make, sums, product."""

    def __init__(self, recipes: Sequence[Recipe], *, amounts: bool = True) -> None:
        """Without ``amounts`` only what a chemist knows before weighing: which chemicals, not how much of them."""
        self.chemicals, self.conditions, self.amounts = Chemicals(recipes), Conditions(recipes), amounts
        self._place = {name: i for i, name in enumerate(self.chemicals.frequent)}
        self._kept: list[np.ndarray] | None = None
        self._groups(recipes)

    def __call__(self, recipes: Sequence[Recipe]) -> np.ndarray:
        return np.concatenate(self._groups(recipes), 1)

    def widths(self) -> list[int]:
        """How many columns each group has."""
        assert self._kept is not None
        return [len(kept) for kept in self._kept]

    def _groups(self, recipes: Sequence[Recipe]) -> list[np.ndarray]:
        mixtures, levels, sums = [], [], []
        for recipe in recipes:
            mixture, level, total = self._contents(recipe)
            mixtures.append(mixture)
            levels.append(level)
            sums.append(total)
        groups = [self.conditions(recipes), np.array(levels), np.array(mixtures), np.array(sums)]
        groups.append(product_vectors(recipes))
        if self._kept is None:  # columns that are the same in all training recipes teach nothing
            self._kept = [np.flatnonzero(np.ptp(group, axis=0) > 1e-9) for group in groups]
        return [group[:, kept] for group, kept in zip(groups, self._kept, strict=True)]

    def _contents(self, recipe: Recipe) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        names = [canonical_name(reagent.name) for reagent in recipe.reagents]
        mmol = np.array([self.chemicals.mmol(n, r.amount_mmol) for n, r in zip(names, recipe.reagents, strict=True)])
        if not self.amounts:
            mmol = np.ones(len(names))
        log = np.log1p(mmol)
        level = np.zeros(len(self._place))
        vectors = np.array([self.chemicals.vector(name) for name in names]).reshape(-1, self.chemicals.size)
        for name, value in zip(names, log, strict=True):
            if name in self._place:
                level[self._place[name]] += value
        shares = [weight / max(weight.sum(), 1e-9) @ vectors for weight in (mmol, log)]
        # Trees read elements and functional groups off the descriptors themselves, neighbourhoods off the components.
        descriptors = np.array([self.chemicals.descriptor(name) for name in names]).reshape(-1, SUBSTANCE_SIZE)
        weight = np.log1p(AMOUNT_SLOPE * mmol)
        shares.append(weight / max(weight.sum(), 1e-9) @ descriptors)
        roles = dict.fromkeys((*Role, None), 0.0)
        vessels = dict.fromkeys((*Vessel, None), 0.0)
        for name, reagent, value in zip(names, recipe.reagents, mmol, strict=True):
            roles[reagent.role or usual_role(name)] += value
            vessels[reagent.vessel] += value
        first = np.zeros(_FIRST)
        first[: min(_FIRST, len(log))] = log[:_FIRST]
        largest = np.zeros(_LARGEST)
        largest[: min(_LARGEST, len(log))] = np.sort(log)[::-1][:_LARGEST]
        total = float(mmol.sum())
        unknown = sum(reagent.amount_mmol is None for reagent in recipe.reagents)
        sums = [
            np.log1p(total),
            len(names),
            *first,
            *largest,
            first[0] - first[1],
            (mmol[0] if len(mmol) else 0.0) / max(total, 1e-9),
            *np.log1p(list(roles.values())),
            *np.log1p(list(vessels.values())),
            unknown if self.amounts else 0,
        ]
        return np.concatenate(shares), level, np.array(sums, float)


class Sequences:
    """Recipes -> (n, steps, d): the product, each reagent in the order of the listing, then the conditions.

    Every step has the same columns (what it does not have is zero) and a first one that is 0 on padding, which follows
    the sequence.
    """

    def __init__(self, recipes: Sequence[Recipe]) -> None:
        self.chemicals, self.conditions = Chemicals(recipes), Conditions(recipes)
        product = product_vectors(recipes)
        self._kept = np.flatnonzero(np.ptp(product, axis=0) > 1e-9)

    def __call__(self, recipes: Sequence[Recipe]) -> np.ndarray:
        most = max((len(recipe.reagents) for recipe in recipes), default=0)
        substance = self.chemicals.size + 3
        width = 1 + len(self._kept) + substance + self.conditions.size
        out = np.zeros((len(recipes), most + 2, width))
        products, conditions = product_vectors(recipes)[:, self._kept], self.conditions(recipes)
        at = 1 + len(self._kept)
        for row, recipe, product, condition in zip(out, recipes, products, conditions, strict=True):
            last = len(recipe.reagents) + 1
            row[: last + 1, 0] = 1
            row[0, 1:at] = product
            for step, reagent in enumerate(recipe.reagents, 1):
                name = canonical_name(reagent.name)
                mmol = self.chemicals.mmol(name, reagent.amount_mmol)
                row[step, at : at + substance] = np.r_[
                    self.chemicals.vector(name), np.log1p(mmol), np.log(mmol + 1e-3), reagent.amount_mmol is None
                ]
            row[last, at + substance :] = condition
        return out
