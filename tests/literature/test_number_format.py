"""What the formats that spreadsheets write show around a number."""

import pytest

from closedloop.literature.number_format import shown_text


@pytest.mark.parametrize(
    "plain",
    [
        "General",
        "GENERAL",
        "@",
        "0",
        "0.00",
        "#,##0",
        "#,##0.00",
        "#'##0",
        "# ?/?",
        "0.00E+00",
        "##0.0E-0",
        "[Red]0",
        "[Blue][>=100]0.0;[Red]0",
        "[$-407]0.00",
        "+0;-0;0",
        "#,##0_);(#,##0)",
        "#,##0_K",
        '_-* #,##0.00_-;-* #,##0.00_-;_-* "-"??_-;_-@_-',
        '0;"below zero "0',
        '0.0;-0.0;"none"',
        '0;-0;0;@" K"',
    ],
)
def test_formats_that_add_nothing_to_a_number_above_zero(plain: str) -> None:
    assert shown_text(433, plain) is None


@pytest.mark.parametrize(
    ("value", "written", "shown"),
    [
        (433, '0" K"', "433 K"),
        (433, r"0\ \K", "433 K"),
        (433, "0 K", "433 K"),
        (433, '[Red]General" K"', "433 K"),
        (90, '0.0" Å"', "90 Å"),
        (2.5, '0" h"', "2.5 h"),
        (9, '"ca. "0', "ca. 9"),
        (4000, "0.0,", "4"),
        (4_000_000, "#,##0,,", "4"),
        (4500, "0,.0", "4.5"),
        (433_000, '0.0,"k"', "433k"),
        (9, '"<"0', "<9"),
        (9, "[$€-407]0", "€9"),
        (9, '0" 000"', "9 000"),
        (0.08, "0.0%", "8%"),
        (0.08, '0.0"%"', "0.08%"),
        (-5, '0" K"', "-5 K"),
        (-5, '0;-0" K"', "-5 K"),
        (0, '0.0;-0.0;"none"', "none"),
        (500, '[<100]0;[>=100]0" nm"', "500 nm"),
        (500, '[<100]0;0" nm"', "500 nm"),
    ],
)
def test_what_a_format_adds_is_shown(value: float, written: str, shown: str) -> None:
    assert shown_text(value, written) == shown
