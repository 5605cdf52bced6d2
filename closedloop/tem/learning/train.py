"""The training itself: steps, their size, the running mean of the weights that is kept, checkpoints to go on from."""

import hashlib
import math
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from closedloop.recipes import ClosedloopError
from closedloop.tem.learning.loss import loss
from closedloop.tem.learning.samples import Group, batches
from closedloop.tem.network import ParticleNet
from closedloop.whole_files import whole

_LEAST_RATE = 0.02  # of the highest, at the end
_WARM_UP = 100
_CHECKPOINT_EVERY = 200


@dataclass(frozen=True)
class Schedule:
    """steps of `count` crops of `size` pixels; rate is the highest step of the decoder, a quarter of it the encoder's.

    towards_start: how strongly the weights are held to where they began (L2-SP, Li et al., ICML 2018); for fine-tuning.
    """

    steps: int = 4300
    count: int = 12
    size: int = 192
    rate: float = 1.5e-3
    towards_start: float = 0.0


class UnusableCheckpoint(ClosedloopError):
    """The checkpoint where training would go on is damaged or of another training."""


Progress = Callable[[int, int, float], None]


def train(
    net: ParticleNet,
    groups: Sequence[Group],
    schedule: Schedule,
    *,
    seed: int,
    device: str = "cpu",
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> ParticleNet:
    """The network with the running mean of its weights, on the CPU. One that was stopped goes on from `checkpoint`.

    progress: called with the step, the number of steps and a running mean of the loss.

    Raises `UnusableCheckpoint` where the checkpoint is of other data, another schedule, seed or start.
    """
    torch.manual_seed(seed)
    run = "" if checkpoint is None else _digest(net, groups, schedule, seed)
    net = net.to(device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    _freeze_first(net)
    encoder = [parameter for parameter in net.blocks.parameters() if parameter.requires_grad]
    known = {id(parameter) for parameter in encoder}
    decoder = [p for p in net.parameters() if p.requires_grad and id(p) not in known]
    optimiser = torch.optim.AdamW(
        [{"params": encoder, "lr": schedule.rate / 4}, {"params": decoder, "lr": schedule.rate}], weight_decay=1e-3
    )
    rates = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, schedule.steps))
    start = [parameter.detach().clone() for parameter in encoder + decoder]
    mean = {name: value.detach().clone() for name, value in net.state_dict().items()}
    first = 0
    if checkpoint is not None and checkpoint.is_file():
        kept = _read(checkpoint, run, device)
        net.load_state_dict(kept["net"])
        optimiser.load_state_dict(kept["optimiser"])
        rates.load_state_dict(kept["rates"])
        mean, first = kept["mean"], int(kept["step"])
    running: float | None = None
    for step, (images, wanted) in enumerate(
        batches(groups, schedule.size, schedule.count, seed, schedule.steps, first), first
    ):
        images = images.to(device=device, memory_format=torch.channels_last)
        misfit = loss(net(images), wanted.to(device))
        if schedule.towards_start:
            moved = sum(((p - q) ** 2).sum() for p, q in zip(encoder + decoder, start, strict=True))
            misfit = misfit + schedule.towards_start * moved
        optimiser.zero_grad()
        misfit.backward()
        torch.nn.utils.clip_grad_norm_(encoder + decoder, 1.0)
        optimiser.step()
        rates.step()
        _follow(mean, net, step)
        now = float(misfit.detach())
        running = now if running is None else 0.98 * running + 0.02 * now
        if progress is not None:
            progress(step + 1, schedule.steps, running)
        if checkpoint is not None and (step + 1) % _CHECKPOINT_EVERY == 0:
            state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "rates": rates.state_dict()}
            with whole(checkpoint) as draft:
                torch.save(state | {"mean": mean, "step": step + 1, "run": run}, draft)
    net.load_state_dict(mean)
    return net.cpu().eval()


def _digest(net: ParticleNet, groups: Sequence[Group], schedule: Schedule, seed: int) -> str:
    """Of all that decides where a training ends: start, data, schedule and seed."""
    digest = hashlib.sha256(f"{schedule} {seed}".encode())
    for name, value in net.state_dict().items():
        digest.update(f"{name} {tuple(value.shape)}".encode() + value.detach().cpu().numpy().tobytes())
    for group in groups:
        digest.update(f"{len(group.samples)} {group.share}".encode())
        for sample in group.samples:
            digest.update(f"{sample.grey.shape}".encode() + sample.grey.tobytes() + sample.labels.tobytes())
    return digest.hexdigest()


def _read(checkpoint: Path, run: str, device: str) -> dict[str, Any]:
    remedy = "delete the file to begin anew"
    try:
        kept = torch.load(checkpoint, map_location=device, weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise UnusableCheckpoint(f"{checkpoint}: cannot be read as a checkpoint of training; {remedy}") from error
    if not isinstance(kept, dict) or kept.get("run") != run:
        raise UnusableCheckpoint(
            f"{checkpoint}: is of another training (other images, steps, rate, seed or start); repeat the command that "
            f"began it, or {remedy}"
        )
    return kept


def _freeze_first(net: ParticleNet) -> None:
    """Edges are edges: the first two steps stay as they were, which saves a fifth of the time."""
    for module in (net.stem, net.blocks[0]):
        module.requires_grad_(False)


def _rate(step: int, steps: int) -> float:
    fall = _LEAST_RATE + (1 - _LEAST_RATE) * 0.5 * (1 + math.cos(math.pi * step / steps))
    return min(1.0, (step + 1) / min(_WARM_UP, max(1, steps // 5))) * fall


def _follow(mean: dict[str, torch.Tensor], net: ParticleNet, step: int) -> None:
    """Running mean of the weights (Polyak and Juditsky, SIAM J. Control Optim. 1992), short at first."""
    share = 1 - min(0.998, (step + 1) / (step + 20))
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.dtype.is_floating_point:
                mean[name].lerp_(value, share)
            else:
                mean[name].copy_(value)
