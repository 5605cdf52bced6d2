"""An image file in; scale, particles, sizes and shapes out."""

from closedloop.tem.distribution import Distribution, LogNormal
from closedloop.tem.errors import (
    DiffractionPattern,
    MissingReader,
    NoParticles,
    NotAnImage,
    ScaleConflict,
    UnreadableScale,
)
from closedloop.tem.measurement import Measurement, Particle, measure_image
from closedloop.tem.pictures import overlay, save_labels, save_picture
from closedloop.tem.scale import Scale, look_at_scale, read_scale
from closedloop.tem.segmenter import Segmenter

__all__ = [
    "DiffractionPattern",
    "Distribution",
    "LogNormal",
    "Measurement",
    "MissingReader",
    "NoParticles",
    "NotAnImage",
    "Particle",
    "Scale",
    "ScaleConflict",
    "Segmenter",
    "UnreadableScale",
    "look_at_scale",
    "measure_image",
    "overlay",
    "read_scale",
    "save_labels",
    "save_picture",
]
