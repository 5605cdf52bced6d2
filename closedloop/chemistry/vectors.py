"""A user's own vectors of chemicals (from Uni-Mol, say) in place of the graph encoder's.

Reads a ``.npz`` with ``names`` (n,) and ``features`` (n, d), brings it to GRAPH_SIZE columns by principal components,
and finds a chemical's row. What a vector is used for is left to `descriptors`.
"""

import io
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from closedloop.chemistry.errors import InvalidVectors, UnknownChemical
from closedloop.chemistry.registry import resolve

GRAPH_SIZE = 24
# As the encoder's vectors: beyond this many standard deviations a value says no more than "far away".
CLIP = 5.0
# What numpy and zipfile raise on files that were cut short, or of which a few bytes were changed.
_DAMAGE = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, SyntaxError, MemoryError, NotImplementedError),
    *(RuntimeError, zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
)


@dataclass(frozen=True, eq=False)
class VectorTable:
    """``vectors``: canonical name of a substance, or a name as the file has it -> (GRAPH_SIZE,) float32, read-only.

    Compared by identity, so that a table can serve as a key of a cache.
    """

    vectors: Mapping[str, np.ndarray]

    @classmethod
    def load(cls, path: Path | str, meanings: Mapping[str, str] | None = None) -> Self:
        """Read ``path``; ``meanings`` writes out the file's own abbreviations. Raises `InvalidVectors`.

        The columns are the leading principal components over all rows of the file, each of mean 0 and standard
        deviation 1 (zeros where the file has fewer), with the sign that makes the largest loading positive. Of several
        names of one substance the first counts.
        """
        names, features = _read(Path(path))
        reduced = _principal_components(features)
        reduced.setflags(write=False)
        vectors: dict[str, np.ndarray] = {}
        for name, vector in zip(names, reduced, strict=True):
            vectors.setdefault(_canonical((meanings or {}).get(name, name)), vector)
        return cls(vectors)

    def find(self, name: str) -> np.ndarray | None:
        """The (GRAPH_SIZE,) vector of this chemical under any of its names, or of this very name; None: not there."""
        return self.vectors.get(_canonical(name))

    def __len__(self) -> int:
        return len(self.vectors)


def _canonical(name: str) -> str:
    try:
        return resolve(name).name
    except UnknownChemical:
        return name.strip()


def _read(path: Path) -> tuple[list[str], np.ndarray]:
    try:
        file = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise InvalidVectors(f"{path}: one array; write names and features with numpy.savez")
        with file:
            if missing := [key for key in ("names", "features") if key not in file.files]:
                raise InvalidVectors(f"{path}: no array {' and no array '.join(missing)}; it holds {file.files}")
            names, features = file["names"], file["features"]
    except FileNotFoundError:
        raise InvalidVectors(f"{path}: no such file") from None
    except _DAMAGE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InvalidVectors(f"{path}: cannot be read ({reason}); write it again") from error
    # A damaged member of the archive can come back as something else than an array.
    names, features = np.asarray(names), np.asarray(features)
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise InvalidVectors(f"{path}: names is {names.dtype} of shape {names.shape}; write text of shape (n,)")
    if features.ndim != 2 or features.dtype.kind not in "fiu" or len(features) != len(names) or not features.size:
        raise InvalidVectors(
            f"{path}: features is {features.dtype} of shape {features.shape} for {len(names)} names; "
            f"write numbers of shape ({len(names)}, d)"
        )
    features = features.astype(np.float64)
    if not np.isfinite(features).all():
        row = int(np.argmin(np.isfinite(features).all(axis=1)))
        raise InvalidVectors(f"{path}: row {row} ({names[row]}) holds a value that is not finite; leave the row out")
    return [str(name, "utf-8") if isinstance(name, bytes) else str(name) for name in names], features


def _principal_components(features: np.ndarray) -> np.ndarray:
    """(n, d) -> (n, GRAPH_SIZE) float32."""
    centred = features - features.mean(axis=0)
    left, singular, loadings = np.linalg.svd(centred, full_matrices=False)
    scores = left * singular
    # Directions that hold nothing but rounding errors would become noise of standard deviation 1.
    kept = int((singular > max(singular[0], 1e-300) * 1e-6).sum()) if singular[0] > 0 else 0
    kept = min(kept, GRAPH_SIZE)
    rows = np.arange(kept)
    signs = np.where(loadings[rows, np.abs(loadings[:kept]).argmax(axis=1)] < 0, -1.0, 1.0)
    reduced = np.zeros((len(features), GRAPH_SIZE), dtype=np.float32)
    reduced[:, :kept] = np.clip(scores[:, :kept] * signs / scores[:, :kept].std(axis=0), -CLIP, CLIP)
    return reduced
