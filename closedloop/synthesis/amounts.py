"""Amounts that a recipe's chemicals would usually have for a wished size and shape, before any search.

Precedents tell what is usual: those that use the chemical, weighed by how likely the recipe has the amount that they
have (`past_amounts` compares, `amount_choice` weighs). The further the nearest of them is, the more the network has to
say, which was trained to fill in masked amounts; where no precedent uses the chemical, it alone (docs/decisions/0029).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from closedloop.recipes import Target
from closedloop.synthesis.network import NO_SHAPE, SHAPES
from closedloop.synthesis.past_amounts import Wish
from closedloop.synthesis.precedents import group_features
from closedloop.synthesis.tokens import CONDITIONS, KNOWN, MASKED, Arrays
from closedloop.synthesis.training import shared, to_tokens

if TYPE_CHECKING:
    from closedloop.synthesis.model import SynthesisModel

# At this distance of the nearest precedent, precedents and network count alike.
_FAR = 2.0
# How far from the training amounts (in their standard deviations) the network may go, and upwards for a chemical that
# is new.
_REACH = 3.0
_NEW_REACH = 2.0
_LEAST_SD, _MOST_SD = 0.05, 1.0


@dataclass(frozen=True)
class Usual:
    """``log_mmol`` (r,) of one recipe's tokens, the standard deviation ``sd`` (r,) of what is usual, and the ``least``
    and ``most`` (r,) that the chemical was ever used in."""

    log_mmol: np.ndarray
    sd: np.ndarray
    least: np.ndarray
    most: np.ndarray


def usual_amounts(model: "SynthesisModel", arrays: Arrays, target: Target) -> Usual:
    """For the MASKED tokens of one recipe (``arrays`` of length 1); others come back as they are, with no deviation."""
    masked = arrays.state[0] == MASKED
    size = float((np.log(target.size_nm) - model.scale.centre) / model.scale.scale)
    shape = NO_SHAPE if target.shape is None else SHAPES.index(target.shape)
    least, most = _range(model, arrays)
    network = np.clip(_by_network(model, arrays, size, shape), least, most)
    precedents = _by_precedents(model, arrays, target, shape)
    found = np.isfinite(precedents.log_mmol)
    said = np.where(found, precedents.log_mmol, network)
    of_network = np.where(found, np.minimum(precedents.nearest / _FAR, 1.0) / 2, 1.0)
    mixed = of_network * network + (1 - of_network) * said
    doubt = np.hypot(precedents.spread, of_network * (said - network))
    sd = np.clip(np.where(found, doubt, _MOST_SD), _LEAST_SD, _MOST_SD)
    return Usual(np.where(masked, mixed, arrays.log_amount[0]), np.where(masked, sd, 0.0), least, most)


def _range(model: "SynthesisModel", arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """ln(mmol) between which each token's chemical was used in training, (r,) each; all chemicals', for a new one."""
    words, past = model.vocabulary, model.past_amounts
    least, most = np.empty((2, arrays.state.shape[1]))
    for token, identity in enumerate(arrays.identity[0]):
        used = past.logs[past.used[:, identity - 1], identity - 1] if identity > 0 else np.empty(0)
        if len(used):
            least[token], most[token] = used.min(), used.max()
        else:
            least[token] = words.amount_centre - _REACH * words.amount_scale
            most[token] = words.amount_centre + _NEW_REACH * words.amount_scale
    return least, most


@torch.no_grad()
def _by_network(model: "SynthesisModel", arrays: Arrays, size: float, shape: int) -> np.ndarray:
    """ln(mmol) of each token as the masked-amount head has it, mean over the members, (r,)."""
    words = model.vocabulary
    tokens = shared(to_tokens(arrays, torch.device("cpu")), model.network.settings.members)
    tokens.wished_size = torch.full(tokens.product.shape, size)
    tokens.wished_shape = torch.full(tokens.product.shape, shape)
    standardised = model.network(tokens, amounts=True).amount.mean(0)[0].clamp(-_REACH, _REACH).double().numpy()
    amounts: np.ndarray = words.amount_centre + words.amount_scale * standardised
    return amounts


@dataclass(frozen=True)
class _Precedents:
    """Of each token of one recipe, (r,): weighted median of ln(mmol) among the precedents that use the chemical, their
    weighted deviation from it, and the distance of the nearest; NaN where no precedent does."""

    log_mmol: np.ndarray
    spread: np.ndarray
    nearest: np.ndarray


def _by_precedents(model: "SynthesisModel", arrays: Arrays, target: Target, shape: int) -> _Precedents:
    identity = arrays.identity[0]
    masked = (arrays.chemical[0] > 0) & (arrays.state[0] == MASKED)
    found = np.full((3, len(masked)), np.nan)
    columns = np.unique(identity[masked & (identity > 0)] - 1).tolist()
    wish = _wish(model, arrays, target, shape)
    for column, of in zip(columns, model.past_amounts.candidates(wish, columns), strict=True):
        if of is None:
            continue
        weight = model.learned.amount_choice.weights(of)
        order = np.argsort(of.log_mmol, kind="stable")
        reached = np.cumsum(weight[order])
        middle = of.log_mmol[order][np.searchsorted(reached, reached[-1] / 2)]
        spread = np.sqrt((weight * (of.log_mmol - middle) ** 2).sum() / weight.sum())
        tokens = identity == column + 1
        # A chemical in both vessels has one entry among the precedents: its amount is shared out evenly.
        found[:, masked & tokens] = np.array([[middle - np.log(tokens.sum())], [spread], [of.nearest]])
    return _Precedents(*found)


def _wish(model: "SynthesisModel", arrays: Arrays, target: Target, shape: int) -> Wish:
    parts, identity = model.learned.parts, arrays.identity[0]
    listed = arrays.chemical[0] > 0
    used = np.zeros(parts.vocabulary, dtype=bool)
    used[identity[identity > 0] - 1] = True
    # An amount of which a share is unknown is unknown.
    told = listed & (arrays.state[0] == KNOWN) & ~np.isin(identity, identity[listed & (arrays.state[0] != KNOWN)])
    known = np.unique(identity[told & (identity > 0)]) - 1
    mmol = [np.exp(arrays.log_amount[0, identity == column + 1]).sum() for column in known.tolist()]
    asked = group_features(arrays, parts.vocabulary)
    return Wish(
        used,
        len(np.unique(arrays.chemical[0, listed & (identity == 0)])),
        known,
        np.log(np.array(mmol)),
        asked["conditions"][0, : len(CONDITIONS)],
        target.product,
        asked["product"][0],
        float(np.log(target.size_nm)),
        -1 if shape == NO_SHAPE else shape,
    )
