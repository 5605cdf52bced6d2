"""What a user is told to write instead of a number that could be two."""

import pytest

from closedloop.literature.numbers import NotANumber, parse_number


@pytest.mark.parametrize(
    ("cell", "comma_decimals", "remedy"),
    [
        ("1,000", False, "write 1000 or 1.0"),
        ("1,500", False, "write 1500 or 1.5"),
        ("12,340", False, "write 12340 or 12.34"),
        ("1,234", False, "write 1234 or 1.2340"),
        ("-1,000", False, "write -1000 or -1.0"),
        ("1,000", True, "write 1000 or 1,0"),
        ("1.000", True, "write 1000 or 1.0"),
        ("1,234", True, "write 1234 or 1,2340"),
    ],
)
def test_what_can_be_read_in_two_ways_is_offered_in_both(cell: str, comma_decimals: bool, remedy: str) -> None:
    with pytest.raises(NotANumber) as caught:
        parse_number(cell, comma_decimals=comma_decimals)
    assert caught.value.remedy == remedy
    thousands, decimal = remedy.removeprefix("write ").split(" or ")
    read = [parse_number(each, comma_decimals=comma_decimals) for each in (thousands, decimal)]
    assert read == [float(cell.replace(",", "").replace(".", "")), float(cell.replace(",", "."))]
