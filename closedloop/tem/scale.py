"""How many nanometres a pixel is: what the user says, what the file says, what the scale bar says.

A doubtful scale never becomes a size: it raises `UnreadableScale`, and two that disagree raise `ScaleConflict`. Which
bar a label belongs to is for `closedloop.tem.scale_matching`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from closedloop.tem.errors import DiffractionPattern, ScaleConflict, UnreadableScale
from closedloop.tem.pixel_size import check_stated_size
from closedloop.tem.reading import Picture, read_picture
from closedloop.tem.scale_matching import BarReading, lone_label, read_bars

LARGEST_DISAGREEMENT = 0.03
_METADATA_CONFIDENCE = 0.9

Source = Literal["metadata", "scale_bar", "user"]


@dataclass(frozen=True)
class Scale:
    """nm per pixel, how far it is to be believed (0 to 1) and where it is from; the bar's own values where it was read.

    label_box: left, top, right, bottom of the label in pixels. note: what another source says that was not believed.
    """

    nm_per_px: float
    confidence: float
    source: Source
    text: str | None = None
    bar_nm: float | None = None
    bar_px: float | None = None
    label_box: tuple[float, float, float, float] | None = None
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``closedloop tem scale --json`` prints it."""
        content = {
            "text": self.text,
            "bar_nm": self.bar_nm,
            "bar_px": self.bar_px,
            "nm_per_px": self.nm_per_px,
            "confidence": round(self.confidence, 4),
            "source": self.source,
        }
        return content | ({"note": self.note} if self.note else {})


def read_scale(image: str | Path | NDArray[Any] | Picture, nm_per_px: float | None = None) -> Scale:
    """The scale of an image file or array.

    nm_per_px: what the user states. It is believed, and where the file or a scale bar that was read surely differs by
    more than 3%, the scale's note says so.

    Raises `UnreadableScale` where neither file nor picture states one beyond doubt, or the user one that no microscope
    has, `ScaleConflict` where they differ by more than 3%, `NotAnImage` where there is no image, and its kind
    `DiffractionPattern` where the file or, if it states no scale, the bar says a reciprocal length.
    """
    if nm_per_px is not None:
        check_stated_size(nm_per_px)
    picture = image if isinstance(image, Picture) else read_picture(image)
    # A file or a user that states the scale is only compared with what is easily read.
    bar = read_bars(picture, thorough=picture.pixel_size is None and nm_per_px is None)
    return _judged(picture, bar) if nm_per_px is None else _stated_by_user(picture, bar, nm_per_px)


def look_at_scale(image: str | Path | NDArray[Any] | Picture) -> dict[str, Any]:
    """All that can be said of an image's scale, as ``closedloop tem scale --json`` prints it.

    Where it is doubtful, ``nm_per_px`` is ``None``, ``doubt`` says why, and the rest is what seems to be written: the
    bar and its label, or a label without a bar (``bar_px`` is ``None``), with the confidence of that.

    Raises `UnreadableScale` where nothing can be read, `ScaleConflict` and `NotAnImage` as `read_scale` does.
    """
    picture = image if isinstance(image, Picture) else read_picture(image)
    bar = read_bars(picture, thorough=picture.pixel_size is None)
    try:
        return _judged(picture, bar).to_json()
    except ScaleConflict:
        raise
    except UnreadableScale:
        label = lone_label(picture)
        if bar is None or (label is not None and label.bar_nm != bar.bar_nm and label.confidence > bar.confidence):
            bar = label
        if bar is None:
            raise
        return {
            "text": bar.text,
            "bar_nm": bar.bar_nm,
            "bar_px": bar.bar_px or None,
            "nm_per_px": None,
            "confidence": round(bar.confidence, 4),
            "source": "scale_bar",
            "doubt": _unreadable(picture, bar),
        }


def _judged(picture: Picture, bar: BarReading | None) -> Scale:
    """What the file and the bar say together."""
    stated = None if picture.pixel_size is None else picture.pixel_size.nm_per_px
    sure = bar if bar is not None and bar.doubt is None else None
    if stated is None:
        if bar is not None and bar.reciprocal:
            raise DiffractionPattern(
                f"{picture.name}: its scale bar says a reciprocal length ({bar.text}⁻¹), so it is a diffraction "
                "pattern and shows no particles; give an image, or state --nm-per-px if it is one"
            )
        if sure is None:
            raise UnreadableScale(_unreadable(picture, bar))
        return Scale(sure.nm_per_px, sure.confidence, "scale_bar", sure.text, sure.bar_nm, sure.bar_px, sure.label_box)
    if sure is None:
        return Scale(stated, _METADATA_CONFIDENCE, "metadata")
    if _differ(sure.nm_per_px, stated):
        raise ScaleConflict(
            f"{picture.name}: {_file(picture)} {stated:.4g} nm per pixel, its scale bar ({_bar(sure)}) says "
            f"{sure.nm_per_px:.4g}; state the right one with --nm-per-px{_remark(picture)}"
        )
    # The file's number has more digits than a bar drawn in whole pixels; that the bar agrees makes it surer.
    surer = 1 - (1 - _METADATA_CONFIDENCE) * (1 - sure.confidence)
    return Scale(stated, surer, "metadata", sure.text, sure.bar_nm, sure.bar_px, sure.label_box)


def _stated_by_user(picture: Picture, bar: BarReading | None, nm_per_px: float) -> Scale:
    """What the user says stands; what says otherwise goes into the note."""
    others = []
    if picture.pixel_size is not None:
        others.append((picture.pixel_size.nm_per_px, _file(picture)))
    if bar is not None and bar.doubt is None:
        others.append((bar.nm_per_px, f"its scale bar ({_bar(bar)}) says"))
    differing = [f"{who} {value:.4g}" for value, who in others if _differ(nm_per_px, value)]
    note = f"you state {nm_per_px:.4g} nm per pixel, but {' and '.join(differing)}" if differing else None
    box = None if bar is None or bar.doubt is not None else bar.label_box
    return Scale(nm_per_px, 1.0, "user", label_box=box, note=note)


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > LARGEST_DISAGREEMENT * max(one, other)


def _file(picture: Picture) -> str:
    return f"the file's {picture.pixel_size.stated_by} say" if picture.pixel_size else "the file says"


def _bar(bar: BarReading) -> str:
    return f"{bar.text}, {bar.bar_px:.1f} px"


def _unreadable(picture: Picture, bar: BarReading | None) -> str:
    return f"{picture.name}: {_why_unreadable(bar)}; state it with --nm-per-px{_remark(picture)}"


def _remark(picture: Picture) -> str:
    """What is odd about the picture, such as a pixel size in the file that was not believed."""
    return f" ({picture.note})" if picture.note else ""


def _why_unreadable(bar: BarReading | None) -> str:
    if bar is None:
        return "the file states no pixel size and no scale bar with a label was found"
    if not bar.bar_px:
        return f"there is a label, {bar.text}, but no bar that can be measured"
    return f"the scale bar ({bar.bar_px:.1f} px) seems to say {bar.text}, but {bar.doubt}"
