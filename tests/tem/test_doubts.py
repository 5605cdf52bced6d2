"""The filter: what it flags, and what it must leave alone."""

from typing import Any

import pytest

from closedloop.recipes import Shape
from closedloop.tem.doubts import doubts

_DISC: dict[str, Any] = {
    "area_px": 900,
    "parts": 1,
    "circularity": 0.95,
    "solidity": 0.98,
    "convexity": 0.98,
    "eccentricity": 0.2,
    "aspect_ratio": 1.02,
    "shape": Shape.SPHERE,
    "clear": 0.9,
}
_STAR: dict[str, Any] = _DISC | {"solidity": 0.6, "convexity": 0.75, "circularity": 0.35}


def test_nothing_speaks_against_a_disc_a_star_and_a_rod() -> None:
    assert doubts(**_DISC) == ()
    assert doubts(**_STAR | {"shape": Shape.SIX_POINTED_STAR}) == ()
    rod = {"shape": Shape.ROD, "aspect_ratio": 6.0, "eccentricity": 0.986, "circularity": 0.38}
    assert doubts(**_DISC | rod) == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"area_px": 20}, "few pixels"),
        ({"parts": 2}, "several pieces"),
        ({"solidity": 0.8}, "several particles"),
        ({"solidity": 0.91, "shape": Shape.IRREGULAR}, "several particles"),
        ({"convexity": 0.85}, "ragged"),
        ({"circularity": 0.4}, "ragged"),
        ({"eccentricity": 0.997, "aspect_ratio": 13.0, "circularity": 0.2}, "a line"),
        ({"clear": 0.1}, "hardly stands out"),
    ],
)
def test_one_reason_for_one_fault(change: dict[str, Any], reason: str) -> None:
    found = doubts(**_DISC | change)
    assert len(found) == 1
    assert reason in found[0]


def test_the_outline_of_a_star_without_its_name_is_doubtful() -> None:
    assert doubts(**_STAR | {"shape": Shape.IRREGULAR})
