"""Amounts that a recipe's chemicals would usually have for a wished size and shape, before any search.

Two voices: the network, which was trained to fill in masked amounts, and the precedents that are most like the recipe
as far as it is known. Among siblings the latter knows better, for new mixtures the former.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from closedloop.recipes import Target
from closedloop.synthesis.network import NO_SHAPE, SHAPES
from closedloop.synthesis.precedents import group_features
from closedloop.synthesis.tokens import AMOUNT_SLOPE, LEAST_AMOUNT_MMOL, MASKED, Arrays
from closedloop.synthesis.training import shared, to_tokens

if TYPE_CHECKING:
    from closedloop.synthesis.model import SynthesisModel

# How much each group of inputs counts in the distance to a precedent, in units of its median distance squared.
_GROUPS = {"amounts": 8.0, "mixture": 2.0, "product": 4.0, "conditions": 2.0}
# A ln(size) apart by this counts like one unit; so does another shape.
_LOG_SIZE = 0.5
_OTHER_SHAPE = 0.6
_BANDWIDTH = 0.15
# How far from the training amounts (in their standard deviations) the network may go, and upwards for a chemical that
# is new.
_REACH = 3.0
_NEW_REACH = 2.0
_LEAST_SD, _MOST_SD = 0.05, 1.0
_PRECEDENTS_SHARE = 0.5


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
    precedents, spread = _by_precedents(model, arrays, size, shape)
    found = np.isfinite(precedents)
    share = np.where(found, _PRECEDENTS_SHARE, 0.0)
    mixed = share * np.where(found, precedents, 0.0) + (1 - share) * network
    between = np.where(found, (precedents - network) / 2, _MOST_SD)
    sd = np.clip(np.sqrt(np.where(found, spread, 0.0) ** 2 + between**2), _LEAST_SD, _MOST_SD)
    return Usual(np.where(masked, mixed, arrays.log_amount[0]), np.where(masked, sd, 0.0), least, most)


def _range(model: "SynthesisModel", arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """ln(mmol) between which each token's chemical was used in training, (r,) each; all chemicals', for a new one."""
    words, levels = model.vocabulary, model.learned.parts.precedents.features["amounts"].numpy()
    least, most = np.empty((2, arrays.state.shape[1]))
    for token, identity in enumerate(arrays.identity[0]):
        used = levels[:, identity - 1][levels[:, identity - 1] > 0] if identity > 0 else np.empty(0)
        if len(used):
            ends = np.expm1([used.min(), used.max()]) / AMOUNT_SLOPE
            least[token], most[token] = np.log(np.maximum(ends, LEAST_AMOUNT_MMOL))
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


def _by_precedents(model: "SynthesisModel", arrays: Arrays, size: float, shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Weighted median of ln(mmol) among the precedents that use the chemical, and its weighted deviation, (r,) each;
    NaN where no precedent does."""
    parts = model.learned.parts
    known = {name: value.numpy() for name, value in parts.precedents.features.items()}
    asked = group_features(arrays, parts.vocabulary)
    masked = np.flatnonzero((arrays.state[0] == MASKED) & (arrays.chemical[0] > 0))
    columns = np.unique(arrays.identity[0, masked] - 1)
    columns = columns[columns >= 0]
    # What is not known of the recipe must not count against a precedent: there, presence alone is compared.
    amounts = known["amounts"].copy()
    typical = np.log1p(AMOUNT_SLOPE)
    moved = (typical - amounts[:, columns]) * (amounts[:, columns] > 0)
    total = known["amounts"].sum(1, keepdims=True)
    vectors = model.vocabulary.vectors[columns].astype(float)
    mixture = (known["mixture"] * total + moved @ vectors) / np.maximum(total + moved.sum(1, keepdims=True), 1e-9)
    amounts[:, columns] += moved
    distance = np.zeros(len(amounts))
    for name, rows in (known | {"amounts": amounts, "mixture": mixture}).items():
        distance += _GROUPS[name] * ((rows - asked[name][0]) ** 2).sum(1) / _typical_square(rows)
    distance += (model.scale.scale * (parts.precedents.values.numpy() - size) / _LOG_SIZE) ** 2
    if shape != NO_SHAPE:
        distance += _OTHER_SHAPE * (parts.precedent_shapes != shape)
    said, spread = np.full((2, arrays.state.shape[1]), np.nan)
    for token in masked:
        column = arrays.identity[0, token] - 1
        users = np.flatnonzero(known["amounts"][:, column] > 0) if column >= 0 else np.empty(0, dtype=np.int64)
        if not len(users):
            continue
        near = distance[users]
        weight = np.exp(-(near - near.min()) / _BANDWIDTH)
        logs = np.log(np.maximum(np.expm1(known["amounts"][users, column]) / AMOUNT_SLOPE, LEAST_AMOUNT_MMOL))
        # A chemical in both vessels has one entry among the precedents: its amount is shared out evenly.
        logs = logs - np.log((arrays.identity[0] == column + 1).sum())
        order = np.argsort(logs, kind="stable")
        reached = np.cumsum(weight[order])
        middle = logs[order][np.searchsorted(reached, reached[-1] / 2)]
        said[token] = middle
        spread[token] = np.sqrt((weight * (logs - middle) ** 2).sum() / weight.sum())
    return said, spread


def _typical_square(rows: np.ndarray) -> float:
    """Median squared distance between rows (n, d); 1 where they are alike."""
    some = rows[:: max(1, len(rows) // 200)]
    squares = (some**2).sum(1)[:, None] + (some**2).sum(1) - 2 * some @ some.T
    typical = float(np.median(squares))
    return typical if typical > 1e-9 else 1.0
