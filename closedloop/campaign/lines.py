"""Where in a YAML file a value stands, so that a fault can name its line."""

from typing import Any

import yaml

Path = tuple[int | str, ...]


class _UniqueKeys(yaml.SafeLoader):
    """YAML lets a key be given twice, and the first one vanishes; a campaign must not lose a limit that way."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key!r} is given twice (first in line {seen[key]})", problem_mark=key_node.start_mark
                )
            seen[key] = line
        return super().construct_mapping(node, deep)


def load(text: str) -> tuple[Any, dict[Path, int]]:
    """The content, and for each place in it the line (from 1) that it starts in. Raises ``yaml.YAMLError``."""
    content = yaml.load(text, Loader=_UniqueKeys)
    lines: dict[Path, int] = {}
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is not None:
        _note(root, (), lines)
    return content, lines


def _note(node: yaml.Node, path: Path, lines: dict[Path, int]) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*path, key.value)
            lines[place] = key.start_mark.line + 1
            _note(value, place, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note(value, (*path, index), lines)


def line_of(path: Path, lines: dict[Path, int]) -> int:
    """The line of the place, or of the nearest place around it that the file has."""
    for length in range(len(path), -1, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1
