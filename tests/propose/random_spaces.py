"""Search spaces drawn at random, with every kind of rule, and an independent reading of those rules.

``broken`` reads a written campaign and a recipe, and shares nothing with the package but the densities.
"""

from typing import Any

import numpy as np

from closedloop.chemistry import resolve
from closedloop.recipes import Recipe

NAMES = (
    "cadmium oxide", "cadmium stearate", "zinc acetate", "oleic acid", "oleylamine", "stearic acid", "selenium",
    "sulfur", "trioctylphosphine", "tributylphosphine", "trioctylphosphine oxide",
)  # fmt: skip
ROLES = ("cation precursor", "anion precursor", "ligand", "additive")
SOLVENT = "1-octadecene"


def drawn(rng: np.random.Generator) -> dict[str, Any]:
    """What a chemist may write under ``space:``, as plain data; it may well leave no recipe."""
    names = [str(name) for name in rng.permutation(NAMES)[: rng.integers(2, 9)]]
    reagents: list[dict[str, Any]] = []
    for name in names:
        reagent: dict[str, Any] = {"name": name, "role": str(rng.choice(ROLES))}
        kind = rng.integers(5)
        low = float(f"{10 ** rng.uniform(-2, 0.7):.4g}")
        high = float(f"{low * 10 ** rng.uniform(0.05, 1.5):.4g}")
        if kind == 0:
            reagent["amount_mmol"] = low
        elif kind == 1:
            reagent["max_mmol"] = high
        else:
            reagent["amount_mmol"] = {"low": low, "high": high, "scale": str(rng.choice(["linear", "log"]))}
        if kind in (0, 2):
            reagent["optional"] = bool(rng.random() < 0.5)
        if rng.random() < 0.5:
            reagent["vessel"] = str(rng.choice(["flask", "syringe"]))
        reagents.append(reagent)
    space: dict[str, Any] = {"product": "X", "reagents": reagents, "reaction_time_min": [0.5, 60]}
    if rng.random() < 0.4:
        reagents.append({"name": SOLVENT, "role": "solvent", "fill_to_ml": float(rng.integers(5, 30))})
    elif rng.random() < 0.5:
        reagents.append({"name": SOLVENT, "role": "solvent", "amount_mmol": 30})
    if rng.random() < 0.3:
        space["max_volume_ml"] = float(rng.integers(10, 40))
    temperature = sorted(float(f"{t:.4g}") for t in rng.uniform(100, 330, 2))
    if temperature[0] == temperature[1]:
        temperature[1] += 0.1  # equal when rounded, once in two thousand draws: no range
    space["reaction_temperature_c"] = temperature
    space["constraints"], space["couplings"] = [], []
    if rng.random() < 0.5:
        space["injection_temperature_c"] = [temperature[0], temperature[1] + 20]
        space["constraints"].append("reaction_temperature_c <= injection_temperature_c - 0.5")
    if len(names) > 2 and rng.random() < 0.6:
        a, b = names[0], names[1]
        space["constraints"].append(f"{a} >= {rng.uniform(0.05, 2):.3g} * {b}")
    if rng.random() < 0.4:
        space["constraints"].append(f"{reagents[0]['role']} <= {rng.uniform(1, 30):.3g}")
    if rng.random() < 0.4:
        space["couplings"].append({"at_most": int(rng.integers(1, 4)), "of": names[: int(rng.integers(2, 5))]})
    if rng.random() < 0.3:
        space["couplings"].append({"at_least": 1, "of": reagents[0]["role"]})
    if len(names) > 2 and rng.random() < 0.3:
        low = rng.uniform(0.1, 3)
        space["couplings"].append({"ratio": [names[2], names[0]], "between": [low, low * rng.uniform(1.5, 9)]})
    return space


def broken(space: dict[str, Any], recipe: Recipe) -> list[str]:
    """What the recipe breaks of what was written; amounts may be off by a billionth of themselves."""
    said: list[str] = []
    amounts = {reagent.name: reagent.amount_mmol or 0.0 for reagent in recipe.reagents}
    written = {reagent["name"]: reagent for reagent in space["reagents"]}
    if set(amounts) - set(written):
        said.append("a chemical that is not in the space")

    def outside(value: float, low: float, high: float) -> bool:
        room = 1e-9 * max(abs(low), abs(high))
        return not low - room <= value <= high + room

    def ends(entry: dict[str, Any]) -> tuple[float, float]:
        if "max_mmol" in entry:
            return entry["max_mmol"] / 100, entry["max_mmol"]
        value = entry["amount_mmol"]
        return (value["low"], value["high"]) if isinstance(value, dict) else (value, value)

    for name, entry in written.items():
        if "fill_to_ml" in entry:
            continue
        if name not in amounts:
            if not entry.get("optional") and "max_mmol" not in entry:
                said.append(f"{name} is missing")
        elif outside(amounts[name], *ends(entry)):
            said.append(f"{name} {amounts[name]}")
    values = {"reaction_temperature_c": recipe.reaction_temperature_c, "reaction_time_min": recipe.reaction_time_min}
    if "injection_temperature_c" in space:
        values["injection_temperature_c"] = recipe.injection_temperature_c
    for field, value in values.items():
        if value is None or outside(value, *space[field]):
            said.append(f"{field} {value}")

    def members(group: Any) -> list[str]:
        if isinstance(group, list):
            return group
        return [group] if group in written else [n for n, entry in written.items() if entry["role"] == group]

    def total(name: str) -> float:
        if name in values:
            return values[name] or 0.0
        return sum(amounts.get(each, 0.0) for each in members(name))

    for text in space["constraints"]:
        left, sign, right = text.replace("<=", "|<=|").replace(">=", "|>=|").split("|")
        factor, _, name = right.strip().rpartition(" * ")
        shift = 0.0
        if name.endswith(" - 0.5"):
            name, shift = name.removesuffix(" - 0.5"), -0.5
        try:
            bound = float(name)
        except ValueError:
            bound = float(factor or 1) * total(name) + shift
        value = total(left.strip())
        gap = value - bound if sign == "<=" else bound - value
        if gap > 1e-9 * (abs(value) + abs(bound)):
            said.append(text)
    for coupling in space["couplings"]:
        if "ratio" in coupling:
            above, below = (total(name) for name in coupling["ratio"])
            if above and below and outside(above / below, *coupling["between"]):
                said.append(f"ratio {above / below}")
            continue
        there = sum(amounts.get(name, 0.0) > 0 for name in members(coupling["of"]))
        if not coupling.get("at_least", 0) <= there <= coupling.get("at_most", 99):
            said.append(f"{there} of {coupling['of']}")

    def volume(name: str) -> float:
        substance = resolve(name)
        return amounts[name] * substance.molar_mass_g_per_mol / 1000 / (substance.density_g_per_ml or 1.0)

    everything = sum(volume(name) for name in amounts)
    fill = written.get(SOLVENT, {}).get("fill_to_ml")
    if fill and not fill * (1 - 2e-3) <= everything <= fill * (1 + 1e-9):
        said.append(f"filled to {everything} mL instead of {fill}")
    if "max_volume_ml" in space and everything > space["max_volume_ml"] * (1 + 1e-9):
        said.append(f"{everything} mL")
    return said
