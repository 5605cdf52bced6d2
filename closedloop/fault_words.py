"""Errors of pydantic's in words that need no programmer, for files that a person wrote; belongs to no room.

A word that is close to one that belongs in its place is asked for. Leaves lines to `yaml_lines`.
"""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

from closedloop.yaml_lines import Path, place_of

_NO_NUMBER = ("float_parsing", "float_type", "int_parsing", "int_type", "int_parsing_size")
_LONGEST = 60


def in_words(error: Mapping[str, Any], what: str, model: type[BaseModel]) -> str:
    """An error of pydantic's as a person says it; the file holds ``what``, such as a campaign, read as ``model``."""
    kind, given = error["type"], error["input"]
    if kind in ("extra_forbidden", "invalid_key"):
        near = asked(str(error["loc"][-1]), _keys(model, error["loc"][:-1]))
        return f"is not a key that a {what} has here; {near or 'remove it or mend its spelling'}"
    if kind == "missing":
        return "is missing; add it"
    if kind in ("tuple_type", "list_type"):
        as_list = (
            f"write it as [{' '.join(given.split())}]" if isinstance(given, str) else "begin its entries with '- '"
        )
        return f"is no list; {as_list}"
    if kind in ("too_long", "too_short"):
        bound = error["ctx"].get("max_length", error["ctx"].get("min_length"))
        return f"has {error['ctx']['actual_length']} values where {bound} belong"
    if kind in ("dict_type", "mapping_type", "model_type", "model_attributes_type"):
        return "is no mapping; write a value behind each name, as in {name: value}"
    return _value_in_words(error, kind, given)


def _value_in_words(error: Mapping[str, Any], kind: str, given: Any) -> str:
    """What is wrong with one text, number or choice."""
    if kind in (*_NO_NUMBER, "string_type", "enum", "literal_error", "bool_type") and given is None:
        return "is empty; write a value, or leave the key out"
    if kind == "int_parsing" and (whole := _whole_number(given)) is not None:
        return f"{_shown(given)} is not written as a whole number; write {whole}"
    if kind in _NO_NUMBER and isinstance(given, str):
        return (
            f"{_shown(given)} is no number; write the number alone: its unit stands in the name, "
            "and its decimal mark is a point"
        )
    if kind in _NO_NUMBER:
        return f"{_shown(given)} is no number; write one"
    if kind == "int_from_float":
        return f"{_shown(given)} is no whole number; write {math.floor(given)} or {math.ceil(given)}"
    if kind == "string_type":
        return f"{_shown(given)} is no text; put it in quotation marks if it is meant as one"
    if kind == "string_too_long":
        return f"{_shown(given)} has {len(given)} characters; shorten it to {error['ctx']['max_length']}"
    if kind == "string_too_short":
        return "is empty; write a text"
    if kind in ("bool_type", "bool_parsing"):
        return f"{_shown(given)} is neither true nor false; write one of them"
    said = str(error["msg"]).removeprefix("Value error, ")
    if said.startswith("Input should"):
        said = f"{_shown(given)}{said.removeprefix('Input')}"
    if kind in ("enum", "literal_error"):
        near = asked(str(given), re.findall(r"'([^']+)'", error["ctx"]["expected"]))
        return f"{said}; {near}" if near else said
    return said


def written_place(error: Mapping[str, Any], content: Any) -> Path:
    """Where in the ``content`` an error of pydantic's is; pydantic also names what it tried there, and how."""
    place: list[int | str] = []
    for part in error["loc"]:
        inside = _inside(content)
        if part in inside:
            place.append(part)
            content = inside[part]
    return (*place, error["loc"][-1]) if error["type"] == "missing" else tuple(place)


def spelled(place: Path) -> str:
    """The place in one line, whatever its keys hold: ``space.reagents.0.name``."""
    return ".".join(" ".join(str(part).split()) for part in place)


def _inside(content: Any) -> Mapping[int | str, Any]:
    if isinstance(content, Mapping):
        return {place_of(key): value for key, value in content.items()}
    return dict(enumerate(content)) if isinstance(content, list | tuple) else {}


def _keys(model: type[BaseModel], place: Path) -> list[str]:
    """The keys that may be written at a place of a file that holds the model."""
    models = [model]
    for part in place:
        fields = [each.model_fields[part] for each in models if isinstance(part, str) and part in each.model_fields]
        models = [found for field in fields for found in _models(field.annotation)] or models
    shorthands = [key for each in models for key in getattr(each, "shorthands", ())]
    return [key for each in models for key in each.model_fields] + shorthands


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models(each)


def asked(word: str, known: list[str]) -> str | None:
    """Asks for the known word that is close to this one, ``None`` where none is."""
    near = get_close_matches(word.casefold(), known, n=1)
    return f"did you mean {near[0]!r}?" if near else None


def _whole_number(text: str) -> int | None:
    """What a text such as 1e3 stands for, ``None`` where that is no whole number."""
    with suppress(ValueError):
        number = float(text)
        return int(number) if number.is_integer() else None
    return None


def _shown(given: Any) -> str:
    """A value as its writer knows it again."""
    if isinstance(given, bool):
        return str(given).lower()
    text = repr(given) if isinstance(given, str | int | float | list | dict) else str(given)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
