"""Published sizing curves: from the position of the first exciton peak to a diameter, within the range measured.

Only curves whose coefficients are certain are here. The range of each is the diameters that we trust it for, chosen
inside the range of the samples that it was fitted to; outside of it polynomials go anywhere.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from closedloop.optical.errors import NoSizingCurve, OutsideSizingCurve

EV_NM = 1239.841984  # Planck's constant times the speed of light, CODATA 2018.


@dataclass(frozen=True)
class SizingCurve:
    """Diameter in nm as a function of the peak's wavelength in nm; ``smallest_nm`` to ``largest_nm`` is its range."""

    name: str
    product: str
    source: str
    smallest_nm: float
    largest_nm: float
    shortest_wavelength_nm: float
    longest_wavelength_nm: float
    diameter_nm: Callable[[float], float]

    def size_nm(self, peak_nm: float) -> float:
        """Raises `OutsideSizingCurve` where the peak or its diameter lies outside the range."""
        if self.shortest_wavelength_nm <= peak_nm <= self.longest_wavelength_nm:
            size = self.diameter_nm(peak_nm)
            if self.smallest_nm <= size <= self.largest_nm:
                return size
        raise OutsideSizingCurve(
            f"a first exciton peak at {peak_nm:.1f} nm lies outside the sizing curve {self.name} of {self.product}, "
            f"which holds from {self.smallest_nm:g} to {self.largest_nm:g} nm ({self.source}); measure the size by TEM"
        )


def _polynomial(*coefficients: float) -> Callable[[float], float]:
    """``c0 + c1 x + c2 x² + …``"""
    return lambda x: sum(c * x**power for power, c in enumerate(coefficients))


def _inverse_quadratic(gap_ev: float, a: float, b: float, c: float) -> Callable[[float], float]:
    """Solves ``E = gap + 1 / (a d² + b d + c)`` for d, E being the energy of the peak."""

    def diameter(peak_nm: float) -> float:
        energy = EV_NM / peak_nm
        if energy <= gap_ev:
            return math.inf
        return (-b + math.sqrt(b * b - 4 * a * (c - 1 / (energy - gap_ev)))) / (2 * a)

    return diameter


_YU = "Yu, Qu, Guo and Peng, Chem. Mater. 2003, 15, 2854, doi 10.1021/cm034081k"
_JASIENIAK = "Jasieniak, Smith, van Embden, Mulvaney and Califano, J. Phys. Chem. C 2009, 113, 19468"
_MOREELS_PBS = "Moreels et al., ACS Nano 2009, 3, 3023"
_MOREELS_PBSE = "Moreels et al., Chem. Mater. 2007, 19, 6101"

# The first curve of a product is its default: of the two for CdSe the one nearer to the published TEM sizes of the
# shipped literature (docs/decisions/0050-sizing-curves.md).
CURVES = (
    SizingCurve(
        "yu2003", "CdSe", _YU, 1.5, 8.0, 395, 655, _polynomial(41.57, -0.4277, 1.6242e-3, -2.6575e-6, 1.6122e-9)
    ),
    SizingCurve(
        "jasieniak2009",
        "CdSe",
        _JASIENIAK,
        2.0,
        8.0,
        455,
        660,
        _polynomial(59.60816, -0.54736, 1.8873e-3, -2.85743e-6, 1.62974e-9),
    ),
    SizingCurve("yu2003", "CdS", _YU, 1.5, 6.0, 310, 470, _polynomial(13.29, -9.2352e-2, 1.9557e-4, -6.6521e-8)),
    SizingCurve("yu2003", "CdTe", _YU, 3.0, 9.0, 530, 750, _polynomial(-194.84, 1.0064, -1.7147e-3, 9.8127e-7)),
    SizingCurve("moreels2009", "PbS", _MOREELS_PBS, 2.5, 9.0, 700, 2300, _inverse_quadratic(0.41, 0.0252, 0.283, 0.0)),
    SizingCurve(
        "moreels2007", "PbSe", _MOREELS_PBSE, 3.0, 9.0, 900, 2700, _inverse_quadratic(0.278, 0.016, 0.209, 0.45)
    ),
)


def sizing_curve(product: str, name: str | None = None) -> SizingCurve:
    """The product's curve of that name, or its default. Raises `NoSizingCurve`, listing what there is."""
    known = [curve for curve in CURVES if curve.product == product]
    if not known:
        products = ", ".join(dict.fromkeys(curve.product for curve in CURVES))
        raise NoSizingCurve(f"no sizing curve for {product!r} (there are: {products}); measure the size by TEM")
    for curve in known:
        if name is None or curve.name == name:
            return curve
    raise NoSizingCurve(f"no sizing curve {name!r} for {product} (there are: {', '.join(c.name for c in known)})")
