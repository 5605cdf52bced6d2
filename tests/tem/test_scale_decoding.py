"""What letter probabilities say of labels: confusions add up, and other writing wins over what it is not."""

import numpy as np
import pytest

from closedloop.tem.scale_decoding import decode, weigh
from closedloop.tem.scale_lexicon import lexicon

ALPHABET = "0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ €ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _written(*letters: str, sure: float = 0.97) -> np.ndarray:
    """Columns as the reader gives them: two per letter, and blanks between; "a|b" shares its columns between both."""
    rows = []
    for letter in letters:
        column = np.full(1 + len(ALPHABET), (1 - sure) / len(ALPHABET))
        for one in letter.split("|"):
            column[1 + ALPHABET.index(one)] = sure / len(letter.split("|"))
        blank = np.full(1 + len(ALPHABET), (1 - sure) / len(ALPHABET))
        blank[0] = sure
        rows += [blank, column, column]
    return np.array([*rows, blank], np.float32)


@pytest.mark.parametrize(
    ("written", "nm"),
    [
        ("50 nm", 50),
        ("50nm", 50),
        ("0.2 um", 200),
        ("0,2 um", 200),
        (".2 um", 200),
        ("2um", 2000),
        ("1,000 nm", 1000),
        ("1.00 um", 1000),
        ("10 A", 1),
        ("500 n m", 500),
        ("1 pm", 1000),
        ("20 ym", 20_000),
        ("1OO nm", 100),
        ("l00 nm", 100),
        ("SO nm", 50),
        ("'50 nm_", 50),
    ],
)
def test_a_label_is_told_however_the_reader_spells_it(written: str, nm: float) -> None:
    entry, share, other = weigh([decode(_written(*written), ALPHABET)])
    assert entry.nm == pytest.approx(nm)
    assert share > 0.9
    assert other < 0.1


@pytest.mark.parametrize("written", ["HV 200 kV", "WD: 4.1", "x50,000", "37 nm", "137 nm", "Signal A", "b1", "a) 50"])
def test_other_writing_is_no_label(written: str) -> None:
    _, share, other = weigh([decode(_written(*written), ALPHABET)])
    assert other > 0.9
    assert share < 0.1


def test_two_lengths_that_look_alike_are_both_in_doubt() -> None:
    entry, share, _ = weigh([decode(_written("2|5", "0", " ", "n", "m"), ALPHABET)])
    assert entry.nm in (20, 50)
    assert share < 0.7


def test_a_second_view_settles_what_one_leaves_open_and_can_contradict_it() -> None:
    open_view = decode(_written("2|5", "0", " ", "n", "m"), ALPHABET)
    clear = decode(_written(*"20 nm"), ALPHABET)
    against = decode(_written(*"50 nm"), ALPHABET)
    assert weigh([open_view, clear])[1] > 0.95
    assert weigh([clear, against])[1] < 0.9


def test_the_free_text_is_kept_as_it_was_read() -> None:
    assert decode(_written(*"100 kx"), ALPHABET).text == "100 kx"


def test_every_writing_of_a_length_counts_for_it() -> None:
    entries = lexicon().entries
    same = {entry.spelling for index, entry in enumerate(entries) if lexicon().lengths[index] == lexicon().lengths[0]}
    assert len({round(entry.nm, 9) for entry in entries if entry.spelling in same}) == 1
    assert {"1000nm", "1,000nm", "1µm", "1.0µm", "1.00µm"} <= {
        one.spelling for one in entries if abs(one.nm - 1000) < 1e-6
    }


def test_a_point_that_a_reader_may_have_lost_is_no_contradiction() -> None:
    seen, lost = decode(_written(*"2.00 um"), ALPHABET), _written(*"200 um")
    entry, share, _ = weigh([seen, decode(lost, ALPHABET, loses_points=True)])
    assert entry.nm == 2000
    assert share > weigh([seen, decode(lost, ALPHABET)])[1]
    assert weigh([decode(lost, ALPHABET, loses_points=True)])[0].nm == 200_000
