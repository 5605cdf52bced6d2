"""Errors of pydantic's in words that need no programmer, for files that a person wrote; belongs to no room."""

from collections.abc import Mapping
from typing import Any


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
