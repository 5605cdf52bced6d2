"""Pydantic's errors as a person reads them, on a model that has every kind of field."""

from collections.abc import Mapping
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from closedloop.fault_words import in_words, spelled, written_place

NO_NUMBER = "is no number; write the number alone: its unit stands in the name, and its decimal mark is a point"


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    weight: float = 1.0
    count: int = 1
    label: str = "a"


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    parts: tuple[Part, ...] = ()
    named: Mapping[str, Part] = {}
    colour: Literal["red", "green"] = "red"
    closed: bool = False
    ends: tuple[float, float] = (0.0, 1.0)


def said(content: dict[Any, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(content)
    errors = caught.value.errors()
    return [f"{spelled(written_place(e, content))}: {in_words(e, 'whole', Whole)}" for e in errors]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"parts": [{"wieght": 1}]}, "parts.0.wieght: is not a key that a whole has here; did you mean 'weight'?"),
        ({"named": {"x": {"labell": 1}}}, "named.x.labell: is not a key that a whole has here; did you mean 'label'?"),
        ({"weight": 1}, "weight: is not a key that a whole has here; remove it or mend its spelling"),
        ({"a\n b": 1}, "a b: is not a key that a whole has here; remove it or mend its spelling"),
        ({None: 1}, "None: is not a key that a whole has here; remove it or mend its spelling"),
        ({"parts": {}}, "parts: is no list; begin its entries with '- '"),
        ({"parts": 3}, "parts: is no list; begin its entries with '- '"),
        ({"parts": "one\n two"}, "parts: is no list; write it as [one two]"),
        ({"parts": ["a"]}, "parts.0: is no mapping; write a value behind each name, as in {name: value}"),
        ({"ends": [1, 2, 3]}, "ends: has 3 values where 2 belong"),
        ({"named": {12: {}}}, "named.12: 12 is no text; put it in quotation marks if it is meant as one"),
        ({"parts": [{"count": 2.5}]}, "parts.0.count: 2.5 is no whole number; write 2 or 3"),
        ({"parts": [{"count": -2.5}]}, "parts.0.count: -2.5 is no whole number; write -3 or -2"),
        # YAML takes it for a text, for it has no point.
        ({"parts": [{"count": "1e3"}]}, "parts.0.count: '1e3' is not written as a whole number; write 1000"),
        ({"parts": [{"count": "1e400"}]}, f"parts.0.count: '1e400' {NO_NUMBER}"),
        ({"parts": [{"count": "two"}]}, f"parts.0.count: 'two' {NO_NUMBER}"),
        (
            {"parts": [{"label": ["b"]}]},
            "parts.0.label: ['b'] is no text; put it in quotation marks if it is meant as one",
        ),
        ({"colour": "gren"}, "colour: 'gren' should be 'red' or 'green'; did you mean 'green'?"),
        ({"colour": True}, "colour: true should be 'red' or 'green'"),
        ({"closed": None}, "closed: is empty; write a value, or leave the key out"),
        ({"closed": "maybe"}, "closed: 'maybe' is neither true nor false; write one of them"),
    ],
)
def test_each_kind_of_error_says_what_was_written_and_what_to_write(content: dict[Any, Any], fault: str) -> None:
    assert said(content) == [fault]


def test_what_was_written_is_shown_in_one_line_of_bearable_length() -> None:
    (fault,) = said({"parts": [{"weight": "x\n" * 5000}]})
    assert "\n" not in fault
    assert len(fault) < 250
