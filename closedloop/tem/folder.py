"""Many images in one go: which of them are one sample, what each says, and what they say together.

One image that is broken or not there, or whose scale is doubtful, and one folder that cannot be read, are listed with
their error and cost the others nothing. Writing files is left to `closedloop.tem.report`, several processes to
`closedloop.tem.side_by_side`.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from glob import escape
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from closedloop.digests import sha256_of
from closedloop.recipes import ClosedloopError
from closedloop.tem.errors import UnreadableScale
from closedloop.tem.formats import SUFFIXES
from closedloop.tem.measurement import Measurement, measure_image
from closedloop.tem.names import in_words
from closedloop.tem.other_files import OTHER_FORMATS
from closedloop.tem.scale import Scale
from closedloop.tem.segmenter import Segmenter

IMAGE_SUFFIXES = (*SUFFIXES, *OTHER_FORMATS)


class NoImages(ClosedloopError):
    """A folder holds no image, or cannot be listed."""


@dataclass(frozen=True)
class Sample:
    """Images that show one and the same sample; `copies` of them, each with the one that counts, are not measured.

    images: paths as they were given or found, whether they can be read or not; a folder that gave none is its own.
    elsewhere: images of this sample, each with the image of an earlier sample that has the same content; they count in
    both samples, and once over all.
    """

    name: str
    images: tuple[Path, ...]
    copies: tuple[tuple[Path, Path], ...] = ()
    elsewhere: tuple[tuple[Path, Path], ...] = ()


@dataclass(frozen=True)
class Failure:
    """An image that gave no sizes; `waits` for a person where it is the scale that is in doubt."""

    image: Path
    error: str
    message: str
    waits: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "image": in_words(self.image),
            "error": self.error,
            "message": in_words(self.message),
            "waits_for_person": self.waits,
        }


@dataclass(frozen=True)
class SampleResult:
    """What the images of a sample gave, in their order; measurements are without their pixels (`without_pixels`)."""

    sample: Sample
    measured: tuple[Measurement, ...]
    failed: tuple[Failure, ...] = field(default=())

    @property
    def pooled(self) -> Measurement:
        return pooled(self.sample.name, self.measured)


# An image, and its nm per pixel where a person said so.
Asked = tuple[Path, float | None]
# What measures images, and answers in their order.
Measure = Callable[[Sequence[Asked]], Iterator[Measurement | Failure]]


class Watcher(Protocol):
    """Whoever wants to see each image as it is measured, such as `closedloop.tem.report.SamplePage`."""

    def add(self, path: Path, measurement: Measurement, /) -> None: ...

    def fail(self, failure: Failure, /) -> None: ...


def find_samples(places: Sequence[Path], leave_out: Path | None = None) -> list[Sample]:
    """Files that are named one by one are one sample; a folder is a sample, and so is each folder inside it.

    Hidden files, what `passed_over` names and the folder `leave_out` are left out. Of files with the same content one
    is the sample's image, and the others are its copies. What is not there or cannot be read is found too; `attempt`
    says what is wrong with it.

    Raises `NoImages` where there is nothing but folders, and not one gave an image.
    """
    files = [place for place in places if not os.path.isdir(place)]
    samples = []
    if files:
        folders = {Path(os.path.realpath(file)).parent for file in files}
        samples.append(_sample(folders.pop().name if len(folders) == 1 else "sample", list(dict.fromkeys(files))))
    for place in places:
        if os.path.isdir(place):
            samples += _samples_in(place, leave_out) or [_sample(place.resolve().name, [place])]
    images = [image for sample in samples for image in sample.images]
    if all(os.path.isdir(image) for image in images):
        raise NoImages("; ".join(map(_why_no_images, images)))
    return _with_names_of_their_own(_with_shared_images(samples))


def passed_over(places: Sequence[Path], leave_out: Path | None = None) -> list[Path]:
    """In the given folders what is not hidden, and no image by its suffix; links to folders, which are not followed."""
    folders = [place for place in places if os.path.isdir(place)]
    return [path for folder in folders for path in _paths_in(folder, leave_out) if not _is_image(path)]


def asked_of(
    samples: Sequence[Sample], scales: Mapping[Path, float] | None = None, nm_per_px: float | None = None
) -> list[Asked]:
    """All images of all samples; `scales` (nm per pixel by path) goes before `nm_per_px`, which is for all."""
    return [(image, (scales or {}).get(image, nm_per_px)) for sample in samples for image in sample.images]


def collect(
    sample: Sample,
    answers: Iterator[Measurement | Failure],
    watcher: Watcher | None = None,
    done: Callable[[str], None] = lambda name: None,
) -> SampleResult:
    """Take as many answers as the sample has images; those of the next sample are left.

    The watcher is told of each image while its pixels are at hand, `done` of its name when it is over.
    """
    measured, failed = [], []
    for image, found in zip(sample.images, answers, strict=False):
        if isinstance(found, Failure):
            failed.append(found)
            if watcher is not None:
                watcher.fail(found)
        else:
            if watcher is not None:
                watcher.add(image, found)
            measured.append(without_pixels(found))
        done(image.name)
    return SampleResult(sample, tuple(measured), tuple(failed))


def one_by_one(segmenter: Segmenter) -> Measure:
    """One image after the other, in this process."""

    def measure(asked: Sequence[Asked]) -> Iterator[Measurement | Failure]:
        for image, nm_per_px in asked:
            yield attempt(image, nm_per_px, segmenter)

    return measure


def attempt(image: Path, nm_per_px: float | None, segmenter: Segmenter) -> Measurement | Failure:
    """As `measure_image`, but what goes wrong is the answer; of a folder, why it gave no image."""
    try:
        if os.path.isdir(image):
            raise NoImages(_why_no_images(image))
        return measure_image(image, nm_per_px, segmenter)
    except ClosedloopError as error:
        return Failure(image, type(error).__name__, str(error), isinstance(error, UnreadableScale))
    except Exception as error:  # a defect of ours on one image must not cost what the others say
        reason = " ".join(str(error).split())[:200]
        return Failure(image, type(error).__name__, f"{image}: a defect of closedloop ({reason}); report it", False)


def pooled(name: str, measured: Sequence[Measurement]) -> Measurement:
    """All particles of all images as one measurement without pixels, each weighed by the frame that it was seen in."""
    particles = tuple(particle for each in measured for particle in each.particles)
    scale = measured[0].scale if measured else Scale(1.0, 0.0, "user")
    return Measurement(name, scale, particles, np.zeros((0, 0), np.int32), np.zeros((0, 0), np.float32))


def pooled_over_all(results: Sequence[SampleResult]) -> Measurement:
    """All samples as one; an image that several samples hold counts once."""
    measured = {each.name: each for result in results for each in result.measured}
    for image, earlier in (pair for result in results for pair in result.sample.elsewhere):
        if str(earlier) in measured and earlier != image:
            measured.pop(str(image), None)
    return pooled("all", list(measured.values()))


def without_pixels(measurement: Measurement) -> Measurement:
    """The same figures; a folder of large images would not fit into memory with all its pixels."""
    return replace(measurement, labels=np.zeros((0, 0), np.int32), grey=np.zeros((0, 0), np.float32))


def _samples_in(folder: Path, leave_out: Path | None) -> list[Sample]:
    by_folder: dict[Path, list[Path]] = {}
    for path in _paths_in(folder, leave_out):
        if _is_image(path):
            by_folder.setdefault(path if os.path.isdir(path) else path.parent, []).append(path)
    return [
        _sample("/".join((folder.resolve().name, *place.relative_to(folder).parts)), images)
        for place, images in sorted(by_folder.items())
    ]


def _paths_in(folder: Path, leave_out: Path | None) -> list[Path]:
    """What lies in a folder and those in it, but for hidden ones and those in `leave_out`. Links are not followed, so
    one that leads nowhere is there too; a folder that cannot be listed stands for what is in it."""
    root, out = folder.resolve(), None if leave_out is None else leave_out.resolve()
    found: list[Path] = []
    closed: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=closed.append):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        found += [Path(place) / name for name in (*files, *links)]
    return sorted(
        path
        for path in (*found, *(Path(error.filename) for error in closed))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not (out is not None and (root / path.relative_to(folder)).is_relative_to(out))
    )


def _is_image(path: Path) -> bool:
    """By its suffix. An EMI file is one where the images that it belongs to are not there, so that it says so; a folder
    that cannot be listed is one, and a link to a folder is none, whatever its name."""
    if os.path.isdir(path):
        return not os.path.islink(path)
    if path.suffix.lower() == ".emi":
        return not any(other.suffix.lower() == ".ser" for other in path.parent.glob(f"{escape(path.stem)}_*"))
    return path.suffix.lower() in IMAGE_SUFFIXES


def _why_no_images(folder: Path) -> str:
    try:
        os.listdir(folder)
    except OSError as error:
        return f"{folder}: cannot be listed ({error.strerror}), so its images were not measured; allow it"
    return f"{folder}: holds no image ({', '.join(IMAGE_SUFFIXES)})"


def _sample(name: str, images: Sequence[Path]) -> Sample:
    """The same image twice would count its particles twice, and make the intervals too narrow."""
    # The shortest name first: "a.tif" before "a copy.tif".
    copies = _same_content(sorted(images, key=lambda image: len(image.name)))
    return Sample(name, tuple(image for image in images if image not in copies), tuple(copies.items()))


def _with_shared_images(samples: Sequence[Sample]) -> list[Sample]:
    alike = _same_content([image for sample in samples for image in sample.images])
    return [
        replace(sample, elsewhere=tuple((image, alike[image]) for image in sample.images if image in alike))
        for sample in samples
    ]


def _same_content(images: Sequence[Path]) -> dict[Path, Path]:
    """Of images with the same content, each but the first, with the first. Only what has one size is read."""
    sizes = {image: image.stat().st_size for image in images if os.path.isfile(image)}
    alike = Counter(size for size in sizes.values() if size)
    first: dict[str, Path] = {}
    copies = {}
    for image in images:
        content = _content(image) if alike[sizes.get(image, 0)] > 1 else None
        if content is not None and first.setdefault(content, image) != image:
            copies[image] = first[content]
    return copies


def _content(path: Path) -> str | None:
    """`None` where the file cannot be read; whoever measures it will say why."""
    try:
        return sha256_of(path)
    except OSError:
        return None


def _with_names_of_their_own(samples: Sequence[Sample]) -> list[Sample]:
    taken: dict[str, int] = {}
    named = []
    for sample in samples:
        taken[sample.name] = taken.get(sample.name, 0) + 1
        number = taken[sample.name]
        named.append(sample if number == 1 else replace(sample, name=f"{sample.name} ({number})"))
    return named
