"""A data set's name or a table's path -> its experiments.

Knows which data sets there are and where a user's copies lie; leaves reading them to others.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from closedloop.literature.errors import DataError
from closedloop.literature.loaded import Loaded
from closedloop.literature.places import register, registered
from closedloop.recipes import Experiment

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class DataSet:
    """A data set that has a loader of its own; ``load`` takes the path of the user's copy, or ``None`` if it ships."""

    name: str
    about: str
    ships: bool
    load: Callable[[Path | None, bool], Loaded]


@dataclass(frozen=True)
class Listed:
    """One line of `closedloop data list`; ``path`` is ``None`` for data inside the package or not imported yet."""

    name: str
    about: str
    ships: bool
    path: Path | None


def _cdse2022(path: Path | None, negatives: bool) -> Loaded:
    from closedloop.literature.shipped import load_cdse2022

    return load_cdse2022()


def _agnp2021(path: Path | None, negatives: bool) -> Loaded:
    from closedloop.literature.shipped import load_agnp2021

    return load_agnp2021()


def _gu2025(path: Path | None, negatives: bool) -> Loaded:
    from closedloop.literature.gu2025 import load_gu2025

    assert path is not None
    return load_gu2025(path, negatives=negatives)


def _pbs2019(path: Path | None, negatives: bool) -> Loaded:
    from closedloop.literature.pbs2019 import load_pbs2019

    assert path is not None
    return load_pbs2019(path)


DATA_SETS = {
    data_set.name: data_set
    for data_set in (
        DataSet("cdse2022", "234 hot-injection CdSe recipes from 29 papers (MIT)", True, _cdse2022),
        DataSet("agnp2021", "3,295 silver readings of a droplet reactor (MIT)", True, _agnp2021),
        DataSet("gu2025", "3,489 recipes of 348 products, ACS Nano 2025, 19, 39025 (not shipped)", False, _gu2025),
        DataSet("pbs2019", "2,552 PbS runs of one lab, ACS Nano 2019, 13, 11122 (not shipped)", False, _pbs2019),
    )
}


def load(name_or_path: str | Path, path: str | Path | None = None, *, negatives: bool = True) -> Loaded:
    """The experiments of a data set or of a user's table, with the account of what the loader did.

    ``name_or_path`` is a name of `list_data` or the path of a .csv, .xlsx or .parquet table; ``path`` is where a user's
    copy of a named data set lies (left out: where `import_data` was told it lies). ``negatives=False`` leaves out
    gu2025's synthetic failures. Raises `DataError`, and `TableError` for a table with faults.
    """
    name = str(name_or_path)
    known = DATA_SETS.get(name)
    if known is not None and known.ships:
        if path is not None:
            raise DataError(f"{name} ships with closedloop and takes no path; leave {str(path)!r} out")
        return known.load(None, negatives)
    if path is None and known is None and (Path(name).suffix or os.path.isfile(name)):
        return _table(Path(name))
    place = Path(path).expanduser() if path is not None else registered().get(name)
    if known is not None:
        if place is None:
            raise DataError(f"{name} does not ship with closedloop; tell it once: closedloop data import {name} PATH")
        return known.load(place, negatives)
    if place is not None:
        return _table(place)
    names = sorted({*DATA_SETS, *registered()})
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(names)}, or the path of a table"
    raise DataError(f"no data set is called {name!r}; {hint}")


def name_and_path(given: str) -> tuple[str, str | None]:
    """What a person wrote for a data set as `load` takes it: a name, ``NAME=PATH``, or a table's path.

    A path may hold "=" itself: one that exists is taken whole, and so is one before whose "=" no name could stand.
    """
    name, equals, path = given.partition("=")
    if not equals or not path or not _NAME.fullmatch(name) or os.path.exists(given):
        return given, None
    return name, path


def load_experiments(name_or_path: str | Path, path: str | Path | None = None) -> list[Experiment]:
    """The experiments of a data set ("cdse2022"), of a user's copy ("gu2025", path=...), or of a table ("my.csv").

    See `load`, which also says what was repaired.
    """
    return load(name_or_path, path).experiments


def import_data(name: str, path: str | Path) -> Loaded:
    """Load the data set at ``path`` and, if it is sound, remember the path under ``name`` for `load`."""
    known = DATA_SETS.get(name)
    if known is not None and known.ships:
        raise DataError(f"{name} ships with closedloop; there is nothing to import")
    if not _NAME.fullmatch(name):
        raise DataError(f"{name!r} cannot be a data set's name; use letters, digits, - and _")
    loaded = load(name, Path(path).expanduser())
    register(name, Path(path).expanduser())
    return loaded


def list_data() -> list[Listed]:
    """Every data set that `load` knows by name, those with a loader of their own first."""
    places = registered()
    own = [Listed(known.name, known.about, known.ships, places.get(known.name)) for known in DATA_SETS.values()]
    tables = [Listed(name, "a table of yours", False, path) for name, path in places.items() if name not in DATA_SETS]
    return own + sorted(tables, key=lambda listed: listed.name)


def _table(path: Path) -> Loaded:
    from closedloop.literature.tables import load_table

    return load_table(path)
