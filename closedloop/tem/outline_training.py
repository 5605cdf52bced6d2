"""``python -m closedloop.tem.outline_training``: draw outlines, train the shape classifier, write its weights.

Everything is drawn from the seed, so the command reproduces the shipped weights. What the classifier is good for is
measured elsewhere, on outlines that the simulated microscope draws (``benchmarks/tem_shapes.py``).
"""

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.tem.outline_classes import CLASSES, WEIGHTS
from closedloop.tem.outline_contours import trace
from closedloop.tem.outline_drawing import LEAST_PX, MOST_PX, draw, rasterised
from closedloop.tem.outline_features import features
from closedloop.whole_files import write_whole

MOST_NOISE_PX = 0.7  # standard deviation: about ± 1 px
_HIDDEN = (160, 96)
BLOCK = 2000  # outlines drawn from one stream of random numbers


def draw_samples(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features (n, f) and targets (n, 11) of drawn outlines, n being `count` rounded up to whole blocks."""
    blocks = -(-count // BLOCK)
    drawn = []
    for index in range(blocks):
        drawn.append(draw_block(seed, index))
        print(f"\rdrawn {(index + 1) * BLOCK} of {blocks * BLOCK}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return np.concatenate([each[0] for each in drawn]), np.concatenate([each[1] for each in drawn])


def draw_block(seed: int, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The `index`-th block of the samples that belong to a seed."""
    random = np.random.default_rng([seed, index])
    masks = []
    targets = np.zeros((BLOCK, len(CLASSES)), np.float32)
    for row in targets:
        line, shares = draw(random)
        for shape, share in shares.items():
            row[CLASSES.index(shape)] = share
        diameter = float(np.exp(random.uniform(np.log(LEAST_PX), np.log(MOST_PX))))
        masks.append(rasterised(line, diameter, max(0.0, random.uniform(-0.1, MOST_NOISE_PX)), random))
    return features(trace(masks)), targets


def train(
    described: NDArray[np.float32], targets: NDArray[np.float32], *, epochs: int, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Weights of the network by their names in the file; described (n, f), targets (n, 11)."""
    import torch

    torch.set_num_threads(1)  # the sum's order, and so the weights, would follow the number of threads
    torch.manual_seed(seed)
    mean, scale = described.mean(axis=0), described.std(axis=0) + 1e-3
    inputs = torch.from_numpy(np.clip((described - mean) / scale, -6, 6))
    wanted = torch.from_numpy(targets)
    widths = (described.shape[1], *_HIDDEN, len(CLASSES))
    linear = [torch.nn.Linear(a, b) for a, b in pairwise(widths)]
    parts: list[torch.nn.Module] = [linear[0]]
    for each in linear[1:]:
        parts += [torch.nn.ReLU(), torch.nn.Dropout(0.1), each]
    network = torch.nn.Sequential(*parts)
    batch = 512
    steps = epochs * (len(inputs) // batch)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps)
    for epoch in range(epochs):
        order = torch.randperm(len(inputs))
        total = 0.0
        for first in range(0, len(inputs) - batch + 1, batch):
            rows = order[first : first + batch]
            loss = torch.nn.functional.cross_entropy(network(inputs[rows]), wanted[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"\repoch {epoch + 1} of {epochs}: loss {total / (len(inputs) // batch):.4f}", end="", file=sys.stderr)
    print(file=sys.stderr)
    weights = {"mean": mean, "scale": scale}
    for layer, each in enumerate(linear):
        weights[f"weight{layer}"] = np.ascontiguousarray(each.weight.detach().numpy().T)
        weights[f"bias{layer}"] = each.bias.detach().numpy()
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000, help="outlines to draw")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    from safetensors.numpy import save

    described, targets = draw_samples(arguments.count, arguments.seed)
    weights = train(described, targets, epochs=arguments.epochs, seed=arguments.seed)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    notes = {"count": str(arguments.count), "epochs": str(arguments.epochs), "seed": str(arguments.seed)}
    write_whole(arguments.out, save(weights, metadata=notes | {"classes": "; ".join(CLASSES)}))
    print(f"{arguments.out}: {sum(each.size for each in weights.values())} numbers", file=sys.stderr)


if __name__ == "__main__":
    main()
