"""What training makes small: the misfit of the four maps to their targets."""

from torch import Tensor
from torch.nn import functional


def loss(said: Tensor, wanted: Tensor) -> Tensor:
    """Scalar, from maps (n, 4, H, W) and targets (n, 5, H, W) whose last is the weight of a pixel."""
    particle, seed, flows, weight = wanted[:, 0], wanted[:, 1], wanted[:, 2:4], wanted[:, 4]
    known = weight.sum((1, 2)).clamp(min=1.0)
    crossed = functional.binary_cross_entropy_with_logits(said[:, 0], particle, reduction="none")
    crossed = (crossed * weight).sum((1, 2)) / known
    chance = said[:, 0].sigmoid() * (weight > 0)
    # Dice (Milletari et al., 3DV 2016): few particles on much ground count as much as many.
    overlap = 1 - (2 * (chance * particle).sum((1, 2)) + 50) / (chance.sum((1, 2)) + particle.sum((1, 2)) + 50)
    inside = weight * particle
    area = inside.sum((1, 2)).clamp(min=1.0)
    missed = functional.smooth_l1_loss(said[:, 1].sigmoid(), seed, beta=0.1, reduction="none")
    seeds = (missed * inside).sum((1, 2)) / area + (missed * weight).sum((1, 2)) / known
    turned = ((said[:, 2:4].tanh() - flows) ** 2).sum(1)
    flow = (turned * inside).sum((1, 2)) / area
    return (crossed + 0.5 * overlap + 3.0 * seeds + 0.4 * flow).mean()
