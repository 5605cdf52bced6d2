"""The reader of linear comparisons."""

import pytest

from closedloop.propose import SearchSpaceError
from closedloop.propose.constraints import parse_comparison


@pytest.mark.parametrize(
    ("text", "coefficients", "bound"),
    [
        ("oleic acid >= 4 * cadmium oxide", {"oleic acid": -1, "cadmium oxide": 4}, 0),
        ("oleic acid ≥ 4*cadmium oxide", {"oleic acid": -1, "cadmium oxide": 4}, 0),
        ("1-octadecene <= 40", {"1-octadecene": 1}, 40),
        ("40 >= 1-octadecene", {"1-octadecene": 1}, 40),
        ("oleic acid + stearic acid <= 3.5", {"oleic acid": 1, "stearic acid": 1}, 3.5),
        ("a - 2e-1 * b <= 1 - c", {"a": 1, "b": -0.2, "c": 1}, 1),
        ("a + 1 >= 2 * a - 3", {"a": 1}, 4),
        ("TOP/Se >= .5 * tri-n-octylphosphine", {"TOP/Se": -1, "tri-n-octylphosphine": 0.5}, 0),
        (
            "reaction_temperature_c <= injection_temperature_c - 10",
            {"reaction_temperature_c": 1, "injection_temperature_c": -1},
            -10,
        ),
    ],
)
def test_reads_comparisons(text: str, coefficients: dict[str, float], bound: float) -> None:
    comparison = parse_comparison(text)
    assert dict(comparison.coefficients) == pytest.approx(coefficients)
    assert comparison.bound == pytest.approx(bound)


@pytest.mark.parametrize(
    "text",
    [
        "oleic acid",
        "a >= b >= c",
        "a = b",
        "a > b",
        "a >= ",
        ">= 3",
        "a >= 2 * 3 * b",
        "a + + b <= 1",
        "3 <= 4",
        "a <= a",
        "",
    ],
)
def test_refuses_what_it_cannot_read_and_quotes_it(text: str) -> None:
    with pytest.raises(SearchSpaceError, match="constraint"):
        parse_comparison(text)
