"""Where a user's copy of a data set lies: a small JSON file of names and paths.

It is ``datasets.json`` in $CLOSEDLOOP_HOME, or else in $XDG_DATA_HOME/closedloop, or else in ~/.local/share/closedloop.
"""

import json
import os
from pathlib import Path

from closedloop.literature.errors import DataError
from closedloop.whole_files import write_whole

FILE = "datasets.json"


def home() -> Path:
    """The folder for what closedloop remembers between runs; it need not exist."""
    if stated := os.environ.get("CLOSEDLOOP_HOME"):
        return Path(stated).expanduser()
    base = os.environ.get("XDG_DATA_HOME") or ""
    # The XDG specification says to ignore a relative path.
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share") / "closedloop"


def registered() -> dict[str, Path]:
    """Name -> path of every data set that `register` was told of."""
    file = home() / FILE
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        return {str(name): Path(path) for name, path in stored.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise DataError(f"{file}: cannot be read ({error}); mend or delete it, and import the data again") from error


def register(name: str, path: Path) -> None:
    """Remember ``path`` under ``name``, in place of what was there."""
    file = home() / FILE
    places = {known: str(place) for known, place in registered().items()} | {name: str(path.resolve())}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(places, indent=2, sort_keys=True) + "\n")
    except OSError as error:
        raise DataError(f"{file}: cannot be written ({error}); set CLOSEDLOOP_HOME to a folder that can be") from error
