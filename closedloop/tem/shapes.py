"""The shares of shape classes in a sample, and how sure they are. Which class an outline has: `outline_classes`."""

from collections.abc import Iterable

from scipy.stats import binomtest

from closedloop.recipes import Shape


def fractions(shapes: Iterable[Shape]) -> dict[Shape, float]:
    """Shares of the classes that occur, the commonest first."""
    counted: dict[Shape, int] = {}
    for shape in shapes:
        counted[shape] = counted.get(shape, 0) + 1
    total = sum(counted.values())
    return {shape: count / total for shape, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))}


def wilson(found: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of a share, `found` of `total` (above 0): Wilson's score interval, which holds for 0 and for all too."""
    interval = binomtest(found, total).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)
