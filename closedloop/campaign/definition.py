"""A campaign's file: target, search space, budget and habits, checked as a whole before anything is written."""

import hashlib
import re
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from closedloop.campaign.errors import CampaignFileError
from closedloop.campaign.lines import line_of, load
from closedloop.chemistry import UnknownChemical, composition, resolve
from closedloop.propose import SearchSpace
from closedloop.recipes import ClosedloopError, Recipe, Target
from closedloop.recipes.fields import Frozen

# Below a few unit cells nothing is a crystal; above a micrometre nothing is a colloid.
SMALLEST_NM, LARGEST_NM = 0.5, 1000.0
# Elements that air, water or any organic chemical brings along.
UBIQUITOUS = {"C", "H", "O", "N"}
QUANTITY_FORMS = ("value", "range")


class Approval(StrEnum):
    """Whether a proposal waits for a person before it is made."""

    AUTOMATIC = "automatic"
    ASK = "ask"


class CampaignDefinition(Frozen):
    """What a campaign wants and may do. ``budget`` counts experiments, ``retrain_every`` counts outcomes."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
    description: str = ""
    target: Target
    space: SearchSpace
    budget: Annotated[int, Field(ge=1, le=100_000)] = 24
    batch_size: Annotated[int, Field(ge=1, le=64)] = 4
    hits_wanted: Annotated[int, Field(ge=1)] = 1
    retrain_every: Annotated[int, Field(ge=1)] = 8
    approval: Approval = Approval.AUTOMATIC
    lab: str = "virtual"
    smallest_particle_count: Annotated[int, Field(ge=1)] = 20
    largest_relative_spread: Annotated[float, Field(gt=0, le=5)] = 0.35

    @field_validator("target")
    @classmethod
    def _can_exist(cls, target: Target) -> Target:
        if not SMALLEST_NM <= target.size_nm <= LARGEST_NM:
            raise ValueError(
                f"a nanocrystal of {target.size_nm:g} nm is impossible; "
                f"the size must lie between {SMALLEST_NM:g} and {LARGEST_NM:g} nm"
            )
        if target.half_width_nm >= target.size_nm:
            raise ValueError(
                f"a tolerance of {target.half_width_nm:g} nm at {target.size_nm:g} nm would accept anything; narrow it"
            )
        try:
            composition(target.product)
        except ClosedloopError as error:
            raise ValueError(str(error)) from error
        return target

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        if self.space.product != self.target.product:
            raise ValueError(f"the space makes {self.space.product}, the target is {self.target.product}")
        try:
            supplied = UBIQUITOUS.union(*(_elements(reagent.name) for reagent in self.space.reagents))
        except UnknownChemical as error:
            raise ValueError(str(error)) from error
        missing = sorted(set(composition(self.target.product)) - supplied)
        if missing:
            raise ValueError(
                f"no chemical of the space brings {' or '.join(missing)}, which {self.target.product} needs; add one"
            )
        try:
            self.space.within(self.target.limits)
        except ClosedloopError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def digest(self) -> str:
        """Changes when anything in the definition does."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def canonical(name: str) -> str:
    """The registry's name for a chemical. Raises `UnknownChemical`."""
    return resolve(name).name


def canonical_recipe(recipe: Recipe) -> Recipe:
    """The recipe with every chemical under the registry's name; a name that is not known there stays as it is."""

    def known(name: str) -> str:
        try:
            return canonical(name)
        except UnknownChemical:
            return name

    reagents = tuple(reagent.model_copy(update={"name": known(reagent.name)}) for reagent in recipe.reagents)
    return Recipe.model_validate(recipe.model_dump() | {"reagents": [r.model_dump() for r in reagents]})


def _elements(name: str) -> set[str]:
    return set(composition(resolve(name).formula))


def shipped_campaigns() -> list[str]:
    """Names that ``closedloop run`` takes instead of a path."""
    return sorted(Path(entry.name).stem for entry in files("campaigns").iterdir() if entry.name.endswith(".yaml"))


def find_campaign(path_or_name: str | Path) -> tuple[str, str]:
    """(where, text) of a campaign's file, or of a shipped campaign by its name."""
    path = Path(path_or_name)
    if path.is_file() or path.suffix:
        try:
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
        content, lines = load(text)
    except yaml.YAMLError as error:
        raise CampaignFileError(where, [f"is not YAML ({_yaml_reason(error)})"]) from error
    if not isinstance(content, dict):
        raise CampaignFileError(where, ["holds no campaign; begin with 'name:', 'target:' and 'space:'"])
    faults = _resolve_names(content, lines)
    space, target = content.get("space"), content.get("target")
    if isinstance(space, dict) and isinstance(target, dict) and "product" not in space and "product" in target:
        space["product"] = target["product"]
    try:
        definition = CampaignDefinition.model_validate(content)
    except ValidationError as error:
        # A name that is not known has been reported already, with its own line.
        said = [fault.partition(": ")[2] for fault in faults]
        found = [_fault(each, lines) for each in error.errors()]
        faults += [fault for fault in found if not any(fault.endswith(known) for known in said)]
    if faults:
        raise CampaignFileError(where, faults)
    return definition


def _resolve_names(content: dict[str, Any], lines: dict[tuple[int | str, ...], int]) -> list[str]:
    """Puts the registry's names in place of the writer's, and returns a fault for each that it does not know."""
    faults: list[str] = []
    renamed: dict[str, str] = {}

    def rename(name: Any, place: tuple[int | str, ...]) -> Any:
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
    limits = content["target"].get("limits") if isinstance(content.get("target"), dict) else None
    if isinstance(limits, dict):
        here = ("target", "limits")
        if isinstance(names := limits.get("allowed_chemicals"), list):
            limits["allowed_chemicals"] = [
                rename(name, (*here, "allowed_chemicals", index)) for index, name in enumerate(names)
            ]
        if isinstance(amounts := limits.get("max_amounts_mmol"), dict):
            limits["max_amounts_mmol"] = {
                rename(name, (*here, "max_amounts_mmol", name)): amount for name, amount in amounts.items()
            }
    return faults


def _rename_in(constraint: Any, renamed: dict[str, str]) -> Any:
    """A constraint with the registry's names; longer names first, so that no name is replaced inside another."""
    if not isinstance(constraint, str):
        return constraint
    names = sorted(renamed, key=len, reverse=True)
    if not names:
        return constraint
    pattern = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names))
    return pattern.sub(lambda match: renamed[match.group()], constraint)


def _fault(error: Any, lines: dict[tuple[int | str, ...], int]) -> str:
    # The last part may only say which form of a value was tried (a number or a range).
    place = error["loc"][:-1] if error["loc"] and error["loc"][-1] in QUANTITY_FORMS else error["loc"]
    label = ".".join(str(part) for part in place)
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "is not a key that a campaign has here; remove it or mend its spelling"
    elif error["type"] == "missing":
        message = "is missing; add it"
    return f"line {line_of(place, lines)}: {label + ': ' if label else ''}{message}"


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not text in UTF-8"


def _yaml_reason(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())
