"""The proposal card: everything that a person should see before a recipe is approved, kept with the experiment.

Figures come from the proposer, precedents and unknown chemicals from the model; what is said here is what was said when
the recipe was chosen, and is never worked out again afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from closedloop.campaign.precedents import differences, embedded_literature, recipes_of, shortened
from closedloop.campaign.sheet import describe_recipe, sheet_lines
from closedloop.chemistry import UnknownChemical, resolve
from closedloop.propose import Assessment, Outlook, Proposal, SearchSpace, near_limits
from closedloop.recipes import Experiment, Recipe, Shape
from closedloop.store import ExperimentRecord

if TYPE_CHECKING:
    from closedloop.synthesis import SynthesisModel

PRECEDENTS = 3
_NEAR_SHARE = 0.02
_NEAR_BOILING_C = 15.0


def predictions(
    model: "SynthesisModel",
    assessments: Sequence[Assessment],
    space: SearchSpace,
    known: Sequence[Experiment],
    outlook: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """What is kept of each assessed recipe beside the recipe itself; sizes in nm, JSON throughout.

    ``known``: this campaign's experiments, which may be precedents too. A model that only predicts numbers names
    neither precedents nor unknown chemicals.
    """
    explains = hasattr(model, "nearest_precedents")
    said = model.predict([each.recipe for each in assessments]) if explains and assessments else []
    found = []
    for i, each in enumerate(assessments):
        kept: dict[str, Any] = {
            "size_nm": each.predicted_size_nm,
            "interval_nm": list(each.predicted_interval_nm),
            "relative_spread": each.relative_spread,
            "relative_spread_interval": list(each.relative_spread_interval),
            "success_probability": each.success_probability,
            "size_chance": each.size_chance,
            "spread_chance": each.spread_chance,
            "shape_chance": each.shape_chance,
            "chance_of_hit": each.chance_of_hit,
            "warnings": [*near_limits(space, each.recipe, _NEAR_SHARE), *boiling(each.recipe)],
        }
        if isinstance(each, Proposal):
            kept |= {
                "acquisition_value": each.acquisition_value,
                "motive": each.motive,
                "origin": each.origin,
                "gain": each.gain,
            }
        if explains:
            kept["shape_probabilities"] = {str(s): float(p) for s, p in said[i].shape_probabilities.items()}
            kept["warnings"] = [*said[i].warnings, *kept["warnings"]]
            kept["precedents"] = precedents(model, each.recipe, known)
        if outlook is not None:
            kept["outlook"] = outlook
        found.append(kept)
    return found


def outlook_json(outlook: Outlook, action: str, why: str) -> dict[str, Any]:
    """The outlook as it is kept with each experiment of a batch, with the advice that follows from it."""
    return outlook.model_dump(mode="json") | {"advice": action, "why": why}


def precedents(model: "SynthesisModel", recipe: Recipe, known: Sequence[Experiment]) -> list[dict[str, Any]]:
    """The recipes that this one is most like among those the model learned from, and how it differs from each.

    A model knows a precedent by source, product and size alone. ``recipes`` is how many recipes at hand that may be,
    ``differences`` are from the nearest of them; ``None`` where there is none."""
    found = []
    every = [*known, *embedded_literature()]  # a precedent may be of another product than this recipe
    for nearest in model.nearest_precedents(recipe, PRECEDENTS):
        recipes = recipes_of(nearest.source, nearest.product, nearest.size_nm, every)
        said = min((differences(recipe, each) for each in recipes), key=len, default=None)
        found.append(
            {
                "source": nearest.source,
                "product": nearest.product,
                "size_nm": nearest.size_nm,
                "likeness": nearest.likeness,
                "recipes": len(recipes),
                "differences": None if said is None else shortened(said),
            }
        )
    return found


def boiling(recipe: Recipe) -> list[str]:
    """A warning for each liquid that boils below, or hardly above, the temperature that it is brought to."""
    hottest = max((t for t in (recipe.injection_temperature_c, recipe.reaction_temperature_c) if t), default=None)
    if hottest is None:
        return []
    said = []
    for name in dict.fromkeys(reagent.name for reagent in recipe.reagents):
        try:
            substance = resolve(name)
        except UnknownChemical:
            continue
        boils, melts = substance.boiling_point_c, substance.melting_point_c
        if boils is None or (melts is not None and melts > hottest) or hottest < boils - _NEAR_BOILING_C:
            continue
        where = "is above" if hottest > boils else "is near"
        said.append(f"{hottest:g} °C {where} the boiling point of {name} ({boils:g} °C at 1 atm)")
    return said


@dataclass(frozen=True)
class CardLine:
    """One line of a card: what it is about, and what is said of it."""

    label: str
    text: str


def card_lines(record: ExperimentRecord) -> list[CardLine]:
    """The card of an experiment as a person reads it; what was not recorded is left out."""
    kept = record.prediction or {}
    lines = [CardLine("recipe", describe_recipe(record.recipe)), CardLine("weigh", _weights(record.recipe))]
    if "size_nm" in kept:
        lines.append(CardLine("size", f"{kept['size_nm']:.2f} nm{_interval(kept.get('interval_nm'), 2)}"))
    if kept.get("relative_spread"):
        low_high = kept.get("relative_spread_interval")
        lines.append(CardLine("spread", f"{kept['relative_spread']:.2f} of the mean diameter{_interval(low_high, 2)}"))
    if shapes := kept.get("shape_probabilities"):
        lines.append(CardLine("shape", _shapes(shapes)))
    if "success_probability" in kept:
        lines.append(CardLine("success", percent(kept["success_probability"])))
    if "chance_of_hit" in kept:
        lines.append(CardLine("chance of a hit", _chance(kept)))
    if record.reason:
        lines.append(CardLine("why", record.reason))
    for number, each in enumerate(kept.get("precedents", []), start=1):
        lines.append(CardLine(f"precedent {number}", _precedent(each)))
    lines += [CardLine("warning", warning) for warning in kept.get("warnings", [])]
    if outlook := kept.get("outlook"):
        lines.append(CardLine("outlook", outlook_text(outlook)))
    lines.append(CardLine("model", record.model_id or "none"))
    return lines


def card_json(record: ExperimentRecord) -> dict[str, Any]:
    """The same for machines, beside the contract's keys of an experiment."""
    from closedloop.campaign.result import experiment_json

    kept = record.prediction or {}
    return experiment_json(record) | {
        "size_interval_nm": kept.get("interval_nm"),
        "relative_spread": kept.get("relative_spread"),
        "relative_spread_interval": kept.get("relative_spread_interval"),
        "shape_probabilities": kept.get("shape_probabilities"),
        "success_probability": kept.get("success_probability"),
        "chance_of_hit": kept.get("chance_of_hit"),
        "acquisition": {
            "motive": kept.get("motive"),
            "origin": kept.get("origin"),
            "gain": kept.get("gain"),
            "value": kept.get("acquisition_value"),
            "reason": record.reason,
        },
        "precedents": kept.get("precedents"),
        "warnings": kept.get("warnings"),
        "outlook": kept.get("outlook"),
        "batch": record.batch,
    }


def outlook_text(outlook: dict[str, Any]) -> str:
    """The chance over the next experiments, and what is advised."""
    chances = outlook.get("chances") or []
    if not chances:
        return str(outlook.get("advice", ""))
    said = f"{percent(chances[-1])} that one of the next {len(chances)} experiments hits"
    return f"{said}; {outlook['advice']}: {outlook['why']}" if outlook.get("advice") else said


def percent(share: float) -> str:
    """A chance as a person says it; small ones keep a digit."""
    return f"{100 * share:.0f}%" if share >= 0.1 or share == 0 else f"{100 * share:.1f}%"


def _interval(ends: Sequence[float] | None, digits: int) -> str:
    return f" (90%: {ends[0]:.{digits}f} to {ends[1]:.{digits}f})" if ends else ""


def _weights(recipe: Recipe) -> str:
    said = []
    for line in sheet_lines(recipe):
        if line.volume_ml is not None:
            said.append(f"{line.name} {line.volume_ml:.3f} mL")
        elif line.mass_g is not None:
            said.append(f"{line.name} {line.mass_g:.4f} g")
        else:
            said.append(f"{line.name} (no molar mass known)")
    return ", ".join(said)


def _shapes(chances: dict[str, float]) -> str:
    likely = sorted(chances.items(), key=lambda item: -item[1])
    if likely[0][1] - likely[-1][1] < 1e-6:
        return f"unknown to the model (all {len(Shape)} alike)"
    return ", ".join(f"{shape} {percent(chance)}" for shape, chance in likely[:3])


def _chance(kept: dict[str, Any]) -> str:
    said = percent(kept["chance_of_hit"])
    if "size_chance" in kept:
        factors = [f"size {percent(kept['size_chance'])}", f"success {percent(kept['success_probability'])}"]
        factors += [f"{n} {percent(kept[f'{n}_chance'])}" for n in ("spread", "shape") if kept[f"{n}_chance"] < 1]
        said += f" ({' × '.join(factors)})"
    if kept.get("motive"):
        said += f"; {kept['motive']}"
        if kept.get("gain"):
            said += f", its result should raise the next chance by {percent(kept['gain'])}"
    return said


def _precedent(each: dict[str, Any]) -> str:
    said = f"{each['product']} of {each['size_nm']:.3g} nm, {each['source'] or 'unknown source'}"
    said += f" (likeness {each['likeness']:.2f})"
    if each["differences"] is None:
        return f"{said}; its recipe is not at hand"
    if each.get("recipes", 1) > 1:
        said += (
            f"; one of {each['recipes']} recipes of that source with that size; beside the nearest of them this one: "
        )
    else:
        said += "; this one: "
    return said + (", ".join(each["differences"]) or "the same within 15%")
