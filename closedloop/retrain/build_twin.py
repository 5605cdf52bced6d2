"""Trains the shipped model's twin, which is package data: ``python -m closedloop.retrain.build_twin``.

To be done again whenever the shipped model was; until then every store trains the twin for itself.
"""

import sys
from pathlib import Path

from closedloop.retrain.makers import SHIPPED_SEED, shipped_training, twin_name
from closedloop.synthesis import SynthesisModel

FOLDER = Path(__file__).parent / "weights"


def main() -> None:
    training = shipped_training()
    model = SynthesisModel.fit(training, seed=SHIPPED_SEED)
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("twin-*"):
        old.unlink()
    path = FOLDER / twin_name(training)
    model.save(path)
    print(f"{path.name}: {model.description}", file=sys.stderr)


if __name__ == "__main__":
    main()
