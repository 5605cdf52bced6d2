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


@pytest.mark.parametrize(
    ("text", "said"),
    [
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
