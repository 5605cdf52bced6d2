"""Which process of this computer uses which port, whatever its store and its folder.

A claim is a locked byte of one file that all processes share: the system lets it go when its process ends, however that
ends, and nothing is left behind. A claim knows nothing of other computers, and of other programs only what pyserial's
own lock on a device knows.
"""

import contextlib
import fcntl
import hashlib
import os
import tempfile
import threading
from pathlib import Path

FILE_NAME = "closedloop-ports.lock"

_guard = threading.Lock()
# Opened once and never closed: closing any descriptor of the file would let go all claims of this process.
_file: int | None = None


def place_of(url: str) -> str:
    """One name for a port that may be written in several ways (by way of a link, or in capitals)."""
    return url.lower() if "://" in url else os.path.realpath(url)


def claim(place: str) -> bool:
    """Whether this process has the port now; claimed twice by one process, it is claimed once. Raises `OSError`."""
    with _guard:
        file = _opened()
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _byte(place))
        except (BlockingIOError, PermissionError):  # systems differ in how they say that it is held
            return False
        return True


def release(place: str) -> None:
    with _guard, contextlib.suppress(OSError):
        fcntl.lockf(_opened(), fcntl.LOCK_UN, 1, _byte(place))


def _byte(place: str) -> int:
    return int.from_bytes(hashlib.sha256(place.encode()).digest()[:7], "big") // 4


def _opened() -> int:
    global _file
    if _file is None:
        _file = _open(Path(tempfile.gettempdir()) / FILE_NAME)
    return _file


def _open(path: Path) -> int:
    """Other users of this computer must be able to claim ports as well."""
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    os.fchmod(made, 0o666)
    return made
