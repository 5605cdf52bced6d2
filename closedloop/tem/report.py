"""What a folder of images leaves on the disk: per sample one HTML page, the tables, and per image the pictures.

A sample's folder holds ``report.html`` (self-contained), ``particles.csv`` and ``.parquet``, ``images.csv``, and
``overlays/``, ``histograms/`` and ``masks/`` with a file per image. Everything is written into a draft beside its
place and moved there at the end, so that a reader never meets half of it.
"""

import base64
import csv
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from closedloop.plotting import standing_alone
from closedloop.recipes import ClosedloopError
from closedloop.tem.folder import Failure, Sample, SampleResult, without_pixels
from closedloop.tem.measurement import Measurement
from closedloop.tem.names import in_words
from closedloop.tem.pictures import jpeg, numbered_overlay, save_labels, save_picture
from closedloop.tem.plots import cluster_map, histogram

if TYPE_CHECKING:
    import pandas

    from closedloop.tem.clusters import Clusters

LARGE_PX, SMALL_PX, WAITING_PX = 1400, 700, 700
MANY_PARTICLES = 100  # from here on, or with two images, the page asks whether there are kinds of them
FEW_IMAGES = 12  # as many are shown large on the page; more would make a file that no browser likes


class CannotWriteReport(ClosedloopError):
    """The folder for the results cannot be written, or holds something already."""


@dataclass(frozen=True)
class _Shown:
    """A measured image on the page: its picture and its histogram as text that HTML carries inside itself."""

    path: Path
    measurement: Measurement
    picture: str
    histogram: str | None


class SamplePage:
    """Takes a sample's images one by one and writes its page at the end; keeps no pixels but the small pictures."""

    def __init__(self, folder: Path, sample: Sample) -> None:
        self.folder = folder
        self._longest = LARGE_PX if len(sample.images) <= FEW_IMAGES else SMALL_PX
        self._names = _names(sample.images)
        self._shown: list[_Shown] = []
        self._waiting: list[tuple[Failure, str | None]] = []
        for part in ("overlays", "histograms", "masks"):
            (folder / part).mkdir(parents=True)

    def add(self, path: Path, measurement: Measurement) -> None:
        """An image that was measured, with its pixels."""
        name = self._names[path]
        drawn = numbered_overlay(measurement.grey, measurement.labels, measurement.particles)
        save_picture(self.folder / "overlays" / f"{name}.png", drawn)
        save_labels(self.folder / "masks" / f"{name}.tif", measurement.labels)
        plot = histogram(measurement.distribution)
        if plot is not None:
            (self.folder / "histograms" / f"{name}.svg").write_text(standing_alone(plot), encoding="utf-8")
        small = histogram(measurement.distribution, 4.6, 2.6)
        self._shown.append(_Shown(path, without_pixels(measurement), _uri(jpeg(drawn, self._longest)), small))

    def fail(self, failure: Failure) -> None:
        """An image that gave no sizes; one whose scale is in doubt is shown, so that a person can look at its bar."""
        if failure.waits:
            self._waiting.append((failure, _picture_of(failure.image)))

    def finish(self, result: SampleResult) -> Path:
        """Writes tables and page; gives the page's place."""
        clusters = _clusters(result)
        frame = particle_table(result.measured)
        if clusters is not None:
            frame["cluster"] = _cluster_column(result, clusters)
        frame.to_csv(self.folder / "particles.csv", index=False)
        frame.to_parquet(self.folder / "particles.parquet", index=False)
        _write_images(self.folder / "images.csv", result)
        page = self.folder / "report.html"
        page.write_text(in_words(self._html(result, clusters)), encoding="utf-8")
        return page

    def _html(self, result: SampleResult, clusters: "Clusters | None") -> str:
        from markupsafe import Markup

        pooled = result.pooled
        plot = histogram(pooled.distribution)
        return _rendered(
            "sample.html",
            sample=result.sample,
            pooled=pooled,
            sizes=pooled.distribution,
            plot=Markup(plot) if plot else None,
            clusters=clusters,
            cluster_map=Markup(cluster_map(clusters)) if clusters else None,
            shown=[(one, Markup(one.histogram) if one.histogram else None) for one in self._shown],
            waiting=self._waiting,
            doubtful=[one for one in self._shown if one.measurement.in_doubt],
            noted=[one for one in self._shown if one.measurement.note],
            titles=_titles(result.sample),
            failed=[failure for failure in result.failed if not failure.waits],
        )


def write_index(folder: Path, results: Sequence[SampleResult], places: Sequence[str]) -> Path:
    """``index.html`` with a line per sample, each with the way to its page below the folder."""
    page = folder / "index.html"
    text = _rendered("samples.html", rows=list(zip(results, places, strict=True)))
    page.write_text(in_words(text), encoding="utf-8")
    return page


def _rendered(template: str, **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    from closedloop import __version__

    environment = Environment(
        loader=PackageLoader("closedloop.tem"), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return environment.get_template(template).render(version=__version__, made_at=made_at, **values)


@contextmanager
def draft_of(folder: Path) -> Iterator[Path]:
    """An empty folder that takes the place of ``folder`` when the block ends well, and is gone when it does not.

    Raises `CannotWriteReport` where the place is taken (a person may have corrected the masks in it) or unwritable.
    """
    folder = folder.absolute()
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CannotWriteReport(f"{folder}: is there already and is never overwritten; give --out a new name")
        if not folder.parent.is_dir():
            raise CannotWriteReport(f"{folder}: there is no folder {folder.parent}; make it first")
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.part-", dir=folder.parent))
    except OSError as error:
        raise CannotWriteReport(f"{folder}: cannot be written ({error.strerror}); choose another place") from error
    try:
        with _ended_as_an_error():
            yield draft
            draft.chmod(0o755)
            draft.replace(folder)
    except OSError as error:
        raise CannotWriteReport(f"{folder}: cannot be written ({error.strerror or error}); nothing was kept") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _ended_as_an_error() -> Iterator[None]:
    """Within the block SIGTERM ends the program as an exception does, so that what must be undone is."""
    if threading.current_thread() is not threading.main_thread():  # no other may say what a signal does
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def particle_table(measured: Sequence[Measurement]) -> "pandas.DataFrame":
    """All particles of all images: `Measurement.to_frame` behind the image's path, as in ``images.csv``, and its
    nm per pixel."""
    import pandas

    frames = []
    for each in measured:
        frame = each.to_frame()
        frame.insert(0, "image", in_words(each.name))
        frame.insert(1, "nm_per_px", each.nm_per_px)
        frames.append(frame)
    if not frames:
        return pandas.DataFrame({"image": [], "nm_per_px": []})
    return pandas.concat(frames, ignore_index=True)


def _clusters(result: SampleResult) -> "Clusters | None":
    """Kinds of outlines where there is enough to compare."""
    from closedloop.tem.clusters import TooFewToCluster, find_clusters

    if len(result.measured) < 2 and result.pooled.count < MANY_PARTICLES:
        return None
    try:
        return find_clusters(result.measured)
    except TooFewToCluster:
        return None


def _cluster_column(result: SampleResult, clusters: "Clusters") -> "pandas.Series[int]":
    """Each particle's cluster from 1 in the order of `particle_table`; missing for those at the edge or left out."""
    import pandas

    firsts = np.cumsum([0, *(len(each.particles) for each in result.measured)])
    column = pandas.Series(pandas.NA, index=range(int(firsts[-1])), dtype="Int64")
    column.iloc[firsts[clusters.measurement] + clusters.particle] = clusters.cluster + 1
    return column


def _write_images(path: Path, result: SampleResult) -> None:
    """A line per image in the sample's order: what it gave, or why it gave nothing."""
    measured = {each.name: each for each in result.measured}
    failed = {failure.image: failure for failure in result.failed}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=_IMAGE_COLUMNS)
        writer.writeheader()
        for image in result.sample.images:
            writer.writerow(_image_row(image, measured.get(str(image)), failed.get(image)))
        for copy, image in result.sample.copies:
            said = f"has the same content as {image}, and is counted once"
            writer.writerow({"image": in_words(copy), "message": in_words(said)})


_IMAGE_COLUMNS = (
    "image", "nm_per_px", "scale_source", "scale_confidence", "count", "touching_edge", "mean_diameter_nm",
    "std_diameter_nm", "size_error", "in_doubt", "shape", "error", "message", "note",
)  # fmt: skip


def _image_row(image: Path, measured: Measurement | None, failure: Failure | None) -> dict[str, Any]:
    row: dict[str, Any] = {"image": in_words(image)}
    if measured is not None:
        row |= {
            "nm_per_px": measured.nm_per_px,
            "scale_source": measured.scale.source,
            "scale_confidence": round(measured.scale.confidence, 4),
            "count": measured.count,
            "touching_edge": len(measured.particles) - measured.count,
            "mean_diameter_nm": measured.mean_diameter_nm,
            "std_diameter_nm": measured.std_diameter_nm,
            "size_error": measured.size_error,
            "in_doubt": measured.in_doubt,
            "shape": measured.shape,
            "note": None if measured.note is None else in_words(measured.note),
        }
    if failure is not None:
        row |= {"error": failure.error, "message": in_words(failure.message)}
    return row


def _names(images: Sequence[Path]) -> dict[Path, str]:
    """A file name for each image: its own without suffix; with it, or a number, where two would be alike."""
    names: dict[Path, str] = {}
    for image in images:
        for name in (image.stem, image.name.replace(".", "_")):
            if name not in names.values():
                break
        number, unique = 2, name
        while unique in names.values():
            unique, number = f"{name}-{number}", number + 1
        names[image] = unique
    return names


def _titles(sample: Sample) -> dict[Path, str]:
    """What each image is called on the page: its file's name, or its path where two have one name."""
    images = [*sample.images, *(copy for copy, _ in sample.copies)]
    names = Counter(image.name for image in images)
    return {image: image.name if names[image.name] == 1 else str(image) for image in images}


def _picture_of(image: Path) -> str | None:
    """The image as it is, small; ``None`` where it cannot be shown."""
    from closedloop.tem.errors import NotAnImage
    from closedloop.tem.reading import read_picture

    try:
        grey = read_picture(image).grey
    except NotAnImage:
        return None
    shades = np.clip(255 * grey, 0, 255).astype(np.uint8)
    return _uri(jpeg(np.repeat(shades[..., None], 3, axis=2), WAITING_PX))


def _uri(content: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
