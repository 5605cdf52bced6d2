"""Nucleation and growth in the flask: one time step of the population balance, with its error estimate.

Particles are Lagrangian cohorts (particles born in the same step) split into classes of growth rate, so growth brings
no numerical diffusion. The monomer balance is implicit, which keeps the fast exchange with the crystals stable.
Thermal history, names and products belong to `sim.reactor_flask`; equations and sources are in ``docs/simulator.md``.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from sim.reactor_chemistry import Brings, Material

Array = NDArray[np.float64]

GAS_CONSTANT = 8.314462618  # J/(mol K)
BOLTZMANN = 1.380649e-23  # J/K
AVOGADRO = 6.02214076e23

CLASSES = 9
GROWTH_DISPERSION = 0.15  # relative standard deviation of the growth rate between particles
MAX_COHORTS = 72
SMALLEST_RADIUS_NM = 0.25  # below it a crystal has dissolved
DIFFUSIVITY_NM2_PER_S = 1e9  # 1e-9 m2/s: a Cd carboxylate in octadecene at 500 K
PARTICLES = 1e15  # the unit in which particles are counted

# Concentrations at which a ligand has half of its effect, mmol/L.
METAL_BINDING_MM = 15.0
PHOSPHINE_SLOWS_MM = 400.0
PHOSPHONIC_SLOWS_MM = 15.0
AMINE_SPEEDS_MM = 150.0
AMINE_COVERS_MM = 150.0
PHOSPHINE_DISSOLVES_MM = 150.0
ACID_REFERENCE_MM = 100.0
ACID_FLOOR_MM = 10.0
ACID_ORDER = 0.9
ANION_KINDS = (Brings.SILYL_ANION, Brings.REACTIVE_PHOSPHINE_ANION, Brings.ANION, Brings.PHOSPHINE_ANION)

_QUANTILES = norm.ppf((np.arange(CLASSES) + 0.5) / CLASSES)
GROWTH_FACTORS: Array = np.exp(GROWTH_DISPERSION * _QUANTILES / _QUANTILES.std())


@dataclass(frozen=True)
class Contents:
    """What is in the flask: mmol by pool, volume in mL, and the crystals.

    ``numbers`` (cohorts, classes) counts particles in units of 1e15, ``radii_nm`` has the same shape. ``salt`` is the
    metal that has dissolved, ``monomer`` the product's units in solution, ``aggregated`` those lost to precipitate.
    """

    volume_ml: float = 0.0
    oxide: float = 0.0
    salt: float = 0.0
    anions: dict[Brings, float] = field(default_factory=dict)
    acid: float = 0.0
    phosphonic: float = 0.0
    amine: float = 0.0
    phosphine: float = 0.0
    monomer: float = 0.0
    aggregated: float = 0.0
    numbers: Array = field(default_factory=lambda: np.zeros((0, CLASSES)))
    radii_nm: Array = field(default_factory=lambda: np.zeros((0, CLASSES)))

    def but(self, **changes: Any) -> "Contents":
        """A copy with some fields changed; `dataclasses.replace` takes a tenth of a synthesis' time for it."""
        copy = object.__new__(Contents)
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    def to_json(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in _SCALARS}
        return plain | {
            "anions": {kind.value: amount for kind, amount in self.anions.items()},
            "numbers": self.numbers.tolist(),
            "radii_nm": self.radii_nm.tolist(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Contents":
        return cls(
            **{name: float(data[name]) for name in _SCALARS},
            anions={Brings(kind): float(amount) for kind, amount in data["anions"].items()},
            numbers=np.array(data["numbers"], dtype=float).reshape(-1, CLASSES),
            radii_nm=np.array(data["radii_nm"], dtype=float).reshape(-1, CLASSES),
        )


_SCALARS = ("volume_ml", "oxide", "salt", "acid", "phosphonic", "amine", "phosphine", "monomer", "aggregated")


def millimolar(amount_mmol: float, contents: Contents) -> float:
    """Concentration in mmol/L."""
    return 1e3 * amount_mmol / contents.volume_ml if contents.volume_ml > 0 else 0.0


def solid_mmol(contents: Contents, material: Material) -> float:
    """Units of product in crystals, aggregated ones left out."""
    return _mmol_per_nm3(material) * float((contents.numbers * contents.radii_nm**3).sum())


def _mmol_per_nm3(material: Material) -> float:
    """mmol in ``PARTICLES`` spheres of radius 1 nm."""
    return PARTICLES * (4.0 / 3.0) * math.pi / (material.molar_volume_m3 * 1e24)


def arrhenius(energy_kj_mol: float, temperature_k: float, reference_c: float) -> float:
    """Factor by which a rate differs from that at the reference temperature."""
    return math.exp(-energy_kj_mol * 1e3 / GAS_CONSTANT * (1.0 / temperature_k - 1.0 / (reference_c + 273.15)))


@dataclass(frozen=True)
class Rates:
    """All coefficients of one step, at its temperature and composition."""

    dissolution_per_s: float
    conversion_per_s: dict[Brings, float]
    solubility_mm: float
    capillary_nm: float
    barrier: float  # nucleation barrier over kT, times (ln S)^2
    attachment_nm_per_s_mm: float
    diffusion_nm2_per_s_mm: float
    aggregation_per_s: float

    @property
    def critical_mm(self) -> float:
        """Monomer concentration near which nucleation sets in (barrier of 25 kT)."""
        return self.solubility_mm * math.exp(math.sqrt(self.barrier / 25.0))


def rates(
    contents: Contents, material: Material, temperature_k: float, speed: float = 1.0, stickiness: float = 1.0
) -> Rates:
    """Coefficients from temperature and composition; ``speed`` multiplies conversion, ``stickiness`` attachment."""
    acid = millimolar(contents.acid, contents)
    phosphonic = millimolar(contents.phosphonic, contents)
    amine = millimolar(contents.amine, contents)
    phosphine = millimolar(contents.phosphine, contents)
    metal = millimolar(contents.salt, contents)
    reference = material.reference_c

    conversion = (
        speed
        * arrhenius(material.conversion_energy, temperature_k, reference)
        * (metal / (METAL_BINDING_MM + metal))
        * (1.0 + amine / AMINE_SPEEDS_MM)
        / ((1.0 + phosphine / PHOSPHINE_SLOWS_MM) * (1.0 + phosphonic / PHOSPHONIC_SLOWS_MM))
    )
    solubility = (
        material.solubility_mm
        * arrhenius(material.solubility_energy, temperature_k, reference)
        * ((acid + ACID_FLOOR_MM) / ACID_REFERENCE_MM) ** ACID_ORDER
        * (1.0 + phosphine / PHOSPHINE_DISSOLVES_MM) ** 0.5
    )
    covered = 1.0 + amine / AMINE_COVERS_MM + phosphonic / PHOSPHONIC_SLOWS_MM
    attachment = (
        stickiness
        * material.attachment_nm_per_s_mm
        * arrhenius(material.attachment_energy, temperature_k, reference)
        / covered
    )
    thermal = BOLTZMANN * temperature_k
    unit_m3 = material.molar_volume_m3 / AVOGADRO
    # Ligands that hold a surface: the carboxylate of the metal salt counts, a phosphine holds weakly.
    ligand = acid + 0.5 * metal + amine + 0.1 * phosphine + 5.0 * phosphonic
    holding = 60.0 * arrhenius(40.0, temperature_k, reference)
    bare = holding / (holding + ligand)
    solid = millimolar(solid_mmol(contents, material), contents)
    return Rates(
        dissolution_per_s=arrhenius(90.0, temperature_k, 200.0) / 60.0 * acid / (acid + 100.0),
        conversion_per_s={
            kind: material.conversion_per_s.get(kind, 0.0) * conversion
            for kind in ANION_KINDS
            if kind in contents.anions
        },
        solubility_mm=solubility,
        capillary_nm=1e9 * 2.0 * material.surface_energy * material.molar_volume_m3 / (GAS_CONSTANT * temperature_k),
        barrier=16.0 * math.pi / 3.0 * material.surface_energy**3 * unit_m3**2 / thermal**3,
        attachment_nm_per_s_mm=attachment,
        # D times molar volume: nm2/s * m3/mol * mol/m3, and 1 mmol/L is 1 mol/m3.
        diffusion_nm2_per_s_mm=DIFFUSIVITY_NM2_PER_S
        * material.molar_volume_m3
        * math.exp(-15e3 / GAS_CONSTANT * (1.0 / temperature_k - 1.0 / 500.0)),
        aggregation_per_s=material.aggregation_per_s
        * arrhenius(material.aggregation_energy, temperature_k, reference)
        * bare**2
        * solid
        / 10.0,
    )


def step(
    contents: Contents,
    material: Material,
    temperature_k: float,
    seconds: float,
    speed: float = 1.0,
    stickiness: float = 1.0,
) -> tuple[Contents, float]:
    """One step of the balances, and its error as a multiple of what is tolerable (above 1: take shorter steps)."""
    coefficients = rates(contents, material, temperature_k, speed, stickiness)
    contents = _dissolve(contents, coefficients, seconds)
    contents, released = _convert(contents, coefficients, seconds)
    contents, growth_error = _grow(contents, material, coefficients, released, seconds)
    contents, birth_error = _nucleate(contents, material, coefficients, temperature_k, seconds)
    contents = _aggregate(contents, material, coefficients, seconds)
    return contents, max(growth_error, birth_error)


def _dissolve(contents: Contents, coefficients: Rates, seconds: float) -> Contents:
    """Metal oxide + 2 acid -> metal carboxylate + water."""
    if contents.oxide <= 0 or contents.acid <= 0:
        return contents
    amount = contents.oxide * -math.expm1(-coefficients.dissolution_per_s * seconds)
    amount = min(amount, 0.5 * contents.acid)
    return contents.but(oxide=contents.oxide - amount, salt=contents.salt + amount, acid=contents.acid - 2.0 * amount)


def _convert(contents: Contents, coefficients: Rates, seconds: float) -> tuple[Contents, float]:
    """Metal salt + anion source -> monomer; also returns the monomer released, mmol."""
    salt, released, anions = contents.salt, 0.0, dict(contents.anions)
    for kind, rate in coefficients.conversion_per_s.items():
        amount = min(anions[kind] * -math.expm1(-rate * seconds), salt)
        anions[kind] -= amount
        salt -= amount
        released += amount
    return contents.but(salt=salt, anions=anions), released


def _grow(
    contents: Contents, material: Material, coefficients: Rates, released: float, seconds: float
) -> tuple[Contents, float]:
    """Growth and dissolution of every cohort with the monomer balance solved at the step's end (Newton)."""
    scale = 0.2 * coefficients.critical_mm
    start = millimolar(contents.monomer, contents)
    litre = 1e-3 * contents.volume_ml
    if not contents.numbers.size:
        end = start + released / litre
        return contents.but(monomer=contents.monomer + released), abs(end - start) / (end + scale) / 0.05
    radii, numbers = contents.radii_nm, contents.numbers
    per_nm3 = _mmol_per_nm3(material)
    attachment = coefficients.attachment_nm_per_s_mm * GROWTH_FACTORS
    # Series of diffusion to the surface and attachment at it (Talapin et al. 2001, without their transfer term); the
    # larger the crystal, the less reactive its surface (Prins et al. 2021).
    hindrance = (radii / material.crowding_nm) ** 2 + attachment * radii / coefficients.diffusion_nm2_per_s_mm
    slope = seconds * attachment / (1.0 + hindrance)
    equilibrium = coefficients.solubility_mm * np.exp(coefficients.capillary_nm / np.maximum(radii, SMALLEST_RADIUS_NM))
    base = radii - slope * equilibrium
    weights = per_nm3 * numbers
    old_solid = float((weights * radii**3).sum())
    total = litre * start + released + old_solid
    monomer = start
    for _ in range(30):
        grown = np.maximum(base + slope * monomer, 0.0)
        square = weights * grown**2
        excess = litre * monomer + float((square * grown).sum()) - total
        monomer -= excess / (litre + 3.0 * float((square * slope).sum()))
        if abs(excess) < 1e-9 * total:
            break
    grown = np.maximum(base + slope * monomer, 0.0)
    gone = grown < SMALLEST_RADIUS_NM
    numbers = np.where(gone, 0.0, numbers)
    grown = np.where(gone, SMALLEST_RADIUS_NM, grown)
    volume = float((numbers * grown**3).sum())
    new_solid = per_nm3 * volume
    left = contents.monomer + released + old_solid - new_solid
    if left < 0:  # Newton's remainder, below 1e-9 of the total
        numbers = numbers * (1.0 + left / new_solid)
        volume = float((numbers * grown**3).sum())
        left = 0.0
    mass = volume or 1.0
    change = 3.0 * float((numbers * grown**2 * np.abs(grown - radii)).sum()) / mass
    end = left / litre
    error = max(change / 0.10, abs(end - start) / (end + scale) / 0.05)
    return contents.but(monomer=left, numbers=numbers, radii_nm=grown), error


def _nucleate(
    contents: Contents, material: Material, coefficients: Rates, temperature_k: float, seconds: float
) -> tuple[Contents, float]:
    """Classical nucleation; nuclei start a thermal fluctuation above the critical radius."""
    saturation = millimolar(contents.monomer, contents) / coefficients.solubility_mm
    if saturation <= 1.5:
        return contents, 0.0
    logarithm = math.log(saturation)
    rate = material.nucleation_per_m3_s * math.exp(-coefficients.barrier / logarithm**2)
    born = rate * contents.volume_ml * 1e-6 * seconds / PARTICLES
    fluctuation = 1e9 * 0.5 * math.sqrt(BOLTZMANN * temperature_k / (math.pi * material.surface_energy))
    radius = coefficients.capillary_nm / logarithm + fluctuation
    mass = born * _mmol_per_nm3(material) * radius**3
    existing = float(contents.numbers.sum())
    if mass < 1e-9 * contents.monomer:
        return contents, 0.0
    error = mass / contents.monomer / 0.05
    if mass > 0.5 * contents.monomer:
        born *= 0.5 * contents.monomer / mass
        mass = 0.5 * contents.monomer
    if existing > 0 and born < 1e-5 * existing:
        return contents, 0.0
    numbers = np.vstack([contents.numbers, np.full((1, CLASSES), born / CLASSES)])
    radii = np.vstack([contents.radii_nm, np.full((1, CLASSES), radius)])
    if len(numbers) > MAX_COHORTS:
        numbers, radii = _merge(numbers, radii)
    return contents.but(monomer=contents.monomer - mass, numbers=numbers, radii_nm=radii), error


def _merge(numbers: Array, radii: Array) -> tuple[Array, Array]:
    """Neighbours in age joined two by two, class by class; number and volume stay."""
    if len(numbers) % 2:
        numbers = np.vstack([numbers, np.zeros((1, CLASSES))])
        radii = np.vstack([radii, np.full((1, CLASSES), SMALLEST_RADIUS_NM)])
    first, second = numbers[::2], numbers[1::2]
    together = first + second
    volume = first * radii[::2] ** 3 + second * radii[1::2] ** 3
    joined = np.cbrt(volume / np.where(together > 0, together, 1.0))
    return together, np.where(together > 0, joined, SMALLEST_RADIUS_NM)


def _aggregate(contents: Contents, material: Material, coefficients: Rates, seconds: float) -> Contents:
    """Bare crystals stick together and fall out, whatever their size; a precipitate stays one."""
    share = -math.expm1(-coefficients.aggregation_per_s * seconds)
    if share < 1e-12 or not contents.numbers.size:
        return contents
    lost = share * solid_mmol(contents, material)
    return contents.but(numbers=contents.numbers * (1.0 - share), aggregated=contents.aggregated + lost)
