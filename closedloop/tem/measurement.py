"""From an image file to sizes in nm: reading, scale, particles and summary; what they mean for an experiment is the
campaign's to say."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from closedloop.recipes import Shape
from closedloop.tem.annotations import annotation_mask
from closedloop.tem.certainty import IN_DOUBT, size_error, standard
from closedloop.tem.contrast import specimen
from closedloop.tem.distribution import Distribution, describe
from closedloop.tem.errors import NoParticles
from closedloop.tem.names import in_words
from closedloop.tem.particles import ParticleShape, describe_particles
from closedloop.tem.pixel_size import check_stated_size
from closedloop.tem.reading import Picture, read_picture
from closedloop.tem.scale import Scale, read_scale
from closedloop.tem.segmenter import Found, Segmenter
from closedloop.tem.shapes import fractions, wilson

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Particle:
    """One particle in nm; `row_px` and `column_px` are its centre in the image.

    feret_max_nm and feret_min_nm: largest and smallest caliper diameter, feret_max90_nm the one at right angles to the
    largest. confidence: how clearly the outline stands out, 0 to 1; shape_confidence: the share of outlines that look
    like this one and are of that class. doubts: why the particle may be none, or not one (empty: no reason). It stays
    in the list and in the plain figures; `Measurement.trusted` are those without. edge_weight: how many particles of
    its size it stands for because others were cut by the edge (0 where it touches the edge itself). chance: that there
    is such a particle, as the segmenter judges by its outline and its company; `None` where a person drew it.
    """

    label: int
    equivalent_diameter_nm: float
    area_nm2: float
    perimeter_nm: float
    circularity: float
    solidity: float
    convexity: float
    eccentricity: float
    aspect_ratio: float
    shape: Shape
    confidence: float
    touches_edge: bool
    feret_max_nm: float
    feret_min_nm: float
    feret_max90_nm: float
    shape_confidence: float
    doubts: tuple[str, ...]
    edge_weight: float
    row_px: float
    column_px: float
    chance: float | None = None

    def to_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values |= {"shape": str(self.shape), "doubts": list(self.doubts)}
        return {name: round(value, 5) if isinstance(value, float) else value for name, value in values.items()}


@dataclass(frozen=True)
class Measurement:
    """What an image says. Sizes are of particles that do not touch the edge; `labels` (H, W) int32 holds all.

    mean and standard deviation are `None` where no whole particle was found, and the latter for a single one.
    """

    name: str
    scale: Scale
    particles: tuple[Particle, ...]
    labels: NDArray[np.int32] = field(repr=False, compare=False)
    grey: NDArray[np.float32] = field(repr=False, compare=False)
    note: str | None = None

    @property
    def nm_per_px(self) -> float:
        return self.scale.nm_per_px

    @property
    def whole(self) -> tuple[Particle, ...]:
        """The particles that do not touch the edge."""
        return tuple(particle for particle in self.particles if not particle.touches_edge)

    @property
    def count(self) -> int:
        return len(self.whole)

    @property
    def mean_diameter_nm(self) -> float | None:
        return _mean(self.whole)

    @property
    def std_diameter_nm(self) -> float | None:
        """Standard deviation of the sample, n − 1 in the denominator."""
        sizes = [particle.equivalent_diameter_nm for particle in self.whole]
        return float(np.std(sizes, ddof=1)) if len(sizes) > 1 else None

    @cached_property
    def distribution(self) -> Distribution:
        """What the whole particles say about the population, with intervals (seed 0), the edge's bias and a fit."""
        return describe(
            [particle.equivalent_diameter_nm for particle in self.whole],
            [particle.edge_weight for particle in self.whole],
        )

    @property
    def size_error(self) -> float | None:
        """The share of the mean diameter by which it may be off because particles were missed, merged or made up, in
        nine pictures of ten (`closedloop.tem.certainty`). `None` without a whole particle, or where a person drew one.
        """
        return size_error_of(self.whole)

    @property
    def in_doubt(self) -> bool:
        """Whether a person should look at the picture before its sizes are believed."""
        return self.size_error is not None and self.size_error > IN_DOUBT

    @property
    def trusted(self) -> tuple[Particle, ...]:
        """The whole particles that nothing speaks against (`Particle.doubts`)."""
        return tuple(particle for particle in self.whole if not particle.doubts)

    def to_frame(self) -> "pandas.DataFrame":
        """One row per particle, those at the edge among them; columns as in the JSON, doubts joined by "; "."""
        import pandas

        rows = [particle.to_json() | {"doubts": "; ".join(particle.doubts)} for particle in self.particles]
        columns = list(Particle.__dataclass_fields__)
        return pandas.DataFrame(rows, columns=columns).astype({"chance": float})

    @property
    def shape_fractions(self) -> dict[Shape, float]:
        return fractions(particle.shape for particle in self.whole)

    @property
    def shape_intervals(self) -> dict[Shape, tuple[float, float]]:
        """95% interval of each share (Wilson's), in the order of `shape_fractions`."""
        total = self.count
        return {shape: wilson(round(share * total), total) for shape, share in self.shape_fractions.items()}

    @property
    def shape(self) -> Shape | None:
        """The commonest shape."""
        return next(iter(self.shape_fractions), None)

    def to_json(self) -> dict[str, Any]:
        """As ``closedloop tem measure --json`` prints it."""
        summary: dict[str, Any] = {
            "count": self.count,
            "mean_diameter_nm": _rounded(self.mean_diameter_nm),
            "std_diameter_nm": _rounded(self.std_diameter_nm),
            "shape": None if self.shape is None else str(self.shape),
            "shape_fractions": {str(shape): round(share, 4) for shape, share in self.shape_fractions.items()},
            "shape_intervals": {
                str(shape): [round(low, 4), round(high, 4)] for shape, (low, high) in self.shape_intervals.items()
            },
            "touching_edge": len(self.particles) - self.count,
            "doubtful": self.count - len(self.trusted),
            "trusted_mean_diameter_nm": _rounded(_mean(self.trusted)),
            "size_error": _rounded(self.size_error),
            "in_doubt": self.in_doubt,
        } | self.distribution.to_json()
        content: dict[str, Any] = {
            "image": in_words(self.name),
            "nm_per_px": self.nm_per_px,
            "scale_source": self.scale.source,
            "scale_confidence": round(self.scale.confidence, 4),
            "particles": [particle.to_json() for particle in self.particles],
            "summary": summary,
        }
        if self.note:
            content["note"] = self.note
        return content


def measure_image(
    image: str | Path | NDArray[Any], nm_per_px: float | None = None, segmenter: Segmenter | None = None
) -> Measurement:
    """Measure the particles of an image file or array.

    nm_per_px: the user's own scale, which is believed; a file or a scale bar that surely says otherwise is named in the
    note. Without it the scale is read by `read_scale`.

    Raises `NotAnImage`, `UnreadableScale`, `ScaleConflict`, or `NoParticles` where the picture shows none.
    """
    picture = read_picture(image)
    if float(picture.grey.max() - picture.grey.min()) <= 0:
        raise NoParticles(f"{picture.name}: every pixel has the same grey; it shows nothing")
    if nm_per_px is not None:
        check_stated_size(nm_per_px)
    if nm_per_px is not None and isinstance(image, np.ndarray):
        scale = Scale(nm_per_px, 1.0, "user")  # bare pixels carry no scale that could disagree
    else:
        scale = read_scale(picture, nm_per_px)
    ignore = annotation_mask(picture.grey, scale.label_box)
    picture = replace(picture, grey=specimen(picture.grey, ignore))
    found = (segmenter or Segmenter.load()).find(picture.grey, ignore)
    if not found.labels.any():
        raise NoParticles(f"{picture.name}: no particles stand out from the ground; look at the image's contrast")
    return _measured(picture, scale, found, ignore)


def size_error_of(particles: Sequence[Particle]) -> float | None:
    """`Measurement.size_error` of whole particles from one picture or several."""
    chances = [particle.chance for particle in particles if particle.chance is not None]
    if not particles or len(chances) < len(particles):
        return None
    return size_error(chances)


def standard_error_nm(particles: Sequence[Particle]) -> float | None:
    """`closedloop.recipes.Outcome.size_error_nm` of whole particles from one picture or several."""
    mean, error = _mean(particles), size_error_of(particles)
    return None if mean is None or error is None else standard(error) * mean


def _measured(picture: Picture, scale: Scale, found: Found, ignore: NDArray[np.bool_]) -> Measurement:
    particles = tuple(
        _in_nm(particle, scale.nm_per_px)
        for particle in describe_particles(found.labels, picture.grey, ignore, found.chances)
    )
    note = "; ".join(said for said in (picture.note, scale.note) if said) or None
    return Measurement(picture.name, scale, particles, found.labels, picture.grey, note)


def _in_nm(particle: ParticleShape, nm_per_px: float) -> Particle:
    return Particle(
        label=particle.label,
        equivalent_diameter_nm=particle.equivalent_diameter_px * nm_per_px,
        area_nm2=particle.area_px * nm_per_px**2,
        perimeter_nm=particle.perimeter_px * nm_per_px,
        circularity=particle.circularity,
        solidity=particle.solidity,
        convexity=particle.convexity,
        eccentricity=particle.eccentricity,
        aspect_ratio=particle.aspect_ratio,
        shape=particle.shape,
        confidence=particle.confidence,
        touches_edge=particle.touches_edge,
        feret_max_nm=particle.feret_max_px * nm_per_px,
        feret_min_nm=particle.feret_min_px * nm_per_px,
        feret_max90_nm=particle.feret_max90_px * nm_per_px,
        shape_confidence=particle.shape_confidence,
        doubts=particle.doubts,
        edge_weight=particle.edge_weight,
        row_px=particle.row_px,
        column_px=particle.column_px,
        chance=particle.chance,
    )


def _mean(particles: Sequence[Particle]) -> float | None:
    sizes = [particle.equivalent_diameter_nm for particle in particles]
    return math.fsum(sizes) / len(sizes) if sizes else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
