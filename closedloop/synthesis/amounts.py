"""Amounts that a recipe's chemicals would usually have for a wished size and shape, before any search.

Precedents tell what is usual: those that use the chemical, weighed by how many chemicals they share with the recipe, by
amounts that are known, conditions, product, size and shape. The further the nearest of them is, the more the network
has to say, which was trained to fill in masked amounts; where no precedent uses the chemical, it alone
(docs/decisions/0029).
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

# What counts in the distance to a precedent, each from 0: the share of chemicals that only one of the two has, another
# product, the four conditions (in scales of the training set), ln(size) (in nm), another shape, and the mean difference
# of ln(mmol) over the other chemicals whose amounts are known. Chosen on recipes outside the paper's benchmark.
_CHEMICALS, _OTHER_PRODUCT, _LOG_SIZE, _OTHER_SHAPE, _AMOUNTS = 4.0, 0.3, 0.1, 0.2, 8.0
_CONDITIONS = np.array([0.05, 0.15, 0.5, 0.15])
_MOST_APART = {"conditions": 3.0, "size": 2.0, "amounts": 3.0}
_BANDWIDTH = 0.06
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
    words, levels = model.vocabulary, model.learned.parts.precedents.features["amounts"].numpy()
    least, most = np.empty((2, arrays.state.shape[1]))
    for token, identity in enumerate(arrays.identity[0]):
        used = levels[:, identity - 1][levels[:, identity - 1] > 0] if identity > 0 else np.empty(0)
        if len(used):
            least[token], most[token] = _log_mmol(np.array([used.min(), used.max()]))
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
    levels = model.learned.parts.precedents.features["amounts"].numpy()
    listed = arrays.chemical[0] > 0
    masked = listed & (arrays.state[0] == MASKED)
    apart = _apart(model, arrays, target, shape, levels, listed)
    apart += _AMOUNTS * _amounts_apart(arrays, levels, listed & ~masked)
    found = np.full((3, len(listed)), np.nan)
    for token in np.flatnonzero(masked):
        column = arrays.identity[0, token] - 1
        users = np.flatnonzero(levels[:, column] > 0) if column >= 0 else np.empty(0, dtype=np.int64)
        if not len(users):
            continue
        near = apart[users]
        weight = np.exp(-(near - near.min()) / _BANDWIDTH)
        # A chemical in both vessels has one entry among the precedents: its amount is shared out evenly.
        logs = _log_mmol(levels[users, column]) - np.log((arrays.identity[0] == column + 1).sum())
        order = np.argsort(logs, kind="stable")
        reached = np.cumsum(weight[order])
        middle = logs[order][np.searchsorted(reached, reached[-1] / 2)]
        found[:, token] = middle, np.sqrt((weight * (logs - middle) ** 2).sum() / weight.sum()), near.min()
    return _Precedents(*found)


def _apart(
    model: "SynthesisModel", arrays: Arrays, target: Target, shape: int, levels: np.ndarray, listed: np.ndarray
) -> np.ndarray:
    """Distance to each precedent but for amounts, (n,); ``levels`` (n, c) are the precedents' amounts by chemical."""
    parts, scale = model.learned.parts, model.scale
    own = np.unique(arrays.identity[0, listed])
    shared_ones = (levels[:, own[own > 0] - 1] > 0).sum(1)
    apart: np.ndarray = _CHEMICALS * (1 - shared_ones / np.maximum((levels > 0).sum(1) + len(own) - shared_ones, 1))
    apart += _OTHER_PRODUCT * np.array([one.product != target.product for one in model.learned.origins])
    # The first half of the columns are the conditions, the second half tells which are unknown.
    conditions = parts.precedents.features["conditions"].numpy()[:, : len(_CONDITIONS)]
    asked = group_features(arrays, parts.vocabulary)["conditions"][0, : len(_CONDITIONS)]
    apart += np.minimum(np.abs(conditions - asked), _MOST_APART["conditions"]) @ _CONDITIONS
    sizes = scale.centre + scale.scale * parts.precedents.values.numpy()
    apart += _LOG_SIZE * np.minimum(np.abs(sizes - np.log(target.size_nm)), _MOST_APART["size"])
    if shape != NO_SHAPE:
        apart += _OTHER_SHAPE * (parts.precedent_shapes != shape)
    return apart


def _amounts_apart(arrays: Arrays, levels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Mean difference of ln(mmol) to each precedent over the reagents with a ``known`` amount, (n,); one that a
    precedent does not use counts as the most."""
    columns = np.unique(arrays.identity[0, known]) - 1
    columns = columns[columns >= 0]
    if not len(columns):
        return np.zeros(len(levels))
    mmol = np.array([np.exp(arrays.log_amount[0, known & (arrays.identity[0] == c + 1)]).sum() for c in columns])
    others = levels[:, columns]
    differ = np.minimum(np.abs(_log_mmol(others) - np.log(mmol)), _MOST_APART["amounts"])
    mean: np.ndarray = np.where(others > 0, differ, _MOST_APART["amounts"]).mean(1)
    return mean


def _log_mmol(levels: np.ndarray) -> np.ndarray:
    """ln(mmol) of amounts as the precedents hold them."""
    logs: np.ndarray = np.log(np.maximum(np.expm1(levels) / AMOUNT_SLOPE, LEAST_AMOUNT_MMOL))
    return logs
