"""From the reader's letter probabilities to how likely each label of the lexicon is.

The reader is trained with connectionist temporal classification (Graves et al., ICML 2006): a letter or a blank per
column of the picture. Its forward sum gives the probability of any given label, so that "1OOnm", "100 nm" and "lOO nm"
count for one label, and what the reader would have written freely is weighed against what bars can say.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from closedloop.tem.ocr import Letters
from closedloop.tem.scale_lexicon import CONFUSIONS, IGNORED, Entry, lexicon

# A column that the reader got quite wrong costs this much, rather than everything.
_FLOOR = 3e-5
_SEEN, _IMPOSSIBLE = 1e-3, -1e3
# Before anything was looked at: the share of the lines beside a bar that are labels, and not other writing.
_LOG_OTHER = np.log(3e-5)
_LOG_POINT_LOST = np.log(0.1)  # how often EasyOCR does not see a point that is there


class Decoding(NamedTuple):
    """Log-likelihood of each label of the lexicon (n,), of the free text, and the free text itself."""

    labels: NDArray[np.float64]
    free: float
    text: str


def decode(probabilities: NDArray[np.float32], alphabet: str, loses_points: bool = False) -> Decoding:
    """One view of a line: (columns, 1 + letters) probabilities, column 0 the blank.

    loses_points: of a reader that now and then writes "200um" where "2.00um" stands.
    """
    weights = _weights(alphabet)
    emissions = probabilities.astype(np.float64) @ weights + _FLOOR
    free = float(np.log(np.maximum(probabilities.max(axis=1), 1e-9)).sum())
    labels = _forward(emissions)
    if loses_points:
        with_point, without = _pointless()
        labels[with_point] = np.logaddexp(labels[with_point], labels[without] + _LOG_POINT_LOST)
    return Decoding(labels, free, plainly(Letters(probabilities, alphabet)))


def plainly(letters: Letters) -> str:
    """The likeliest letter of each column, without blanks and repetitions."""
    best = letters.probabilities.argmax(axis=1)
    changes = np.flatnonzero(np.diff(best, prepend=-1))
    return "".join(letters.alphabet[best[index] - 1] for index in changes if best[index] > 0)


def weigh(views: list[Decoding]) -> tuple[Entry, float, float]:
    """The likeliest label, how likely the length is that it states, and how likely the line is other writing.

    Views of the same pixels share their faults: they are averaged, and count for little more than one.
    """
    labels, other = _posterior(views)
    by_length = np.bincount(lexicon().lengths, weights=labels)
    length = int(by_length.argmax())
    entry = int(np.where(lexicon().lengths == length, labels, -1.0).argmax())
    return lexicon().entries[entry], float(by_length[length]), other


def likeliest(views: list[Decoding]) -> tuple[Entry, float]:
    """The label that most views speak for, and their mean belief in its length: one view that fails spoils nothing."""
    shares = np.mean([_posterior([view])[0] for view in views], axis=0)
    by_length = np.bincount(lexicon().lengths, weights=shares)
    length = int(by_length.argmax())
    entry = int(np.where(lexicon().lengths == length, shares, -1.0).argmax())
    return lexicon().entries[entry], float(by_length[length])


def _posterior(views: list[Decoding]) -> tuple[NDArray[np.float64], float]:
    trust = len(views) ** -0.5
    labels = lexicon().log_weights + trust * np.sum([view.labels for view in views], axis=0)
    other = _LOG_OTHER + trust * sum(view.free for view in views)
    top = max(float(labels.max()), other)
    shares = np.exp(labels - top)
    whole = float(shares.sum() + np.exp(other - top))
    return shares / whole, float(np.exp(other - top) / whole)


@cache
def _pointless() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels with a point, and for each the label that is left of it without one, as two arrays of one length."""
    numbers = {entry.spelling: number for number, entry in enumerate(lexicon().entries)}
    pairs = [
        (number, numbers[entry.spelling.replace(".", "")])
        for number, entry in enumerate(lexicon().entries)
        if "." in entry.spelling and entry.spelling.replace(".", "") in numbers
    ]
    return np.array([one for one, _ in pairs]), np.array([other for _, other in pairs])


@cache
def _weights(alphabet: str) -> NDArray[np.float64]:
    """(1 + letters, 1 + classes): what each class of letters gets of what the reader writes; class 0 is the blank."""
    letters = lexicon().letters
    weights = np.zeros((1 + len(alphabet), 1 + len(letters)))
    weights[0, 0] = 1.0
    for letter in IGNORED:
        if letter in alphabet:
            weights[1 + alphabet.index(letter), 0] = 1.0 if letter == " " else 0.5
    for index, letter in enumerate(letters):
        for written, share in CONFUSIONS[letter].items():
            if written in alphabet:
                weights[1 + alphabet.index(written), 1 + index] = share
    return weights


def _forward(emissions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-probability of each label of the lexicon (n,); emissions (columns, 1 + classes)."""
    everything = lexicon().codes
    # A label two of whose letters are nowhere to be seen is not worth the sum.
    absent = np.append(emissions[:, 1:].max(axis=0) < _SEEN, False)
    likely = absent[everything].sum(axis=1) < 2
    found = np.full(len(everything), _IMPOSSIBLE)
    if not likely.any():
        return found
    codes = everything[likely]
    count, longest = codes.shape
    lengths = (codes >= 0).sum(axis=1)
    # Blank, letter, blank, …, letter, blank; what lies beyond a short label is computed and never asked for.
    states = np.zeros((count, 2 * longest + 1), np.int64)
    states[:, 1::2] = np.maximum(codes, -1) + 1
    skips = np.zeros(states.shape)
    skips[:, 3::2] = (states[:, 3::2] != states[:, 1:-2:2]) & (states[:, 3::2] > 0)
    alpha = np.zeros(states.shape)
    alpha[:, :2] = emissions[0][states[:, :2]]
    scale = 0.0
    for column in emissions[1:]:
        following = alpha.copy()
        following[:, 1:] += alpha[:, :-1]
        following[:, 2:] += skips[:, 2:] * alpha[:, :-2]
        alpha = following * column[states]
        top = float(alpha.max())
        alpha /= top
        scale += np.log(top)
    rows = np.arange(count)
    ends = alpha[rows, 2 * lengths] + alpha[rows, 2 * lengths - 1]
    found[likely] = np.log(np.maximum(ends, 1e-300)) + scale
    return found
