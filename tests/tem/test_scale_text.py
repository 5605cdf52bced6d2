"""What a label says, and what it is not taken to say."""

import pytest

from closedloop.tem.scale_text import parse_label


@pytest.mark.parametrize(
    ("text", "nm"),
    [
        ("50 nm", 50),
        ("50nm", 50),
        ("0.2 µm", 200),
        ("0.2 μm", 200),  # the Greek letter, not the sign
        ("0,5 um", 500),
        ("2um", 2000),
        ("1,000 nm", 1000),
        ("5 Å", 0.5),
        ("5 \u212b", 0.5),
        ("100 nm*", 100),
        ("[20 nm", 20),
        ("20 nm.", 20),
        ("1.5 µm", 1500),
        ("10 µ m", 10_000),
    ],
)
def test_plain_labels_are_read_without_doubt(text: str, nm: float) -> None:
    label = parse_label(text)
    assert label is not None
    assert label.nm == pytest.approx(nm)
    assert label.certainty >= 0.9


@pytest.mark.parametrize(
    ("text", "nm"),
    [("1OO nm", 100), ("5O nm", 50), ("l µm", 1000), ("50 nrn", 50), ("2 pm", 2000), ("lum", 1000), ("Soonm", 500)],
)
def test_known_confusions_are_mended_and_believed_less(text: str, nm: float) -> None:
    label = parse_label(text)
    assert label is not None
    assert label.nm == pytest.approx(nm)
    assert 0.6 < label.certainty < 1


@pytest.mark.parametrize("text", ["500 pm", "50 pm", "37 nm", "137 nm", "200 um", "20 na"])
def test_what_could_mean_two_things_is_never_sure(text: str) -> None:
    label = parse_label(text)
    assert label is None or label.certainty < 0.75


@pytest.mark.parametrize(
    "text",
    ["", "nm", "HV 200 kV", "x 50,000", "50", "WD 4.1", "0 nm", "007 nm", "12 nmol", "1.2.3 nm", "50 kx"],
)
def test_other_writing_is_no_label(text: str) -> None:
    assert parse_label(text) is None
