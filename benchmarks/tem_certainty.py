"""By how much a picture's mean diameter may be off: do the coefficients of `closedloop.tem.certainty` hold?

``python benchmarks/tem_certainty.py [--fit N] [--emps FOLDER]``: learns them from N rendered micrographs (0: does not),
by quantile regression of the error's logarithm, and says, with those that ship, of other rendered micrographs and of
EMPS's held-out fifth of sources how often the error stays within what is stated, and how large it is (median, ninth
tenth, most) among the pictures that are in doubt and among the others. No training saw any of these pictures.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from conditions import conditions
from segmenter import HELD_OUT, rendered

from closedloop.tem import Segmenter
from closedloop.tem.certainty import IN_DOUBT, LEVEL, size_error, sureness
from closedloop.tem.edge_bias import whole_particles
from closedloop.tem.learning.folders import read_folder, sources, split
from closedloop.tem.learning.samples import Sample
from closedloop.tem.metrics import mean_diameter_px
from closedloop.tem.weights import SHIPPED

FIT_SEED, TEST_SEED = 8101, 8102
ENOUGH = 5  # particles of which a mean means something
# Errors are not told apart below this.
_LEAST_ERROR = 0.005


@dataclass(frozen=True)
class Seen:
    """The chances of a picture's whole particles, and by what share their mean diameter is off."""

    chances: list[float]
    error: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", type=int, default=0)
    parser.add_argument("--emps", type=Path)
    parser.add_argument("--rendered", type=int, default=150)
    chosen = parser.parse_args()
    print(conditions(seed=TEST_SEED, data=[SHIPPED]))
    segmenter = Segmenter.load()
    if chosen.fit:
        seen = _seen(rendered(chosen.fit, FIT_SEED), segmenter)
        print(f"learned from {len(seen)} rendered pictures: {', '.join(f'{one:.3f}' for one in _fitted(seen))}")
    _report(f"rendered, {chosen.rendered}", _seen(rendered(chosen.rendered, TEST_SEED), segmenter))
    if chosen.emps is not None:
        held = split(read_folder(chosen.emps), sources(chosen.emps), HELD_OUT)[1]
        _report(f"EMPS, {len(held)} of held-out sources", _seen(held, segmenter))


def _seen(samples: Iterable[Sample], segmenter: Segmenter) -> list[Seen]:
    """Of the pictures that have whole particles, and in which some were found."""
    found = []
    for sample in samples:
        true = mean_diameter_px(np.maximum(sample.labels, 0))
        answer = segmenter.find(sample.light)
        assert answer.chances is not None
        whole, diameters = whole_particles(answer.labels)
        if true is not None and len(whole):
            chances = answer.chances[whole - 1].tolist()
            found.append(Seen(chances, abs(float(np.log(diameters.mean() / true)))))
    return found


def _fitted(seen: list[Seen]) -> np.ndarray:
    from sklearn.linear_model import QuantileRegressor

    told = np.array([[sureness(one.chances)] for one in seen])
    logs = np.log(np.array([one.error for one in seen]) + _LEAST_ERROR)
    fit = QuantileRegressor(quantile=LEVEL, alpha=0.0, solver="highs").fit(told, logs)
    return np.array([fit.intercept_, *fit.coef_])


def _report(name: str, seen: list[Seen]) -> None:
    enough = [one for one in seen if len(one.chances) >= ENOUGH]
    for what, kept in ((name, seen), (f"{name}, {ENOUGH} whole particles or more", enough)):
        error = np.array([one.error for one in kept])
        stated = np.array([size_error(one.chances) for one in kept])
        print(f"{what}: {len(kept)}, within what is stated {np.mean(error <= stated):.2f}")
        for which, here in (("sure", stated <= IN_DOUBT), ("in doubt", stated > IN_DOUBT)):
            if here.any():
                off = np.quantile(error[here], (0.5, 0.9, 1))
                print(
                    f"  {which} {here.sum()}: off by {off[0]:.3f} in the median, {off[1]:.3f} in a tenth, {off[2]:.3f}"
                )


if __name__ == "__main__":
    main()
