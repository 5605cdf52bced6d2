"""What is believed of a particle among the others of its picture (`closedloop.tem.company`), learned from pictures of
known particles, once single particles are judged (`closedloop.tem.learning.credit`)."""

from operator import attrgetter

import numpy as np
from torch.nn import functional

from closedloop.tem.company import MEASURES, measures
from closedloop.tem.contrast import normalised
from closedloop.tem.learning.samples import Sample
from closedloop.tem.learning.teaching import Lesson, Seen
from closedloop.tem.metrics import overlaps
from closedloop.tem.network import ParticleNet
from closedloop.tem.neural import candidates

_RIGHT = 0.5  # overlap


def judge(sample: Sample, net: ParticleNet) -> Seen:
    """All that may be particles of this picture, and whether each is right."""
    even = normalised(sample.light)
    labels, credit = candidates(even, net)
    known = np.maximum(sample.labels, 0)
    if not len(credit):
        return Seen(np.zeros((0, len(MEASURES)), np.float32), np.zeros(0))
    right = overlaps(known, labels).max(axis=0) > _RIGHT if known.any() else np.zeros(len(credit), bool)
    return Seen(measures(labels, credit, even), right.astype(np.float64))


COMPANY = Lesson(attrgetter("company"), judge, functional.binary_cross_entropy_with_logits, most_pictures=320)
