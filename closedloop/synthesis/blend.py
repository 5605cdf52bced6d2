"""Several parts' predictions into one, with an interval that holds: weights, widths and doubt for each regime, and a
gate that says from how new a recipe looks which regime it is in.

All that is learned here is learned from predictions for experiments that the parts had not seen, left out by regime
(`regimes`). Weights minimise the absolute error in nm, for that is what a chemist feels. docs/decisions/0028.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import softmax

from closedloop.synthesis.calibration import LEVELS, Calibration

PARTS = ("forest", "precedents", "consensus", "transformer")
# Those with an answer for everything left out; the transformer, the last, has one where a pair of members left it out.
_ALWAYS = len(PARTS) - 1
# Pull towards equal weights, in experiments: with fewer held-out ones than this, the data do not decide.
_PRIOR_EXPERIMENTS = 10.0
_LEAST_HELD_OUT = 10
# Absolute errors are rounded off below this (nm), so that they have a gradient.
_ROUNDING_NM = 0.05
_MOST_TRANSFORMER = 0.7
_LEAST_SPREAD = 1e-3


@dataclass(frozen=True)
class Said:
    """What the parts say of n recipes, standardised: means (n, 4) in the order of `PARTS`, NaN where a part has not
    left the recipe out; variance between the forest's trees, of the precedents' error and noise, (n,) each; and how new
    the recipe looks: likeness to the nearest precedent, how many precedents make the product."""

    means: np.ndarray
    between_trees: np.ndarray
    variance: np.ndarray
    noise: np.ndarray
    nearest: np.ndarray
    product_seen: np.ndarray

    def novelty(self) -> np.ndarray:
        """(n, 5): inputs of the gate."""
        return np.c_[
            np.log(self.variance + _LEAST_SPREAD),
            np.log(self.between_trees + _LEAST_SPREAD),
            self.nearest,
            self.nearest**2,
            np.log1p(self.product_seen),
        ]

    def doubt(self) -> np.ndarray:
        """(n, 4): inputs of the spread."""
        apart = np.abs(self.means[:, 0] - self.means[:, 1])
        return np.c_[
            np.ones(len(self.means)),
            np.log(self.variance + self.noise + _LEAST_SPREAD) / 2,
            np.log(self.between_trees + _LEAST_SPREAD) / 2,
            np.log(apart + 0.05),
        ]


@dataclass(frozen=True)
class Blended:
    """Standardised: ``mean``, ``spread`` and its part ``noise`` that no further data would remove, (n,) each;
    ``regimes`` (n, r): the gate's shares; ``transformer`` (n,): its share in the mean; ``widths`` (n, levels): see
    `Calibration`."""

    mean: np.ndarray
    spread: np.ndarray
    noise: np.ndarray
    regimes: np.ndarray
    transformer: np.ndarray
    widths: np.ndarray


@dataclass(frozen=True)
class Blend:
    """r regimes. ``weights`` (r, 5): of the parts, then a constant. ``gate`` (r, 6): logits from standardised novelty,
    its constant last; ``novelty_centre`` and ``novelty_scale`` (5,). ``spread`` (4,): logarithm of the spread from
    `Said.doubt`. ``widths`` (r, levels)."""

    weights: np.ndarray
    gate: np.ndarray
    novelty_centre: np.ndarray
    novelty_scale: np.ndarray
    spread: np.ndarray
    widths: np.ndarray

    @classmethod
    def unlearned(cls) -> Self:
        """For too few experiments to leave any out: parts count alike, the precedents' own doubt stands."""
        nothing = np.zeros(5)
        widths = Calibration.of(np.zeros(0)).widths
        return cls(
            np.array([[*[1 / len(PARTS)] * len(PARTS), 0]]),
            np.zeros((1, 6)),
            nothing,
            nothing + 1,
            np.array([0.0, 1, 0, 0]),
            widths[None],
        )

    @classmethod
    def of(
        cls,
        held_out: Sequence[Said],
        truth: np.ndarray,
        weight: np.ndarray,
        centre: float,
        scale: float,
        groups: Sequence[int] | None = None,
    ) -> Self:
        """One `Said` for each regime; ``truth`` (n,) standardised: ln(nm) = centre + scale · truth. ``groups``: how
        many were left out as a whole in each regime; every experiment by itself unless given."""
        if not held_out or len(truth) < _LEAST_HELD_OUT:
            return cls.unlearned()
        weights = np.stack([_weights(said, truth, weight, centre, scale) for said in held_out])
        novelty = np.concatenate([said.novelty() for said in held_out])
        middle, width = novelty.mean(0), novelty.std(0) + 1e-6
        regime = np.repeat(np.arange(len(held_out)), len(truth))
        gate = _gate((novelty - middle) / width, regime, len(held_out))
        blend = cls(weights, gate, middle, width, np.array([0.0, 1, 0, 0]), np.zeros((len(held_out), len(LEVELS))))
        means = np.concatenate([blend.mean(said) for said in held_out])
        error = np.tile(truth, len(held_out)) - means
        spread = _spread(np.concatenate([said.doubt() for said in held_out]), error, np.tile(weight, len(held_out)))
        widths = []
        alone = [len(truth)] * len(held_out)
        for said, errors, of in zip(held_out, error.reshape(len(held_out), -1), groups or alone, strict=True):
            widths.append(Calibration.of(errors / np.exp(said.doubt() @ spread), of).widths)
        return cls(weights, gate, middle, width, spread, np.stack(widths))

    def state(self) -> dict[str, torch.Tensor]:
        """Everything as named tensors; `from_state` is the way back."""
        return {field.name: torch.as_tensor(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor]) -> Self:
        """Raises `KeyError` or `ValueError` for tensors that are no blend."""
        arrays = {field.name: state[field.name].numpy().astype(float) for field in fields(cls)}
        r = len(arrays["weights"])
        wanted = {"weights": (r, len(PARTS) + 1), "gate": (r, 6), "widths": (r, len(LEVELS)), "spread": (4,),
                  "novelty_centre": (5,), "novelty_scale": (5,)}  # fmt: skip
        for name, shape in wanted.items():
            if not r or arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
                raise ValueError(f"the blend's {name}")
        return cls(**arrays)

    def shares(self, said: Said) -> np.ndarray:
        """How likely each regime is, (n, r)."""
        novelty = (said.novelty() - self.novelty_centre) / self.novelty_scale
        # Beyond what was seen, the gate stays where it was at the border.
        inputs = np.c_[np.clip(novelty, -4, 4), np.ones(len(novelty))]
        shares: np.ndarray = softmax(inputs @ self.gate.T, axis=1)
        return shares

    def mean(self, said: Said) -> np.ndarray:
        """(n,). A part that has nothing to say leaves its weight to the others."""
        weights = self.shares(said) @ self.weights
        silent = ~np.isfinite(said.means)
        parts = weights[:, :-1] * ~silent
        parts *= (weights[:, :-1].sum(1) / np.maximum(parts.sum(1), 1e-9))[:, None]
        mean: np.ndarray = (parts * np.where(silent, 0.0, said.means)).sum(1) + weights[:, -1]
        return mean

    def __call__(self, said: Said) -> Blended:
        shares = self.shares(said)
        spread = np.exp(said.doubt() @ self.spread)
        widths = shares @ self.widths
        # Noise cannot be more than what is uncertain altogether.
        noise = np.minimum(np.sqrt(said.noise), 0.9 * spread)
        parts = shares @ self.weights[:, :-1]
        transformer = parts[:, -1] / np.maximum(parts.sum(1), 1e-9)
        return Blended(self.mean(said), spread, noise, shares, transformer, widths)


def _weights(said: Said, truth: np.ndarray, weight: np.ndarray, centre: float, scale: float) -> np.ndarray:
    """(5,): the parts' and a constant. The transformer's share comes last, from the experiments that a
    pair of networks left out: they are too few to choose everything at once."""
    true_nm = np.exp(centre + scale * truth)
    weight = weight / weight.mean()
    known = said.means[:, :_ALWAYS]

    def error(standardised: np.ndarray, where: np.ndarray | slice = slice(None)) -> float:
        apart = np.exp(np.clip(centre + scale * standardised, -5, 8)) - true_nm[where]
        rounded = np.sqrt(apart**2 + _ROUNDING_NM**2)
        return float((rounded * weight[where]).mean() / np.median(true_nm))

    pull = _PRIOR_EXPERIMENTS / len(truth)

    def loss(w: np.ndarray) -> float:
        return error(known @ w[:-1] + w[-1]) + pull * float(((w[:-1] - 1 / _ALWAYS) ** 2).sum() + w[-1] ** 2)

    first_guess = np.array([*[1 / _ALWAYS] * _ALWAYS, 0.0])
    found = minimize(loss, first_guess, bounds=[*[(0, 1.2)] * _ALWAYS, (-0.5, 0.5)], method="L-BFGS-B").x
    left = np.flatnonzero(np.isfinite(said.means[:, -1]))
    share = 1 / 3
    if len(left) >= _LEAST_HELD_OUT:
        first = known[left] @ found[:-1] + found[-1]
        tried = np.linspace(0, _MOST_TRANSFORMER, 29)
        pull = _PRIOR_EXPERIMENTS / len(left)
        losses = [error((1 - a) * first + a * said.means[left, -1], left) + pull * (a - 1 / 3) ** 2 for a in tried]
        share = float(tried[int(np.argmin(losses))])
    return np.array([*((1 - share) * found[:-1]), share, (1 - share) * found[-1]])


def _gate(novelty: np.ndarray, regime: np.ndarray, regimes: int) -> np.ndarray:
    """Multinomial logistic regression, (r, d + 1)."""
    if regimes == 1:
        return np.zeros((1, novelty.shape[1] + 1))
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=1.0, max_iter=500).fit(novelty, regime)
    gate: np.ndarray = np.c_[found.coef_, found.intercept_]
    return np.concatenate([-gate / 2, gate / 2]) if regimes == 2 else gate


def _spread(doubt: np.ndarray, error: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(4,): the likeliest for errors of a Laplace law, whose tails are those of nanocrystal sizes rather than a normal
    law's; started from, and held to, the precedents' own doubt."""
    prior = np.array([0.0, 1, 0, 0])
    pull = _PRIOR_EXPERIMENTS / len(error)
    weight = weight / weight.mean()

    def loss(b: np.ndarray) -> float:
        logs = np.clip(doubt @ b, -8, 4)
        return float((weight * (logs + np.abs(error) * np.exp(-logs))).mean() + pull * ((b - prior) ** 2).sum())

    found: np.ndarray = minimize(loss, prior, method="L-BFGS-B").x
    return found
