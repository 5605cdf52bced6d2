"""How many nanometres a pixel is: what the user says, what the file says, what the scale bar says.

A doubtful scale never becomes a size: it raises `UnreadableScale`, and two that disagree raise `ScaleConflict`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.tem.errors import ScaleConflict, UnreadableScale
from closedloop.tem.label_reading import HIGH_CONFIDENCE, Reading, read_bar_label
from closedloop.tem.reading import Picture, read_picture
from closedloop.tem.scale_bar import Bar, find_bars

LARGEST_DISAGREEMENT = 0.03
_METADATA_CONFIDENCE = 0.9
_BARS_READ = 3

Source = Literal["metadata", "scale_bar", "user"]


@dataclass(frozen=True)
class Scale:
    """nm per pixel, how far it is to be believed (0 to 1) and where it is from; the bar's own values where it was read.

    label_box: left, top, right, bottom of the label in pixels.
    """

    nm_per_px: float
    confidence: float
    source: Source
    text: str | None = None
    bar_nm: float | None = None
    bar_px: float | None = None
    label_box: tuple[float, float, float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """As ``closedloop tem scale --json`` prints it."""
        return {
            "text": self.text,
            "bar_nm": self.bar_nm,
            "bar_px": self.bar_px,
            "nm_per_px": self.nm_per_px,
            "confidence": round(self.confidence, 4),
            "source": self.source,
        }


def read_scale(image: str | Path | NDArray[Any] | Picture) -> Scale:
    """The scale of an image file or array.

    Raises `UnreadableScale` where neither file nor picture states one beyond doubt, `ScaleConflict` where they differ
    by more than 3%, `NotAnImage` where there is no image.
    """
    picture = image if isinstance(image, Picture) else read_picture(image)
    doubtful: Scale | None = None
    from_bar: Scale | None = None
    for candidate in _scales_of_bars(picture.grey):
        if candidate.confidence >= HIGH_CONFIDENCE:
            from_bar = candidate
            break
        if doubtful is None or candidate.confidence > doubtful.confidence:
            doubtful = candidate
    if picture.pixel_size is None:
        if from_bar is not None:
            return from_bar
        raise UnreadableScale(f"{picture.name}: {_why_unreadable(doubtful)}; state it with --nm-per-px")
    stated = picture.pixel_size.nm_per_px
    if from_bar is None:
        return Scale(stated, _METADATA_CONFIDENCE, "metadata")
    if abs(from_bar.nm_per_px - stated) > LARGEST_DISAGREEMENT * max(from_bar.nm_per_px, stated):
        raise ScaleConflict(
            f"{picture.name}: the file's {picture.pixel_size.stated_by} say {stated:.4g} nm per pixel, its scale bar "
            f"({from_bar.text}, {from_bar.bar_px:.1f} px) says {from_bar.nm_per_px:.4g}; state the right one with "
            "--nm-per-px"
        )
    # The file's number has more digits than a bar drawn in whole pixels; that the bar agrees makes it surer.
    sure = 1 - (1 - _METADATA_CONFIDENCE) * (1 - from_bar.confidence)
    return Scale(stated, sure, "metadata", from_bar.text, from_bar.bar_nm, from_bar.bar_px, from_bar.label_box)


def _scales_of_bars(grey: NDArray[np.float32]) -> list[Scale]:
    """The scales of the likeliest bars, as far as the first that is beyond doubt."""
    found = []
    for bar in find_bars(grey)[:_BARS_READ]:
        reading = read_bar_label(grey, bar)
        if reading is not None:
            found.append(_scale(bar, reading))
            if found[-1].confidence >= HIGH_CONFIDENCE:
                break
    return found


def _scale(bar: Bar, reading: Reading) -> Scale:
    confidence = reading.confidence * min(1.0, 0.5 + bar.quality)
    if bar.cut_off:
        confidence = min(confidence, 0.3)
    # An end that is off by a pixel must not matter: a short bar measures poorly.
    confidence *= min(1.0, bar.length_px / 30)
    return Scale(
        nm_per_px=reading.label.nm / bar.length_px,
        confidence=confidence,
        source="scale_bar",
        text=reading.label.text,
        bar_nm=reading.label.nm,
        bar_px=bar.length_px,
        label_box=reading.box,
    )


def _why_unreadable(doubtful: Scale | None) -> str:
    if doubtful is None:
        return "the file states no pixel size and no scale bar with a label was found"
    return (
        f"the scale bar ({doubtful.bar_px:.1f} px) seems to say {doubtful.text}, but not beyond doubt "
        f"(confidence {doubtful.confidence:.2f})"
    )
