"""A folder of images with corrected particles, which ``closedloop tem train --finetune`` learns from.

``images/NAME.tif`` is the image in grey, ``masks/NAME.tif`` its label image (0 = background), and ``sources.csv`` has a
line for each: image (NAME), source (what must not lie on both sides of a split), original, sha256, changes, added_at.
"""

import csv
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.digests import sha256_of
from closedloop.recipes import ClosedloopError
from closedloop.tem.pictures import save_labels
from closedloop.whole_files import whole

COLUMNS = ("image", "source", "original", "sha256", "changes", "added_at")


class TrainingFolderError(ClosedloopError):
    """The folder for training cannot be read or written."""


def add_to_training(
    folder: Path,
    image: Path,
    grey: NDArray[np.float32],
    labels: NDArray[np.int32],
    source: str,
    changes: str = "",
    at: datetime | None = None,
) -> Path:
    """Adds an image file's pixels, grey (H, W) float32 between 0 and 1, and labels (H, W) int32; gives its new place.

    A file of the same content, whatever its name, takes the place and name of the earlier one: the last correction is
    the one to learn from. The line in ``sources.csv`` is written last, so that a new line has its image and its mask.

    Raises `TrainingFolderError`.
    """
    import tifffile

    with _named(folder):
        rows = _rows(folder)
        digest = sha256_of(image)
        known = [row["image"] for row in rows if row["sha256"] == digest]
        name = known[0] if known else f"{_plain(image.stem)}-{digest[:8]}"
        kept, mask = _pair(folder, name)
        for part in (kept.parent, mask.parent):
            part.mkdir(parents=True, exist_ok=True)
        save_labels(mask, labels)
        with whole(kept) as draft:
            tifffile.imwrite(draft, _whole_numbers(grey), compression="zlib")
        row = {
            "image": name,
            "source": source,
            "original": str(image),
            "sha256": digest,
            "changes": changes,
            "added_at": (at or datetime.now(UTC)).isoformat(timespec="seconds"),
        }
        for path in (path for twin in known[1:] if twin != name for path in _pair(folder, twin)):
            path.unlink(missing_ok=True)
        rows = [other for other in rows if other["image"] != name and other["sha256"] != digest] + [row]
        with whole(folder / "sources.csv") as draft, draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    return kept


def _pair(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / "images" / f"{name}.tif", folder / "masks" / f"{name}.tif"


def _whole_numbers(grey: NDArray[np.float32]) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Eight bits where they lose nothing, else sixteen."""
    eight = np.rint(255 * grey)
    if np.abs(255 * grey - eight).max(initial=0) < 1e-3:
        return eight.astype(np.uint8)
    return np.rint(65535 * grey).astype(np.uint16)


def check_training_folder(folder: Path) -> None:
    """Before the work rather than after it. Raises `TrainingFolderError` where the folder could not be added to."""
    with _named(folder):
        _rows(folder)
        place = folder if folder.exists() else folder.absolute().parent
        if not place.is_dir() or not os.access(place, os.W_OK):
            raise TrainingFolderError(f"{folder}: cannot be written; choose another folder")


def _rows(folder: Path) -> list[dict[str, str]]:
    table = folder / "sources.csv"
    if not table.exists():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise TrainingFolderError(
                f"{table}: has the columns {', '.join(reader.fieldnames or ['none'])}, not {', '.join(COLUMNS)}; "
                "choose a folder of its own for corrected images"
            )
        rows = []
        for row in reader:
            # Cells beyond the columns come under None, missing ones as None.
            if None in row or None in row.values() or row["image"] in ("", "..") or "/" in row["image"]:
                raise TrainingFolderError(
                    f"{table}, line {reader.line_num}: is not one image of this folder with {len(COLUMNS)} cells; "
                    "mend or remove the line"
                )
            rows.append(row)
        return rows


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise TrainingFolderError(f"{folder}: cannot be used for training ({reason}); choose another folder") from error


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).strip("._")[:80] or "image"
