"""Files beside the database, named by their content: copied whole or not at all, never changed, never kept twice."""

import errno
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from closedloop.digests import sha256_of
from closedloop.store.errors import ArtefactError, StoreError, StoreFull, StoreReadOnly


@dataclass(frozen=True)
class Artefact:
    """A kept file: its place below the folder of artefacts, and the SHA-256 of its content."""

    path: str
    sha256: str


def keep(source: Path, root: Path, folder: str) -> Artefact:
    """Copies a file to ``root/folder/SHA256.suffix``; on the disk when it returns.

    Raises `ArtefactError` where the source cannot be read, `StoreReadOnly` or `StoreFull` where the copy cannot be
    written.
    """
    try:
        stream = source.open("rb")
    except OSError as error:
        raise ArtefactError(f"{source}: cannot be read ({error.strerror}); give the path of a file") from error
    with stream:
        try:
            return _copy(stream, root, folder, source.suffix.lower())
        except OSError as error:
            named: type[StoreError] = StoreFull if error.errno == errno.ENOSPC else StoreReadOnly
            raise named(f"{root / folder}: cannot be written ({error.strerror}); the store is unchanged") from error


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content. Raises `ArtefactError` where it cannot be read."""
    try:
        return sha256_of(path)
    except OSError as error:
        raise ArtefactError(f"{path}: cannot be read ({error.strerror}); give the path of a file") from error


def is_whole(path: Path, sha256: str) -> bool:
    """Whether the file is there, and is still what was kept."""
    return path.is_file() and sha256_of(path) == sha256


def _copy(stream: BinaryIO, root: Path, folder: str, suffix: str) -> Artefact:
    """Not by `closedloop.whole_files`, which must know the place beforehand: this one follows from what was read."""
    (root / folder).mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".partial-", dir=root / folder)
    partial = Path(name)
    try:
        digest = hashlib.sha256()
        with os.fdopen(descriptor, "wb") as out:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        artefact = Artefact(f"{folder}/{digest.hexdigest()}{suffix}", digest.hexdigest())
        partial.chmod(0o644)
        os.replace(partial, root / artefact.path)  # where it was kept before, by the same content
        _sync(root / folder)
    finally:
        partial.unlink(missing_ok=True)
    return artefact


def _sync(folder: Path) -> None:
    """Has the new name on the disk too (only POSIX lets a folder be opened for it)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
