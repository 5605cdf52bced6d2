"""YAML as people write it, with the faults that they make in it."""

import pytest
import yaml

from closedloop.yaml_lines import MOST_ALIASED, complaint, load, reason


def test_the_line_of_every_value_is_known() -> None:
    written = load("a: 1\nb:\n  - {c: 2}\n  - d: 3\n")
    assert written.content == {"a": 1, "b": [{"c": 2}, {"d": 3}]}
    assert (written.lines["b",], written.lines["b", 0, "c"], written.lines["b", 1, "d"]) == (2, 3, 4)


@pytest.mark.parametrize(("key", "place"), [("12", 12), ("~", "None"), ("yes", 1), ("1.5", "1.5"), ("'12'", "12")])
def test_the_line_of_a_key_that_is_no_text_is_known_as_pydantic_names_it(key: str, place: int | str) -> None:
    assert load(f"a: 1\nb:\n  {key}: 3\n").lines["b", place] == 3


def test_what_many_have_in_common_may_be_written_once() -> None:
    written = load("x: &base {driver: pump, volume: 60}\ny: {<<: *base, volume: 30}\nz: {<<: *base, <<: {a: 1}}\n")
    assert written.content["y"] == {"driver": "pump", "volume": 30}
    assert written.faults == ()


def test_numbers_are_read_as_they_look() -> None:
    written = load("a: [0, 0.5, -0.5, 10, 1e-3, 1_000, 0x1F, '1:30', \"010\", 00.5, 2:5x]\n")
    assert written.content["a"] == [0, 0.5, -0.5, 10, "1e-3", 1000, 31, "1:30", "010", 0.5, "2:5x"]
    assert written.faults == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("b: 2\ntime: 1:30\n", "line 2: time: 1:30 would be read as 90"),
        ("b:\n- time: 1:30.5\n", "line 2: time: 1:30.5 would be read as 90.5"),
        ("amount: 010\n", "line 1: amount: 010 would be read as 8"),
        ("amount: [1, -010]\n", "line 1: -010 would be read as -8"),
        ("010: a\n", "line 1: 010 would be read as 8"),
        ("a: 1\nb: 2\na: 3\n", "line 3: 'a' is given twice (first in line 1)"),
    ],
)
def test_what_misleads_is_told_with_its_line(text: str, said: str) -> None:
    (fault,) = load(text).faults
    assert fault.startswith(said)


def test_all_that_misleads_is_told_at_once() -> None:
    written = load("a: 1\nb: {c: 1:30, c: 2}\na: 3\na: 4\n")
    assert [fault.partition(" would")[0] for fault in written.faults] == [
        "line 2: c: 1:30",
        "line 2: 'c' is given twice (first in line 2)",
        "line 3: 'a' is given twice (first in line 1)",
        "line 4: 'a' is given twice (first in line 1)",
    ]


def _nested(levels: int, width: int) -> str:
    """``width ** levels`` values in as many lines as there are levels."""
    lines = [f"a0: &a0 [{', '.join('x' * width)}]\n"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]\n")
    return "".join(lines)


def test_aliases_that_stand_for_more_than_memory_holds_are_refused_at_once() -> None:
    with pytest.raises(yaml.YAMLError, match=f"aliases stand for more than {MOST_ALIASED:,} values") as caught:
        load(_nested(12, 10))
    assert complaint(caught.value).startswith("its aliases")
    merged = "a0: &a0 {x: 1, y: 2}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
    )
    with pytest.raises(yaml.YAMLError, match="aliases"):
        load(merged)


def test_aliases_are_followed_and_long_files_are_read() -> None:
    written = load(_nested(3, 10))
    assert written.content["a2"][9][9] == ["x"] * 10
    assert written.lines["a2", 9, 9, 9] == 1
    assert len(load(f"a: [{'1, ' * (MOST_ALIASED + 1)}]\nb: &b 1\nc: *b\n").content["a"]) == MOST_ALIASED + 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1,\n", "line 2: "),
        ("a:\n  ? [1, 2]\n  : 3\n", "line 2: found unhashable key"),
        ("a: 2024-13-45\n", "month must be in 1..12"),
        ("a: !!int x\n", "invalid literal for int"),
        ("a: &x [*x]\n", "refers to itself"),
        ("a: &x {b: {c: *x}}\n", "refers to itself"),
        ("a: " + "[" * 3000, "refers to itself"),
    ],
)
def test_what_is_no_yaml_is_one_error_with_a_reason_in_one_line(text: str, said: str) -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        load(text)
    assert said in reason(caught.value)
    assert "\n" not in reason(caught.value)
