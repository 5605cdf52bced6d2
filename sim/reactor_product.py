"""What comes out of the simulated flask: the true population, its shapes, and what a chemist would call it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedloop.recipes import FailureCause, Shape
from sim.reactor_chemistry import Material
from sim.reactor_kinetics import Array, Contents, millimolar

LEAST_YIELD = 0.05
LEAST_DIAMETER_NM = 1.5
MOST_AGGREGATED = 0.30
MOST_SPREAD = 0.20


@dataclass(frozen=True)
class Product:
    """A population of crystals: equivalent circle diameters in nm, rising (n,), and number weights (n,) of sum 1."""

    formula: str | None
    diameters_nm: Array
    weights: Array
    shape_fractions: Mapping[Shape, float]
    yield_fraction: float
    aggregated_fraction: float
    failure_cause: FailureCause | None

    @classmethod
    def nothing(cls) -> "Product":
        """An empty sample: no crystals formed."""
        return cls(None, np.zeros(0), np.zeros(0), {}, 0.0, 0.0, FailureCause.NOTHING_FORMED)

    @classmethod
    def ideal(
        cls, mean_nm: float, relative_spread: float = 0.08, shape: Shape = Shape.SPHERE, formula: str = "CdSe"
    ) -> "Product":
        """A normal distribution of one shape, for trying microscopes and segmenters."""
        at = np.linspace(-3.0, 3.0, 61)
        weights = np.exp(-0.5 * at**2)
        diameters = np.maximum(mean_nm * (1.0 + relative_spread * at), 0.2 * mean_nm)
        return cls(formula, diameters, weights / weights.sum(), {shape: 1.0}, 1.0, 0.0, None)

    @property
    def mean_diameter_nm(self) -> float | None:
        """True mean over the whole population."""
        return float(self.weights @ self.diameters_nm) if self.diameters_nm.size else None

    @property
    def std_diameter_nm(self) -> float | None:
        """True standard deviation over the whole population."""
        mean = self.mean_diameter_nm
        return None if mean is None else float(np.sqrt(self.weights @ (self.diameters_nm - mean) ** 2))

    @property
    def shape(self) -> Shape | None:
        """The most frequent shape."""
        return max(self.shape_fractions, key=lambda s: self.shape_fractions[s]) if self.shape_fractions else None

    def cause_for(self, wanted: str) -> FailureCause | None:
        """Why the sample is no success for somebody who wanted this formula; ``None`` where it is one."""
        if self.failure_cause is None and self.formula != wanted.strip():
            return FailureCause.WRONG_PRODUCT
        return self.failure_cause

    def draw_diameters_nm(self, count: int, generator: np.random.Generator) -> Array:
        """A random sample, (count,), by linear interpolation of the cumulative distribution."""
        if not self.diameters_nm.size:
            return np.zeros(0)
        middle = np.cumsum(self.weights) - 0.5 * self.weights
        return np.interp(generator.random(count), middle, self.diameters_nm)

    def to_json(self) -> dict[str, Any]:
        return {
            "formula": self.formula,
            "diameters_nm": self.diameters_nm.tolist(),
            "weights": self.weights.tolist(),
            "shape_fractions": {shape.value: share for shape, share in self.shape_fractions.items()},
            "yield_fraction": self.yield_fraction,
            "aggregated_fraction": self.aggregated_fraction,
            "failure_cause": self.failure_cause.value if self.failure_cause else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Product":
        return cls(
            formula=data["formula"],
            diameters_nm=np.array(data["diameters_nm"], dtype=float),
            weights=np.array(data["weights"], dtype=float),
            shape_fractions={Shape(name): float(share) for name, share in data["shape_fractions"].items()},
            yield_fraction=float(data["yield_fraction"]),
            aggregated_fraction=float(data["aggregated_fraction"]),
            failure_cause=FailureCause(data["failure_cause"]) if data["failure_cause"] else None,
        )


@dataclass(frozen=True)
class Truth:
    """What a run gave, known to the simulator alone; sizes are equivalent circle diameters over all crystals, nm."""

    product: str | None
    mean_diameter_nm: float | None
    std_diameter_nm: float | None
    shape: Shape | None
    shape_fractions: Mapping[Shape, float]
    failure_cause: FailureCause | None

    @property
    def success(self) -> bool:
        return self.failure_cause is None


def judge(product: Product) -> FailureCause | None:
    """What a chemist would call the flask, worst fault first; ``None`` for a usable product."""
    mean, std = product.mean_diameter_nm, product.std_diameter_nm
    if product.yield_fraction < LEAST_YIELD:
        return FailureCause.NOTHING_FORMED
    if product.aggregated_fraction > MOST_AGGREGATED:
        return FailureCause.BULK_PRECIPITATE
    if mean is None or std is None or mean < LEAST_DIAMETER_NM:
        return FailureCause.NOTHING_FORMED
    if std > MOST_SPREAD * mean:
        return FailureCause.TOO_POLYDISPERSE
    return None


def shape_fractions(product: Product, contents: Contents, material: Material) -> dict[Shape, float]:
    """An empirical rule, not kinetics: round while small, faceted when large or bare, rods by phosphonic acid.

    Rods: Peng and Peng, J. Am. Chem. Soc. 2001, 123, 1389 (phosphonic acid). Cubes: rock-salt PbS and PbSe beyond
    about 9 nm. Triangles stand for zinc-blende tetrahedra lying on a face.
    """
    mean = product.mean_diameter_nm
    if mean is None:
        return {}
    phosphonic = millimolar(contents.phosphonic, contents)
    acid = millimolar(contents.acid, contents)
    rods = phosphonic**2 / (phosphonic**2 + 40.0**2)
    cubes = 0.0
    if material.cube_from_nm is not None:
        cubes = 1.0 / (1.0 + float(np.exp(-2.0 * (mean - material.cube_from_nm))))
    facets = 1.0 / (1.0 + float(np.exp(-1.2 * (mean - 7.5)))) * 30.0 / (30.0 + acid)
    weights = {
        Shape.ROD: rods,
        Shape.CUBE: (1.0 - rods) * cubes,
        Shape.HEXAGON: (1.0 - rods) * (1.0 - cubes) * (0.04 + 0.6 * facets),
        Shape.TRIANGLE: (1.0 - rods) * (1.0 - cubes) * 0.3 * facets,
    }
    weights[Shape.SPHERE] = max(0.0, 1.0 - sum(weights.values()))
    return {shape: share for shape, share in weights.items() if share > 0.005}
