"""Several parts' predictions into one, with an interval that holds: weights, widths and doubt for each regime, and a
gate that says from how new a recipe looks which regime it is in.

All that is learned here is learned from predictions for experiments that the parts had not seen, left out by regime
(`regimes`). Leaves the weights of one regime to `part_weights`. docs/decisions/0028.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import softmax

from closedloop.synthesis.calibration import LEVELS, Calibration
from closedloop.synthesis.part_weights import LeftOutAnswers, part_weights, together

# The last has an answer for what was left out where a pair of members left it out, the one before it among siblings
# where a precedent is near; the others always.
PARTS = ("forest", "precedents", "consensus", "differences", "transformer")
# Pull of the spread towards the precedents' own doubt, in experiments: with fewer held-out ones it decides.
_PRIOR_EXPERIMENTS = 10.0
_LEAST_HELD_OUT = 10
# Of fewer than this, errors are of weights and spread that were learned without them: a few are soon learned by heart.
_FEW_HELD_OUT = 40
_FOLDS = 5
_LEAST_SPREAD = 1e-3


@dataclass(frozen=True)
class Said:
    """What the parts say of n recipes, standardised: means (n, 5) in the order of `PARTS`, NaN where a part has not
    left the recipe out or has nothing to say; variance between the forest's trees, of the precedents' error and noise,
    (n,) each; and how new the recipe looks: likeness to the nearest precedent, how many precedents make the product."""

    means: np.ndarray
    between_trees: np.ndarray
    variance: np.ndarray
    noise: np.ndarray
    nearest: np.ndarray
    product_seen: np.ndarray

    def rows(self, index: np.ndarray) -> "Said":
        return Said(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

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
class _Trial:
    """See `Blend.of`."""

    held_out: Sequence[Said]
    truth: np.ndarray
    weight: np.ndarray
    groups: Sequence[np.ndarray]
    centre: float
    scale: float

    def rows(self, index: np.ndarray) -> "_Trial":
        said, groups = [one.rows(index) for one in self.held_out], [of[index] for of in self.groups]
        return replace(self, held_out=said, truth=self.truth[index], weight=self.weight[index], groups=groups)


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
    """r regimes. ``weights`` (r, 6): of the parts, then a constant. ``gate`` (r, 6): logits from standardised novelty,
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
        """For too few experiments to weigh parts by: they count alike, the precedents' own doubt stands."""
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
        groups: Sequence[np.ndarray] | None = None,
    ) -> Self:
        """One `Said` for each regime; ``truth`` (n,) standardised: ln(nm) = centre + scale · truth. ``groups``: of each
        regime, numbers (n,) of what was left out as a whole; every experiment by itself unless given."""
        if not held_out:
            return cls.unlearned()
        if groups is None:
            groups = [np.arange(len(truth))] * len(held_out)
        trial = _Trial(held_out, truth, weight, groups, centre, scale)
        if len(truth) < _LEAST_HELD_OUT:
            # What is new next time is as new as what was left out last.
            trial = replace(trial, held_out=held_out[-1:], groups=groups[-1:])
            blend, errors = cls.unlearned(), cls.unlearned()._errors(trial)
        else:
            blend = cls._without_widths(trial)
            errors = _errors_left_out(trial) if len(truth) < _FEW_HELD_OUT else blend._errors(trial)
        widths = [
            Calibration.of(of, len(np.unique(group))).widths for of, group in zip(errors, trial.groups, strict=True)
        ]
        return replace(blend, widths=np.stack(widths))

    @classmethod
    def _without_widths(cls, trial: _Trial) -> Self:
        held_out, truth, weight = trial.held_out, trial.truth, trial.weight
        weights = np.stack(
            [
                part_weights(LeftOutAnswers(said.means, truth, weight / weight.mean(), of, trial.centre, trial.scale))
                for said, of in zip(held_out, trial.groups, strict=True)
            ]
        )
        novelty = np.concatenate([said.novelty() for said in held_out])
        middle, width = novelty.mean(0), novelty.std(0) + 1e-6
        regime = np.repeat(np.arange(len(held_out)), len(truth))
        gate = _gate((novelty - middle) / width, regime, len(held_out))
        blend = cls(weights, gate, middle, width, np.array([0.0, 1, 0, 0]), np.zeros((len(held_out), len(LEVELS))))
        means = np.concatenate([blend.mean(said) for said in held_out])
        error = np.tile(truth, len(held_out)) - means
        spread = _spread(np.concatenate([said.doubt() for said in held_out]), error, np.tile(weight, len(held_out)))
        return replace(blend, spread=spread)

    def _errors(self, trial: _Trial) -> list[np.ndarray]:
        """Of each regime, in spreads, (n,)."""
        return [(trial.truth - self.mean(said)) / np.exp(said.doubt() @ self.spread) for said in trial.held_out]

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
        return together(said.means, self.shares(said) @ self.weights)

    def __call__(self, said: Said) -> Blended:
        shares = self.shares(said)
        spread = np.exp(said.doubt() @ self.spread)
        widths = shares @ self.widths
        # Noise cannot be more than what is uncertain altogether.
        noise = np.minimum(np.sqrt(said.noise), 0.9 * spread)
        parts = shares @ self.weights[:, :-1]
        transformer = parts[:, -1] / np.maximum(parts.sum(1), 1e-9)
        return Blended(self.mean(said), spread, noise, shares, transformer, widths)


def _errors_left_out(trial: _Trial) -> list[np.ndarray]:
    """`Blend._errors` by blends that were learned without them."""
    from sklearn.model_selection import GroupKFold

    found = [np.empty(len(trial.truth)) for _ in trial.held_out]
    last = trial.groups[-1]
    for rest, out in GroupKFold(min(_FOLDS, len(np.unique(last)))).split(last, groups=last):
        learned = Blend._without_widths(trial.rows(rest))
        for into, errors in zip(found, learned._errors(trial.rows(out)), strict=True):
            into[out] = errors
    return found


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
