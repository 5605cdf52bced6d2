"""``python -m closedloop.tem.label_training``: draw lines of text, train the label reader, write its weights.

Everything is drawn from the seed and in the fonts that are installed. What the reader is good for is measured elsewhere
(``benchmarks/scalebars.py``).
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import ctc_loss

from closedloop.tem.label_drawing import Drawn, draw, fonts
from closedloop.tem.label_network import LETTERS, WEIGHTS, LabelNet, prepared
from closedloop.whole_files import whole

_BATCH, _POOL = 64, 512
_RATE = 2.5e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=90_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    train(arguments.lines, arguments.seed, arguments.out)


def train(lines: int, seed: int, out: Path) -> None:
    """Train on so many drawn lines and write the weights in half precision, at each tenth of the way."""
    torch.manual_seed(seed)
    net = LabelNet().train()
    steps = lines // _POOL * (_POOL // _BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), _RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, steps, pct_start=0.15)
    done, losses, start = 0, [], time.monotonic()
    for pool in range(lines // _POOL):
        rng = np.random.default_rng([seed, pool])
        # Lines of like width together, so that little of a batch is empty.
        drawn = sorted((draw(rng) for _ in range(_POOL)), key=lambda one: one.picture.shape[1])
        batches = [drawn[first : first + _BATCH] for first in range(0, _POOL, _BATCH)]
        for number in rng.permutation(len(batches)):
            losses.append(_step(net, optimizer, batches[number]))
            schedule.step()
            done += 1
        if (pool + 1) % max(1, lines // _POOL // 20) == 0 or done == steps:
            print(
                f"{done} of {steps}: loss {np.mean(losses[-100:]):.3f}, {time.monotonic() - start:.0f} s",
                file=sys.stderr,
                flush=True,
            )
            _save(net, out, {"lines": (pool + 1) * _POOL, "seed": seed, "fonts": len(fonts())})


def _step(net: LabelNet, optimizer: torch.optim.Optimizer, batch: list[Drawn]) -> float:
    widest = max(one.picture.shape[1] for one in batch) + 8
    pictures = torch.from_numpy(np.stack([prepared(one.picture, widest) for one in batch]))[:, None]
    targets = torch.tensor([1 + LETTERS.index(letter) for one in batch for letter in one.text])
    lengths = torch.tensor([len(one.text) for one in batch])
    scores = net(pictures).log_softmax(2).transpose(0, 1)
    columns = torch.full((len(batch),), scores.shape[0])
    loss = ctc_loss(scores, targets, columns, lengths, zero_infinity=True)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
    optimizer.step()
    return loss.item()


def _save(net: LabelNet, out: Path, about: dict[str, int]) -> None:
    from safetensors.torch import save_file

    state = {
        name: value.detach().half().contiguous()
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    with whole(out) as draft:
        save_file(state, draft, {"about": json.dumps(about)})


if __name__ == "__main__":
    main()
