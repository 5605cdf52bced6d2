"""The training loop: all members at once, each on its own share of the experiments.

Which of them a member leaves out, the caller says (`regimes.LeftOut`: the two members of a pair leave out the same
tenth of each regime's groups). What a pair says of those that it left out tells `blend` how far to trust the networks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from closedloop.synthesis.network import NO_SHAPE, Heads, Network, Tokens
from closedloop.synthesis.tokens import KNOWN, MASKED, Arrays

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Schedule:
    """How long and how hard; the defaults suit a few hundred experiments, `of` suits any number."""

    steps: int = 250
    batch: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    # Weight of the masked-amount loss, and the share of a batch that it is computed on.
    amount_weight: float = 0.3
    design_share: float = 0.33
    shape_weight: float = 0.3
    spread_weight: float = 0.3
    # Chances with which an input is made unknown, so that each kind of unknown is learned; noise on log amounts.
    hide_identity: float = 0.15
    hide_role: float = 0.1
    hide_condition: float = 0.02
    amount_noise: float = 0.03

    @classmethod
    def of(cls, experiments: int) -> "Schedule":
        """Every experiment is seen at least 24 times; larger batches where there is enough to fill them."""
        batch = cls.batch if experiments < 500 else 48
        return cls(steps=max(cls.steps, round(24 * experiments / batch)), batch=batch)


@dataclass(frozen=True)
class Labels:
    """What came out of n experiments; NaN and -1 are unknown. ``weight`` (n,) says how much each counts, ``log_spread``
    (n,) is the logarithm of the standard deviation of the particles' sizes over their mean."""

    size: np.ndarray
    shape: np.ndarray
    log_spread: np.ndarray
    success: np.ndarray
    weight: np.ndarray

    def rows(self, index: np.ndarray) -> "Labels":
        return Labels(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


PER_RECIPE = tuple(field.name for field in fields(Arrays)[:9])
_SEEN = tuple(field.name for field in fields(Arrays) if field.name in {of.name for of in fields(Tokens)})


def to_tokens(arrays: Arrays, device: torch.device) -> dict[str, Tensor]:
    """Every array that the network sees as a tensor on the device."""
    return {name: torch.as_tensor(getattr(arrays, name), device=device) for name in _SEEN}


def select(tensors: dict[str, Tensor], index: Tensor) -> Tokens:
    """The recipes of ``index`` (k, b), each member its own."""
    picked = {name: tensors[name][index] for name in PER_RECIPE}
    return Tokens(**{**tensors, **picked})


def shared(tensors: dict[str, Tensor], members: int) -> Tokens:
    """All recipes, the same for every member."""
    picked = {name: tensors[name].expand(members, *tensors[name].shape) for name in PER_RECIPE}
    return Tokens(**{**tensors, **picked})


@dataclass(frozen=True)
class Answers:
    """What k members say of n recipes: size and ln(relative spread) (k, n), shape logits (k, n, 11)."""

    size: np.ndarray
    log_spread: np.ndarray
    shape: np.ndarray


@torch.no_grad()
def ask(network: Network, arrays: Arrays) -> Answers:
    """On the CPU, where predicting always is."""
    heads = network(shared(to_tokens(arrays, torch.device("cpu")), network.settings.members))
    return Answers(heads.size.double().numpy(), heads.log_spread.double().numpy(), heads.shape.double().numpy())


def train(
    network: Network,
    arrays: Arrays,
    labels: Labels,
    held_out: np.ndarray,
    *,
    seed: int,
    schedule: Schedule,
    device: torch.device,
    progress: Progress | None = None,
) -> None:
    """Train in place. ``held_out`` (k, n) is true where a member may not see an experiment.

    Draws come from generators of its own; the global ones are left as they were.
    """
    rng = np.random.default_rng(seed)
    tensors = to_tokens(arrays, device)
    known = {field.name: torch.as_tensor(getattr(labels, field.name), device=device) for field in fields(labels)}
    pools = [np.flatnonzero(~row) for row in held_out]
    optimiser = torch.optim.AdamW(
        network.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True
    )
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, schedule.learning_rate, schedule.steps, pct_start=0.15)
    batches = [_batches(pool, schedule.batch, rng) for pool in pools]
    network.train()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        for step in range(schedule.steps):
            index = torch.as_tensor(np.stack([next(draw) for draw in batches]), device=device)
            outcome = {name: value[index] for name, value in known.items()}
            loss = _outcome_loss(network(_spoilt(select(tensors, index), schedule)), outcome, schedule)
            share = max(1, round(schedule.design_share * schedule.batch))
            few = {name: value[:, :share] for name, value in outcome.items()}
            loss = loss + schedule.amount_weight * _amount_loss(network, select(tensors, index[:, :share]), few)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimiser.step()
            rate.step()
            if progress and (step % 20 == 19 or step + 1 == schedule.steps):
                progress((step + 1) / schedule.steps, f"training, loss {float(loss.detach()):.3f}")
    network.eval()


def _batches(pool: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless batches of ``size``: the pool in a new order each time it is used up."""
    left = np.empty(0, dtype=np.int64)
    while True:
        while len(left) < size:
            left = np.concatenate([left, rng.permutation(pool)])
        yield left[:size]
        left = left[size:]


def _spoilt(tokens: Tokens, schedule: Schedule) -> Tokens:
    """The same recipes with some inputs made unknown and a little noise on the amounts."""

    def hide(values: Tensor, chance: float) -> Tensor:
        return torch.where(torch.rand(values.shape, device=values.device) < chance, torch.zeros_like(values), values)

    noise = schedule.amount_noise * torch.randn_like(tokens.log_amount)
    seen = torch.rand(tokens.condition_known.shape, device=noise.device) >= schedule.hide_condition
    return replace(
        tokens,
        identity=hide(tokens.identity, schedule.hide_identity),
        role=hide(tokens.role, schedule.hide_role),
        vessel=hide(tokens.vessel, schedule.hide_role),
        log_amount=tokens.log_amount + noise,
        condition_known=tokens.condition_known & seen,
    )


def _outcome_loss(heads: Heads, outcome: dict[str, Tensor], schedule: Schedule) -> Tensor:
    """Summed over members, averaged over the batch, so that a member's gradient does not depend on their number."""
    size, weight = outcome["size"], outcome["weight"]
    has_size = torch.isfinite(size)
    error = (torch.where(has_size, size, heads.size.detach()) - heads.size).square()
    # Weighting the likelihood by a power of the variance keeps the mean from being given up where the noise seems
    # large (Seitzer et al., "On the Pitfalls of Heteroscedastic Uncertainty Estimation", ICLR 2022; beta = 0.5).
    likelihood = 0.5 * (error * (-heads.log_variance).exp() + heads.log_variance)
    likelihood = likelihood * (0.5 * heads.log_variance.detach()).exp()
    loss = _mean(likelihood, has_size * weight)
    shape = outcome["shape"]
    entropy = functional.cross_entropy(heads.shape.transpose(1, 2), shape.clamp_min(0), reduction="none")
    loss = loss + schedule.shape_weight * _mean(entropy, (shape >= 0) * weight)
    spread = outcome["log_spread"]
    known = torch.isfinite(spread)
    error = functional.smooth_l1_loss(heads.log_spread, torch.where(known, spread, 0.0), beta=0.3, reduction="none")
    return loss + schedule.spread_weight * _mean(error, known * weight)


def _amount_loss(network: Network, tokens: Tokens, outcome: dict[str, Tensor]) -> Tensor:
    """Hide amounts (half of the time all of a recipe's), show what came out, and ask for them back."""
    shape = tokens.state.shape
    rate = torch.rand(*shape[:2], 1, device=tokens.state.device) * 2
    hidden = (torch.rand(shape, device=rate.device) < rate) & (tokens.state == KNOWN) & (tokens.chemical > 0)
    size = outcome["size"]
    usable = torch.isfinite(size) & (outcome["success"] != 0)
    shown = replace(
        tokens,
        state=torch.where(hidden, torch.full_like(tokens.state, MASKED), tokens.state),
        wished_size=torch.where(usable, size, torch.zeros_like(size)),
        wished_shape=torch.where(outcome["shape"] >= 0, outcome["shape"], torch.full_like(outcome["shape"], NO_SHAPE)),
    )
    wanted = (tokens.log_amount - network.amount_centre) / network.amount_scale
    error = functional.smooth_l1_loss(network(shown, amounts=True).amount, wanted, beta=0.3, reduction="none")
    return _mean(error.flatten(1), (hidden * (usable * outcome["weight"])[..., None]).flatten(1))


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean over the batch of each member, summed over members; zero where nothing has weight."""
    return ((values * weight).sum(1) / weight.sum(1).clamp_min(1e-6)).sum()
