"""Files that are there whole or not at all, whatever stops the program or the machine; belongs to no room."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """The place of a draft, with the suffix of ``path``: it takes that place when the block ends well, else it goes.

    Two processes that write the same file do not meet: the later one stays. Raises what the block raises, and OSError;
    one of the draft, or of no file, is of ``path``, for nobody knows the draft.
    """
    draft = path.with_name(f".{secrets.token_hex(8)}.part{path.suffix}")
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        if error.errno is not None and (error.filename is None or draft.name in str(error.filename)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        with suppress(OSError):  # where the folder is none, or may not be entered, there is no draft either
            draft.unlink()


def write_whole(path: Path, content: str | bytes) -> None:
    """Text is written as UTF-8, its line ends as they are. Raises OSError."""
    with whole(path) as draft:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)
