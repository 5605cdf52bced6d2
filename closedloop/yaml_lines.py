"""YAML that a person wrote: no key given twice, no number that YAML reads otherwise than a person does, and the line of
every value, so that a fault can name it.

Belongs to no room; campaign files and lab files are read by it.
"""

from collections.abc import Mapping
from typing import Any

import yaml

Path = tuple[int | str, ...]
MERGE = "tag:yaml.org,2002:merge"
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class Misleading(yaml.YAMLError):
    """What is YAML, and would be taken for something else than its writer means."""


class _GivenTwice(Misleading, yaml.constructor.ConstructorError):
    """A key that stands in one mapping twice."""


class _UniqueKeys(yaml.SafeLoader):
    """YAML lets a key be given twice, and the first one vanishes; no limit and no interlock may be lost that way."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            # Whatever else may be a key (`<<`, which takes in another mapping) is left to PyYAML.
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if key in seen:
                raise _GivenTwice(
                    problem=f"{key!r} is given twice (first in line {seen[key]})", problem_mark=key_node.start_mark
                )
            seen[key] = line
        return super().construct_mapping(node, deep)


def load(text: str) -> tuple[Any, dict[Path, int]]:
    """The content, and for each place in it the line (from 1) that it starts in. Raises ``yaml.YAMLError``."""
    lines: dict[Path, int] = {}
    misread: list[str] = []
    try:
        content = yaml.load(text, Loader=_UniqueKeys)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None:
            _note(root, (), lines, misread)
    except ValueError as error:
        # PyYAML lets out what Python says to an impossible date or number.
        raise yaml.YAMLError(str(error)) from error
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply, or refers to itself") from error
    if misread:
        raise Misleading("; ".join(dict.fromkeys(misread)))
    return content, lines


def _note(node: yaml.Node, path: Path, lines: dict[Path, int], misread: list[str]) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode) and (said := _misread(node)):
        name = f"{path[-1]}: " if path and isinstance(path[-1], str) else ""
        misread.append(f"line {node.start_mark.line + 1}: {name}{said}")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if said := _misread(key):
                misread.append(f"line {key.start_mark.line + 1}: {said}")
            place = (*path, key.value)
            lines[place] = key.start_mark.line + 1
            _note(value, place, lines, misread)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note(value, (*path, index), lines, misread)


def _misread(node: yaml.ScalarNode) -> str | None:
    """What is wrong with a number that YAML counts by sixties (1:30) or by eights (010)."""
    text = node.value.replace("_", "")
    digits = text.lstrip("+-")
    if node.tag not in NUMBERS or not (":" in text or (digits[:1] == "0" and digits.isdigit())):
        return None
    value = yaml.safe_load(node.value)
    if ":" not in text:
        plain = int(text)
        return None if plain == value else f"{node.value} would be read as {value} (by eights); write {plain}"
    return (
        f"{node.value} would be read as {value:g} (by sixties); write {value:g} or {value / 60:g}, or put what is no "
        "number in quotation marks"
    )


def in_words(error: Mapping[str, Any], what: str) -> str:
    """An error of pydantic's as a person says it; ``what`` is what the file holds, such as a campaign."""
    kind, given = error["type"], error["input"]
    if kind == "extra_forbidden":
        return f"is not a key that a {what} has here; remove it or mend its spelling"
    if kind == "missing":
        return "is missing; add it"
    if kind in ("tuple_type", "list_type"):
        return f"is no list; write it as [{given}]" if isinstance(given, str | int | float) else "is no list"
    if kind in ("dict_type", "mapping_type", "model_type", "model_attributes_type"):
        return "is no mapping; write a value behind each name, as in {name: value}"
    if kind == "string_type":
        return f"{given!r} is no text; put it in quotation marks if it is meant as one"
    return str(error["msg"]).removeprefix("Value error, ")


def line_of(path: Path, lines: dict[Path, int]) -> int:
    """The line of the place, or of the nearest place around it that the file has."""
    for length in range(len(path), -1, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def complaint(error: yaml.YAMLError) -> str:
    """What to say of a text that could not be loaded, in one line."""
    return reason(error) if isinstance(error, Misleading) else f"is not YAML ({reason(error)})"


def reason(error: yaml.YAMLError) -> str:
    """Why a text is not YAML, in one line and with the line that it is about where that is known."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())
