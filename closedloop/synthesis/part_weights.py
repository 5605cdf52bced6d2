"""How much each part of the model counts in one regime, learned from what the parts said of experiments left out.

Weights minimise the absolute error in nm, for that is what a chemist feels, and are drawn towards equal ones, which
errors that hardly differ cannot be told from. How strongly is itself tried on groups left out (docs/decisions/0100).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

# Pulls towards equal weights that are tried, in experiments: with fewer than this the data do not decide.
_PULLS = (10.0, 100.0, 1000.0, 10_000.0)
_FOLDS = 5
_LEAST_HELD_OUT = 10
# Absolute errors are rounded off below this (nm), so that they have a gradient.
_ROUNDING_NM = 0.05
_MOST_TRANSFORMER = 0.7


@dataclass(frozen=True)
class LeftOutAnswers:
    """What p parts said of n experiments that they had not seen: ``means`` (n, p) and ``truth`` (n,) standardised,
    ln(nm) = centre + scale · standardised; ``weight`` (n,) with a mean near 1; ``groups`` (n,): numbers of what was
    left out as a whole. Parts are NaN where they have no answer. The last, the transformer, is weighed where it
    has one, the others where all of them have that speak at all; one that hardly ever does gets no weight."""

    means: np.ndarray
    truth: np.ndarray
    weight: np.ndarray
    groups: np.ndarray
    centre: float
    scale: float

    def rows(self, index: np.ndarray) -> "LeftOutAnswers":
        return LeftOutAnswers(
            self.means[index], self.truth[index], self.weight[index], self.groups[index], self.centre, self.scale
        )

    def missed_nm(self, standardised: np.ndarray) -> np.ndarray:
        """By how much these answers (n,) miss, rounded off at zero, (n,)."""
        apart = np.exp(np.clip(self.centre + self.scale * standardised, -5, 8)) - self.true_nm
        missed: np.ndarray = np.sqrt(apart**2 + _ROUNDING_NM**2)
        return missed

    @property
    def true_nm(self) -> np.ndarray:
        true: np.ndarray = np.exp(self.centre + self.scale * self.truth)
        return true


def together(means: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Parts' means (n, p), NaN where one is silent, and weights (n, p + 1), the constant last -> (n,).

    A part that has nothing to say leaves its weight to the others.
    """
    silent = ~np.isfinite(means)
    parts = weights[:, :-1] * ~silent
    parts *= (weights[:, :-1].sum(1) / np.maximum(parts.sum(1), 1e-9))[:, None]
    mean: np.ndarray = (parts * np.where(silent, 0.0, means)).sum(1) + weights[:, -1]
    return mean


def part_weights(answers: LeftOutAnswers) -> np.ndarray:
    """(p + 1,): the parts' and a constant.

    Of the pulls towards equal weights the strongest is taken whose error on groups left out is not above the least by
    more than one standard error (Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 7.10).
    """
    from sklearn.model_selection import GroupKFold

    if len(np.unique(answers.groups)) < _FOLDS:
        return _fitted(answers, _PULLS[0])
    missed = np.empty((len(_PULLS), len(answers.truth)))
    for of, out in GroupKFold(_FOLDS).split(answers.means, groups=answers.groups):
        learned, tried = answers.rows(of), answers.rows(out)
        for place, pull in enumerate(_PULLS):
            weights = np.tile(_fitted(learned, pull), (len(out), 1))
            missed[place, out] = tried.weight * tried.missed_nm(together(tried.means, weights))
    more = missed - missed[missed.mean(1).argmin()]
    # Errors within a group go together, so its sum is one draw.
    each = np.stack([np.bincount(answers.groups, row - row.mean()) for row in more])
    allowed = np.sqrt((each**2).sum(1)) / missed.shape[1]
    return _fitted(answers, _PULLS[int(np.flatnonzero(more.mean(1) <= allowed).max())])


def _fitted(answers: LeftOutAnswers, pull: float) -> np.ndarray:
    """(p + 1,). The transformer's share comes last, from the experiments that it has an answer for: they are too few to
    choose everything at once."""
    heard = np.isfinite(answers.means[:, :-1])
    speaks = heard.sum(0) >= min(_LEAST_HELD_OUT, len(heard))
    answers = answers.rows(np.flatnonzero(heard[:, speaks].all(1)))
    known, last = answers.means[:, :-1][:, speaks], answers.means[:, -1]
    parts, typical = known.shape[1], float(np.median(answers.true_nm))

    def error(standardised: np.ndarray, of: LeftOutAnswers = answers) -> float:
        return float((of.missed_nm(standardised) * of.weight).mean() / typical)

    def loss(w: np.ndarray) -> float:
        drawn = float(((w[:-1] - 1 / parts) ** 2).sum() + w[-1] ** 2)
        return error(known @ w[:-1] + w[-1]) + pull / len(known) * drawn

    first_guess = np.array([*[1 / parts] * parts, 0.0])
    found = minimize(loss, first_guess, bounds=[*[(0, 1.2)] * parts, (-0.5, 0.5)], method="L-BFGS-B").x
    equal = 1 / (parts + 1)
    left = np.flatnonzero(np.isfinite(last))
    share = equal
    if len(left) >= _LEAST_HELD_OUT:
        some, first = answers.rows(left), known[left] @ found[:-1] + found[-1]
        tried = np.linspace(0, _MOST_TRANSFORMER, 29)
        losses = [error((1 - a) * first + a * last[left], some) + pull / len(left) * (a - equal) ** 2 for a in tried]
        share = float(tried[int(np.argmin(losses))])
    weights = np.zeros(len(speaks))
    weights[speaks] = (1 - share) * found[:-1]
    return np.array([*weights, share, (1 - share) * found[-1]])
