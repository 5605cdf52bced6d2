"""Design in reverse: the network fills in masked amounts for a wished size and shape, then a search on the model itself
moves them until the model's own prediction meets the target."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from closedloop.recipes import Recipe, Target
from closedloop.synthesis.errors import DesignError
from closedloop.synthesis.network import NO_SHAPE, SHAPES
from closedloop.synthesis.tokens import LEAST_AMOUNT_MMOL
from closedloop.synthesis.training import shared, to_tokens

if TYPE_CHECKING:
    from closedloop.synthesis.model import SynthesisModel

_ROUNDS = 4
_CANDIDATES = 192
# Standard deviation of ln(amount) that the search begins with, and how many candidates each round keeps.
_FIRST_STEP = 0.5
_KEPT = 24
# How much a factor of e away from the network's own amounts costs, in tolerances squared: a tie-breaker.
_PULL = 0.05
# How far from the training amounts (in their standard deviations) a designed amount may lie.
_REACH = 3.0


def design(model: "SynthesisModel", recipe: Recipe, target: Target, *, seed: int) -> Recipe:
    """See `SynthesisModel.design_amounts`."""
    _check(recipe, target)
    ceiling = _ceilings(recipe, target)
    first = np.minimum(_filled_in(model, recipe, target), np.log(np.maximum(ceiling, LEAST_AMOUNT_MMOL)))
    rng = np.random.default_rng(seed)
    centre, step = first, np.full(len(first), _FIRST_STEP)
    best, best_cost = first, np.inf
    for _ in range(_ROUNDS):
        drawn = centre + step * rng.standard_normal((_CANDIDATES, len(first)))
        drawn = np.minimum(np.vstack([centre, best, drawn]), np.log(np.maximum(ceiling, LEAST_AMOUNT_MMOL)))
        cost = _cost(model, [_with(recipe, target, row) for row in drawn], target)
        cost = cost + _PULL * ((drawn - first) ** 2).mean(1)
        order = np.argsort(cost, kind="stable")
        if cost[order[0]] < best_cost:
            best, best_cost = drawn[order[0]], float(cost[order[0]])
        kept = drawn[order[:_KEPT]]
        centre, step = kept.mean(0), kept.std(0) + 0.02
    return _with(recipe, target, best)


def _check(recipe: Recipe, target: Target) -> None:
    if not recipe.reagents:
        raise DesignError("the recipe lists no reagents; name the chemicals whose amounts are to be designed")
    if recipe.product != target.product:
        raise DesignError(
            f"the recipe makes {recipe.product} but the target is {target.product}; give a recipe for the target"
        )
    amounts = {(reagent.name, reagent.vessel): 0.0 for reagent in recipe.reagents}
    broken = target.limits.violations(recipe.with_amounts(amounts))
    if broken:
        raise DesignError(f"no amounts can help: {'; '.join(broken)}; change the recipe or the limits")


def _ceilings(recipe: Recipe, target: Target) -> np.ndarray:
    """Most mmol of each reagent, (r,): a limit on a chemical is shared by its entries, that of no limit is infinite."""
    names = [reagent.name for reagent in recipe.reagents]
    return np.array([target.limits.max_amounts_mmol.get(name, np.inf) / names.count(name) for name in names])


@torch.no_grad()
def _filled_in(model: "SynthesisModel", recipe: Recipe, target: Target) -> np.ndarray:
    """ln(mmol) of each reagent as the masked-amount head has it, mean over the members, (r,)."""
    words = model.vocabulary
    tokens = shared(to_tokens(words.encode([recipe], masked=True), torch.device("cpu")), model.network.settings.members)
    wish = (np.log(target.size_nm) - model.scale.centre) / model.scale.scale
    tokens.wished_size = torch.full(tokens.product.shape, float(wish))
    shape = NO_SHAPE if target.shape is None else SHAPES.index(target.shape)
    tokens.wished_shape = torch.full(tokens.product.shape, shape)
    standardised = model.network(tokens, amounts=True).amount.mean(0)[0].clamp(-_REACH, _REACH).double().numpy()
    amounts: np.ndarray = words.amount_centre + words.amount_scale * standardised
    return amounts


def _with(recipe: Recipe, target: Target, log_amounts: np.ndarray) -> Recipe:
    """The recipe with these amounts to four digits, rounded down where a limit stands."""
    ceiling = _ceilings(recipe, target)
    amounts = np.minimum([float(f"{value:.4g}") for value in np.exp(log_amounts)], ceiling)
    return recipe.with_amounts(
        {
            (reagent.name, reagent.vessel): float(amount)
            for reagent, amount in zip(recipe.reagents, amounts, strict=True)
        }
    )


def _cost(model: "SynthesisModel", recipes: list[Recipe], target: Target) -> np.ndarray:
    """How badly each recipe is predicted to meet the target, in tolerances squared, (n,)."""
    said = model.predict_arrays(recipes)
    tolerance = target.half_width_nm / target.size_nm
    missed = (said.log_size_mean - np.log(target.size_nm)) / tolerance
    # Of two that hit, the one that the model is surer of; then the likelier success and shape.
    cost = missed**2 + (said.log_size_sd / tolerance) ** 2 / 20 + np.logaddexp(0, -said.success_logit)
    if target.shape is not None:
        cost = cost - np.log(said.shape_probabilities[:, SHAPES.index(target.shape)] + 1e-6)
    return cost
