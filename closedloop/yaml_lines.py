"""YAML that a person wrote: no key given twice, no number that YAML reads otherwise than a person does, and the line of
every value, so that a fault can name it.

Belongs to no room; campaign files and lab files are read by it. Leaves what pydantic says of them to `fault_words`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Path = tuple[int | str, ...]
MERGE = "tag:yaml.org,2002:merge"
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# Aliases of aliases make a few lines stand for more values than any memory holds; no file that a person wrote does.
MOST_ALIASED = 100_000
_ENDLESS = "it is nested too deeply, or refers to itself"


class Misleading(yaml.YAMLError):
    """What is YAML, and would be taken for something else than its writer means."""


@dataclass(frozen=True)
class Written:
    """The content, the line (from 1) of each place in it, and, with its line, what YAML reads otherwise than its writer
    means."""

    content: Any
    lines: Mapping[Path, int]
    faults: tuple[str, ...] = ()


def load(text: str) -> Written:
    """Raises ``yaml.YAMLError`` for what cannot be read at all."""
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return Written(None, {})
        sizes: dict[int, int] = {}
        if _size(root, sizes) - len(sizes) > MOST_ALIASED:
            raise Misleading(f"its aliases stand for more than {MOST_ALIASED:,} values; write out what is meant")
        notes = _Notes(loader)
        notes.take(root, ())
        return Written(loader.construct_document(root), notes.lines, tuple(dict.fromkeys(notes.faults)))
    except ValueError as error:
        # PyYAML lets out what Python says to an impossible date or number.
        raise yaml.YAMLError(str(error)) from error
    except RecursionError as error:
        raise yaml.YAMLError(_ENDLESS) from error
    finally:
        loader.dispose()


def _size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """How many values a node stands for once its aliases are written out; each node is looked at once."""
    if id(node) not in sizes:
        # None of its own yet: a node that is met again within itself has no end.
        sizes[id(node)] = 0
        inside = [each for pair in node.value for each in pair] if isinstance(node, yaml.MappingNode) else node.value
        below = [] if isinstance(node, yaml.ScalarNode) else inside
        sizes[id(node)] = 1 + sum(_size(each, sizes) for each in below)
    elif not sizes[id(node)]:
        raise yaml.YAMLError(_ENDLESS)
    return sizes[id(node)]


class _Notes:
    """The line of every place, and the faults that only the text shows."""

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self.lines: dict[Path, int] = {}
        self.faults: list[str] = []
        self._loader = loader

    def take(self, node: yaml.Node, place: Path) -> None:
        self.lines.setdefault(place, _line(node))
        if isinstance(node, yaml.ScalarNode) and (said := _misread(node)):
            name = f"{place[-1]}: " if place and isinstance(place[-1], str) else ""
            self.faults.append(f"line {_line(node)}: {name}{said}")
        if isinstance(node, yaml.MappingNode):
            self._take_mapping(node, place)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self.take(value, (*place, index))

    def _take_mapping(self, node: yaml.MappingNode, place: Path) -> None:
        """YAML lets a key be given twice, and the first vanishes; no limit and no interlock may be lost that way."""
        seen: dict[Any, int] = {}
        for key_node, value in node.value:
            # Whatever else may be a key is left to PyYAML.
            if not isinstance(key_node, yaml.ScalarNode):
                continue
            if said := _misread(key_node):
                self.faults.append(f"line {_line(key_node)}: {said}")
            # `<<` takes in another mapping, and may do so twice.
            key = "<<" if key_node.tag == MERGE else self._loader.construct_object(key_node, deep=True)
            if key in seen and key_node.tag != MERGE:
                self.faults.append(f"line {_line(key_node)}: {key!r} is given twice (first in line {seen[key]})")
            seen.setdefault(key, _line(key_node))
            inside = (*place, place_of(key))
            self.lines[inside] = _line(key_node)
            self.take(value, inside)


def place_of(key: object) -> int | str:
    """A key as pydantic names it among the places of a file."""
    return key if isinstance(key, int | str) else str(key)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


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


def line_of(path: Path, lines: Mapping[Path, int]) -> int:
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
