"""Which writing states a reciprocal unit, and which does not."""

import cv2
import numpy as np
import pytest

from closedloop.tem.scale_reciprocal import has_raised_minus_one, hints_at_a_power, says_reciprocal
from closedloop.tem.text_lines import find_lines


@pytest.mark.parametrize(
    "text", ["5 nm-1", "~10 nm-1", '5 nm"-I', "5 A-1", "5 nm^-1", "10 L/nm", "10 1/nm", "5 / nm", "5 /nm", "2 um-1"]
)
def test_reciprocal_units(text: str) -> None:
    assert says_reciprocal(text)


@pytest.mark.parametrize("text", ["5 nm", "50 nm -", "~5 nm ", "20 nm 1", "0.5 um", "5 nm-12", "HV/nm", "x 50 000"])
def test_other_writing(text: str) -> None:
    assert not says_reciprocal(text)


def test_the_sign_of_a_power_is_a_hint() -> None:
    assert hints_at_a_power("~5 nm^")
    assert not hints_at_a_power("^5 nm")


@pytest.mark.parametrize("sharp", [0.0, 1.0])
def test_a_raised_minus_and_one_are_told_from_the_ground(sharp: float) -> None:
    drawn = np.full((80, 240), 76, np.uint8)
    cv2.putText(drawn, "50 nm", (20, 55), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 3, cv2.LINE_AA)
    plain = drawn.astype(np.float32) / np.float32(255)
    raised = plain.copy()
    raised[31:34, 126:134] = 1.0
    raised[25:39, 138:141] = 1.0
    for crop, expected in ((plain, False), (raised, True)):
        if sharp:
            crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), sharp), np.float32)
        line = next(line for line in find_lines(crop, 1.0, 0.3) if len(line.letters) >= 3 and line.right < 132)
        assert has_raised_minus_one(line, crop, 1.0) is expected
