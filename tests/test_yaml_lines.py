"""YAML as people write it, with the faults that they make in it."""

import pytest
import yaml

from closedloop.yaml_lines import load, reason


def test_the_line_of_every_value_is_known() -> None:
    content, lines = load("a: 1\nb:\n  - {c: 2}\n  - d: 3\n")
    assert content == {"a": 1, "b": [{"c": 2}, {"d": 3}]}
    assert (lines["b",], lines["b", 0, "c"], lines["b", 1, "d"]) == (2, 3, 4)


def test_what_many_have_in_common_may_be_written_once() -> None:
    content, _ = load("x: &base {driver: pump, volume: 60}\ny: {<<: *base, volume: 30}\n")
    assert content["y"] == {"driver": "pump", "volume": 30}


def test_numbers_are_read_as_they_look() -> None:
    content, _ = load("a: [0, 0.5, -0.5, 10, 1e-3, 1_000, 0x1F, '1:30', \"010\", 00.5, 2:5x]\n")
    assert content["a"] == [0, 0.5, -0.5, 10, "1e-3", 1000, 31, "1:30", "010", 0.5, "2:5x"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("b: 2\ntime: 1:30\n", "line 2: time: 1:30 would be read as 90"),
        ("b:\n- time: 1:30.5\n", "line 2: time: 1:30.5 would be read as 90.5"),
        ("amount: 010\n", "line 1: amount: 010 would be read as 8"),
        ("amount: [1, -010]\n", "line 1: -010 would be read as -8"),
        ("010: a\n", "line 1: 010 would be read as 8"),
        ("a: 1\nb: 2\na: 3\n", "line 3: 'a' is given twice (first in line 1)"),
        ("a: [1,\n", "line 2: "),
        ("a:\n  ? [1, 2]\n  : 3\n", "line 2: found unhashable key"),
        ("a: 2024-13-45\n", "month must be in 1..12"),
        ("a: !!int x\n", "invalid literal for int"),
        ("a: &x [*x]\n", "refers to itself"),
        ("a: " + "[" * 3000, "refers to itself"),
    ],
)
def test_what_is_no_yaml_is_one_error_with_a_reason_in_one_line(text: str, said: str) -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        load(text)
    assert said in reason(caught.value)
    assert "\n" not in reason(caught.value)
