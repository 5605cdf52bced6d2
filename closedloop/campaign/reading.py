"""A campaign's file: YAML with names that the registry knows -> a definition, or every fault at once with its line."""

import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from closedloop.campaign.definition import CampaignDefinition, canonical, supply_faults
from closedloop.campaign.errors import CampaignFileError
from closedloop.chemistry import UnknownChemical, usual_role
from closedloop.fault_words import in_words, spelled, written_place
from closedloop.propose import Coupling, Faults, SearchSpaceError, name_faults
from closedloop.propose.constraints import parse_comparison
from closedloop.recipes import Role
from closedloop.yaml_lines import Path as Place
from closedloop.yaml_lines import complaint, line_of, load, place_of


def shipped_campaigns() -> list[str]:
    """Names that ``closedloop run`` takes instead of a path."""
    return sorted(Path(entry.name).stem for entry in files("campaigns").iterdir() if entry.name.endswith(".yaml"))


def find_campaign(path_or_name: str | Path) -> tuple[str, str]:
    """(where, text) of a campaign's file, or of a shipped campaign by its name."""
    path = Path(path_or_name)
    try:
        if path.suffix or path.is_file():
            return str(path), path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        fault = f"cannot be read ({_reason(error)}); give a campaign's file"
        raise CampaignFileError(str(path), [fault]) from error
    if str(path_or_name) in shipped_campaigns():
        return str(path_or_name), files("campaigns").joinpath(f"{path_or_name}.yaml").read_text(encoding="utf-8")
    known = ", ".join(shipped_campaigns())
    fault = f"no such file, and no campaign of that name is shipped (those are: {known})"
    raise CampaignFileError(str(path_or_name), [fault])


def read_campaign(path_or_name: str | Path) -> CampaignDefinition:
    """Raises `CampaignFileError` with every fault, each with its line."""
    where, text = find_campaign(path_or_name)
    return parse_campaign(text, where)


def parse_campaign(text: str, where: str) -> CampaignDefinition:
    """A definition from a campaign's YAML text; ``where`` names it in the message of a `CampaignFileError`."""
    try:
        written = load(text)
    except yaml.YAMLError as error:
        raise CampaignFileError(where, [complaint(error)]) from error
    content, lines = written.content, dict(written.lines)
    if not isinstance(content, dict):
        raise CampaignFileError(where, ["holds no campaign; begin with 'name:', 'target:' and 'space:'"])
    faults = [*written.faults, *_resolve_names(content, lines)]
    space, target = content.get("space"), content.get("target")
    if isinstance(space, dict) and isinstance(target, dict) and "product" not in space and "product" in target:
        space["product"] = target["product"]
    try:
        definition = CampaignDefinition.model_validate(content)
    except ValidationError as error:
        # A name that is not known has been reported already, with its own line.
        said = [fault.partition(": ")[2] for fault in faults]
        found = [fault for each in error.errors() for fault in _faults(each, content, lines)]
        found += _independent_faults(content, lines)
        faults += [fault for fault in found if not any(fault.endswith(known) for known in said)]
    if faults:
        raise CampaignFileError(where, sorted(dict.fromkeys(faults), key=_line_number))
    return definition


def _line_number(fault: str) -> int:
    found = re.match(r"line (\d+):", fault)
    return int(found[1]) if found else 0


def _independent_faults(content: dict[str, Any], lines: Mapping[Place, int]) -> list[str]:
    """Faults that a first fault elsewhere keeps from being looked for: names in constraints and couplings, and whether
    the chemicals can make the product. They need no more of the file than its names."""
    space, target = content.get("space"), content.get("target")
    reagents = space.get("reagents") if isinstance(space, dict) else None
    if not isinstance(space, dict) or not isinstance(reagents, list):
        return []
    written = [r for r in reagents if isinstance(r, dict) and isinstance(r.get("name"), str)]
    names = [r["name"] for r in written]
    roles = {str(r["role"]) for r in written if r.get("role") in {str(role) for role in Role}}
    roles |= {str(role) for name in names if (role := usual_role(name))}
    constraints = space.get("constraints")
    couplings = space.get("couplings")
    ruled = [_coupling(each) for each in couplings] if isinstance(couplings, list) else []
    found = name_faults(constraints if isinstance(constraints, list) else [], ruled, names, roles)
    said = [_said(("space", *place), message, lines) for place, message in found]
    if isinstance(target, dict) and isinstance(target.get("product"), str) and names:
        used = [r["name"] for r in written if r.get("amount_mmol") != 0]
        said += [_said(("space", "reagents"), each, lines) for each in supply_faults(target["product"], used)]
    return said


def _coupling(written: Any) -> Coupling | None:
    try:
        return Coupling.model_validate(written)
    except ValidationError:
        return None


def _resolve_names(content: dict[str, Any], lines: dict[Place, int]) -> list[str]:
    """Puts the registry's names in place of the writer's, and returns a fault for each that it does not know."""
    faults: list[str] = []
    renamed: dict[str, str] = {}

    def rename(name: Any, place: Place) -> Any:
        if not isinstance(name, str):
            return name
        try:
            renamed[name] = canonical(name)
        except UnknownChemical as error:
            faults.append(f"line {line_of(place, lines)}: {error}")
            return name
        return renamed[name]

    space = content.get("space")
    if isinstance(space, dict) and isinstance(space.get("reagents"), list):
        for index, reagent in enumerate(space["reagents"]):
            if isinstance(reagent, dict) and "name" in reagent:
                reagent["name"] = rename(reagent["name"], ("space", "reagents", index, "name"))
        if isinstance(space.get("constraints"), list):
            space["constraints"] = [_rename_in(text, renamed) for text in space["constraints"]]
        if isinstance(space.get("couplings"), list):
            space["couplings"] = [_rename_coupling(each, renamed) for each in space["couplings"]]
    limits = content["target"].get("limits") if isinstance(content.get("target"), dict) else None
    if isinstance(limits, dict):
        here = ("target", "limits")
        if isinstance(names := limits.get("allowed_chemicals"), list):
            limits["allowed_chemicals"] = [
                rename(name, (*here, "allowed_chemicals", index)) for index, name in enumerate(names)
            ]
        if isinstance(amounts := limits.get("max_amounts_mmol"), dict):
            limits["max_amounts_mmol"] = _one_limit_each(amounts, (*here, "max_amounts_mmol"), rename, lines, faults)
    return faults


def _one_limit_each(
    amounts: dict[Any, Any],
    place: Place,
    rename: Callable[[Any, Place], Any],
    lines: dict[Place, int],
    faults: list[str],
) -> dict[Any, Any]:
    """The limits by the registry's names, each with its line; of two for one chemical the first would vanish."""
    limits: dict[Any, Any] = {}
    given: dict[Any, tuple[Any, int]] = {}
    for name, amount in amounts.items():
        here = (*place, place_of(name))
        known, line = rename(name, here), line_of(here, lines)
        if known in given:
            first, before = given[known]
            message = f"{first!r} (line {before}) and {name!r} are one chemical; keep one limit of the two"
            faults.append(f"line {line}: {spelled(place)}: {message}")
            continue
        given[known] = name, line
        limits[known] = amount
    lines.update({(*place, place_of(known)): line for known, (_, line) in given.items()})
    return limits


def _rename_in(constraint: Any, renamed: Mapping[str, str]) -> Any:
    """A constraint with the registry's names; longer names first, so that no name is replaced inside another."""
    if not isinstance(constraint, str):
        return constraint
    try:
        written = parse_comparison(constraint).coefficients
    except SearchSpaceError:
        written = {}
    renamed = dict(renamed) | {name: _known(name, renamed) for name in written}
    names = sorted(renamed, key=len, reverse=True)
    if not names:
        return constraint
    pattern = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names))
    return pattern.sub(lambda match: renamed[match.group()], constraint)


def _known(name: str, renamed: Mapping[str, str]) -> str:
    """The registry's name where that is a chemical of the space; else the name as it is (a role, a condition)."""
    if name in renamed:
        return renamed[name]
    try:
        known = canonical(name)
    except UnknownChemical:
        return name
    return known if known in renamed.values() else name


def _rename_coupling(coupling: Any, renamed: Mapping[str, str]) -> Any:
    """A coupling with the registry's names; a name that no chemical of the space has stays as it is."""
    if not isinstance(coupling, dict):
        return coupling

    def rename(names: Any) -> Any:
        if isinstance(names, list):
            return [rename(name) for name in names]
        return _known(names, renamed) if isinstance(names, str) else names

    return coupling | {key: rename(coupling[key]) for key in ("of", "ratio") if key in coupling}


def _faults(error: Any, content: Any, lines: Mapping[Place, int]) -> list[str]:
    """The faults of one error of pydantic's; a check of ours may have found several at once."""
    if error["type"] == "missing" and error["loc"] == ("space", "product"):
        # It is the target's, and that is told to be missing.
        return []
    place = written_place(error, content)
    raised = error.get("ctx", {}).get("error")
    if isinstance(raised, Faults):
        return [_said((*place, *below), message, lines) for below, message in raised.faults]
    if error["type"] == "model_type" and place[:2] == ("space", "reagents") and isinstance(error["input"], str):
        message = f"is a name alone; write it as {{name: {error['input']}, amount_mmol: [0.1, 1.0]}}"
        return [_said(place, message, lines)]
    return [_said(place, in_words(error, "campaign", CampaignDefinition), lines)]


def _said(place: Place, message: str, lines: Mapping[Place, int]) -> str:
    return f"line {line_of(place, lines)}: {spelled(place) + ': ' if place else ''}{message}"


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not text in UTF-8"
