"""The simulated flask: reagents go in, temperature acts on it for a while, crystals can be sampled at any time.

Keeps the state that pumps and a hotplate change, and integrates it in steps of its own. A whole synthesis is
`sim.reactor`; kinetics are `sim.reactor_kinetics`, constants `sim.reactor_chemistry`.
"""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sim import reactor_chemistry as chemistry
from sim.reactor_chemistry import Brings, Material
from sim.reactor_kinetics import ANION_KINDS, Contents, solid_mmol, step
from sim.reactor_product import Product, judge, shape_fractions
from sim.thermal import AMBIENT_C

MIXING_TAU_S = 15.0  # time in which unevenly mixed cold liquid catches up
MIXING_SHARE = 0.5  # of the ideal mixing temperature, felt where the mixing is uneven
LONGEST_STEP_S = 12.0
FIRST_STEP_S = 0.02
SMALLEST_SEEN_NM = 1.0

CATIONS = tuple(sorted({material.cation for material in chemistry.MATERIALS}))
ANIONS = tuple(sorted({material.anion for material in chemistry.MATERIALS}))

_POOL_OF = {
    Brings.ACID: "acid",
    Brings.PHOSPHONIC_ACID: "phosphonic",
    Brings.AMINE: "amine",
    Brings.PHOSPHINE: "phosphine",
}


class UnknownChemicalWarning(UserWarning):
    """A chemical was added that the simulator takes for inert."""


@dataclass(frozen=True)
class RunFactors:
    """What differs from run to run although the recipe is the same; drawn once from the seed."""

    cation_purity: float
    anion_purity: float
    conversion: float
    attachment: float
    mixing: float
    probe_offset_c: float

    @classmethod
    def draw(cls, seed: int) -> "RunFactors":
        draw = np.random.default_rng(seed).standard_normal(6)
        return cls(
            cation_purity=math.exp(0.015 * draw[0]),
            anion_purity=math.exp(0.02 * draw[1]),
            conversion=math.exp(0.08 * draw[2]),
            attachment=math.exp(0.08 * draw[5]),
            mixing=0.3 * draw[3],
            probe_offset_c=1.5 * draw[4],
        )


class Reactor:
    """One flask. Amounts in mmol, volumes in mL, times in s, temperatures in °C as the probe shows them.

    The caller's temperature is that of the mixed liquid, the chill of an injection included (`sim.thermal`).
    The flask makes one product: that of the most abundant cation and anion when both are there for the first time;
    further ions stay inert.
    """

    def __init__(self, seed: int = 0, factors: RunFactors | None = None) -> None:
        self.seed = seed
        self.factors = factors or RunFactors.draw(seed)
        self._contents = Contents()
        self._ions: dict[str, float] = {}  # "<kind>:<element>" -> mmol not yet part of a product
        self._material: Material | None = None
        self._fed: dict[str, float] = {}  # element -> mmol added, after purity
        self._uneven_c = 0.0
        self._temperature_c = AMBIENT_C
        self._next_step_s = FIRST_STEP_S
        self._pending_s = 0.0
        self._pending_heat = 0.0  # integral of the probe's temperature over the pending time
        self.time_s = 0.0

    # -- acting on the flask

    def add(self, contents: Mapping[str, float], volume_ml: float) -> list[str]:
        """Pour in amounts (mmol by chemical) in a volume at room temperature; names taken for inert are returned."""
        self._flush()
        unknown = [name for name in contents if chemistry.find(name) is None]
        if unknown:
            warnings.warn(
                f"not known to the simulated reactor, taken for inert: {', '.join(unknown)}",
                UnknownChemicalWarning,
                stacklevel=2,
            )
        before = self._contents.volume_ml
        if before > 0 and volume_ml > 0:
            share = volume_ml / (before + volume_ml)
            chill = (self._temperature_c - AMBIENT_C) * share
            self._uneven_c += MIXING_SHARE * self.factors.mixing * chill
        pools = {name: getattr(self._contents, name) for name in ("acid", "phosphonic", "amine", "phosphine")}
        self._release_ions()
        for name, amount in contents.items():
            self._take(name, amount, pools)
        self._bind_to_phosphine(pools)
        self._contents = replace(self._contents, volume_ml=before + volume_ml, **pools)
        self._choose_material()
        self._next_step_s = FIRST_STEP_S
        return unknown

    def _release_ions(self) -> None:
        """Elemental chalcogen already in the flask may still find a phosphine that is poured in now."""
        material, anions = self._material, self._contents.anions
        if material is not None and anions.get(Brings.ANION, 0.0) > 0:
            key = f"{Brings.ANION.value}:{material.anion}"
            self._ions[key] = self._ions.get(key, 0.0) + anions[Brings.ANION]
            self._contents = replace(self._contents, anions={**anions, Brings.ANION: 0.0})

    def _take(self, name: str, amount: float, pools: dict[str, float]) -> None:
        substance = chemistry.find(name)
        if substance is None or substance.brings is Brings.SOLVENT or amount <= 0:
            return
        element = substance.element
        if element is None:
            pools[_POOL_OF[substance.brings]] += amount
            return
        metal = substance.brings in (Brings.METAL_OXIDE, Brings.METAL_SALT)
        amount *= self.factors.cation_purity if metal else self.factors.anion_purity
        self._fed[element] = self._fed.get(element, 0.0) + amount
        if substance.brings is Brings.PHOSPHINE_ANION:
            self._put_phosphine_anion(element, amount)
            return
        key = f"{substance.brings.value}:{element}"
        self._ions[key] = self._ions.get(key, 0.0) + amount

    def _bind_to_phosphine(self, pools: dict[str, float]) -> None:
        """A free chalcogen and a free phosphine combine at once, compared with everything else."""
        for element in ANIONS:
            free = self._ions.get(f"{Brings.ANION.value}:{element}", 0.0)
            bound = min(free, pools["phosphine"])
            if bound > 0:
                pools["phosphine"] -= bound
                self._ions[f"{Brings.ANION.value}:{element}"] = free - bound
                self._put_phosphine_anion(element, bound)

    def _put_phosphine_anion(self, element: str, amount: float) -> None:
        """A phosphine chalcogenide, with the reactive share that the secondary phosphine in it makes."""
        for kind, share in (
            (Brings.REACTIVE_PHOSPHINE_ANION, chemistry.REACTIVE_SHARE),
            (Brings.PHOSPHINE_ANION, 1.0 - chemistry.REACTIVE_SHARE),
        ):
            key = f"{kind.value}:{element}"
            self._ions[key] = self._ions.get(key, 0.0) + share * amount

    def _choose_material(self) -> None:
        """Settle the product once both ions are there, and hand its ions over to the kinetics."""
        if self._material is None:
            cations = sorted((e for e in self._fed if e in CATIONS), key=lambda e: -self._fed[e])
            anions = sorted((e for e in self._fed if e in ANIONS), key=lambda e: -self._fed[e])
            if cations and anions:
                self._material = chemistry.material(cations[0], anions[0])
        cation = self._material.cation if self._material else _most(self._fed, CATIONS)
        if cation:
            self._contents = replace(
                self._contents,
                oxide=self._contents.oxide + self._ions.pop(f"{Brings.METAL_OXIDE.value}:{cation}", 0.0),
                salt=self._contents.salt + self._ions.pop(f"{Brings.METAL_SALT.value}:{cation}", 0.0),
            )
        if self._material:
            taken = dict(self._contents.anions)
            for kind in ANION_KINDS:
                amount = self._ions.pop(f"{kind.value}:{self._material.anion}", 0.0)
                if amount > 0:
                    taken[kind] = taken.get(kind, 0.0) + amount
            self._contents = replace(self._contents, anions=taken)

    def advance(self, seconds: float, temperature_c: float) -> None:
        """Let time pass with the probe at a temperature; short calls are gathered up to the kinetics' own step."""
        if seconds <= 0:
            return
        self.time_s += seconds
        if self._pending_s and abs(temperature_c - self._temperature_c) > 1.0:
            self._flush()
        self._temperature_c = temperature_c
        self._pending_s += seconds
        self._pending_heat += seconds * temperature_c
        if self._pending_s >= min(self._next_step_s, LONGEST_STEP_S):
            self._flush()

    def _flush(self) -> None:
        """Integrate the time that has been gathered."""
        left, heat = self._pending_s, self._pending_heat
        self._pending_s = self._pending_heat = 0.0
        if left <= 0 or self._contents.volume_ml <= 0:
            return
        probe_c = heat / left
        while left > 1e-9:
            seconds = min(left, self._next_step_s, LONGEST_STEP_S)
            if abs(self._uneven_c) > 0.1:
                seconds = min(seconds, 2.0)
            temperature_k = probe_c + self.temperature_offset_c + 273.15
            # Without a product only the metal oxide dissolves, which any product's constants describe alike.
            material = self._material or chemistry.MATERIALS[0]
            after, error = step(
                self._contents,
                material,
                temperature_k,
                seconds,
                self.factors.conversion,
                self.factors.attachment,
            )
            if error > 3.0 and seconds > 1e-3:
                self._next_step_s = 0.4 * seconds
                continue
            self._contents = after
            self._uneven_c *= math.exp(-seconds / MIXING_TAU_S)
            left -= seconds
            if seconds >= 0.999 * self._next_step_s or error > 1.0:
                self._next_step_s = min(LONGEST_STEP_S, seconds * min(1.6, max(0.3, 0.9 / (error + 1e-9))))

    # -- asking the flask

    @property
    def volume_ml(self) -> float:
        return self._contents.volume_ml

    @property
    def temperature_offset_c(self) -> float:
        """What the crystals feel above the probe's reading: its calibration, and uneven mixing after an injection."""
        return self.factors.probe_offset_c + self._uneven_c

    def element_balance_mmol(self) -> dict[str, float]:
        """For each element the mmol found over all pools less the mmol that was added: zero, up to rounding."""
        self._flush()
        found = dict.fromkeys(self._fed, 0.0)
        for key, amount in self._ions.items():
            found[key.partition(":")[2]] += amount
        contents, material = self._contents, self._material
        cation = material.cation if material else _most(self._fed, CATIONS)
        made = contents.monomer + contents.aggregated + (solid_mmol(contents, material) if material else 0.0)
        if cation:
            found[cation] += contents.oxide + contents.salt + made
        if material:
            found[material.anion] += sum(contents.anions.values()) + made
        return {element: found[element] - fed for element, fed in self._fed.items()}

    def sample(self) -> Product:
        """The crystals as they are now, with their true size distribution."""
        self._flush()
        contents, material = self._contents, self._material
        if material is None:
            return Product.nothing()
        limiting = min(self._fed[material.cation], self._fed[material.anion])
        solid = solid_mmol(contents, material)
        numbers, diameters = contents.numbers.ravel(), 2.0 * contents.radii_nm.ravel()
        kept = (numbers > 1e-12 * max(float(numbers.sum()), 1e-30)) & (diameters >= SMALLEST_SEEN_NM)
        order = np.argsort(diameters[kept])
        diameters, numbers = diameters[kept][order], numbers[kept][order]
        total = solid + contents.aggregated
        product = Product(
            formula=material.formula,
            diameters_nm=diameters,
            weights=numbers / numbers.sum() if numbers.size else numbers,
            shape_fractions={},
            yield_fraction=total / limiting if limiting > 0 else 0.0,
            aggregated_fraction=contents.aggregated / total if total > 0 else 0.0,
            failure_cause=None,
        )
        product = replace(product, shape_fractions=shape_fractions(product, contents, material))
        return replace(product, failure_cause=judge(product))

    def summary(self) -> dict[str, float | str | None]:
        """Where the metal is and how far the reaction has come, for people and logs."""
        product = self.sample()
        contents = self._contents
        return {
            "product": product.formula,
            "time_s": self.time_s,
            "temperature_c": self._temperature_c,
            "volume_ml": contents.volume_ml,
            "undissolved_oxide_mmol": contents.oxide,
            "dissolved_metal_mmol": contents.salt,
            "monomer_mmol": contents.monomer,
            "aggregated_mmol": contents.aggregated,
            "yield_fraction": product.yield_fraction,
            "mean_diameter_nm": product.mean_diameter_nm,
            "std_diameter_nm": product.std_diameter_nm,
            "failure_cause": product.failure_cause.value if product.failure_cause else None,
        }

    # -- keeping the flask

    def snapshot(self) -> dict[str, Any]:
        """Everything, as JSON can hold it; `restore` goes on exactly where this was taken."""
        return {
            "seed": self.seed,
            "factors": vars(self.factors).copy(),
            "contents": self._contents.to_json(),
            "ions": dict(self._ions),
            "material": self._material.formula if self._material else None,
            "fed": dict(self._fed),
            "uneven_c": self._uneven_c,
            "temperature_c": self._temperature_c,
            "next_step_s": self._next_step_s,
            "pending_s": self._pending_s,
            "pending_heat": self._pending_heat,
            "time_s": self.time_s,
        }

    @classmethod
    def restore(cls, data: Mapping[str, Any]) -> "Reactor":
        reactor = cls(int(data["seed"]), RunFactors(**data["factors"]))
        reactor._contents = Contents.from_json(data["contents"])
        reactor._ions = {key: float(amount) for key, amount in data["ions"].items()}
        reactor._material = chemistry.material_of(data["material"]) if data["material"] else None
        reactor._fed = {key: float(amount) for key, amount in data["fed"].items()}
        reactor._uneven_c = float(data["uneven_c"])
        reactor._temperature_c = float(data["temperature_c"])
        reactor._next_step_s = float(data["next_step_s"])
        reactor._pending_s = float(data["pending_s"])
        reactor._pending_heat = float(data["pending_heat"])
        reactor.time_s = float(data["time_s"])
        return reactor


def _most(fed: Mapping[str, float], elements: tuple[str, ...]) -> str | None:
    present = [element for element in elements if element in fed]
    return max(present, key=lambda element: fed[element]) if present else None
