"""A driver by its name: whether it is installed, what options it takes, and an instrument of it, not connected yet."""

import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from closedloop.fault_words import asked
from closedloop.lab.errors import LabFileError
from closedloop.lab.instruments import Instrument

INSTRUMENTS_GROUP = "closedloop.instruments"


def known_drivers() -> list[str]:
    """Names that a lab file may give as ``driver``."""
    return sorted(point.name for point in entry_points(group=INSTRUMENTS_GROUP))


def driver_faults(driver: str, options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Keys of an instrument that are wrong or missing, each with what is wrong; builds nothing.

    What the values may be is left to the driver, which looks at them when the instrument is built.
    """
    try:
        parameters = list(inspect.signature(_loaded(driver)).parameters.values())[1:]
    except LabFileError as error:
        return [("driver", str(error))]
    # What can be given by its place alone is no option.
    taken = {each.name: each for each in parameters if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)}
    needed = [name for name, each in taken.items() if each.default is each.empty]
    faults = [(name, "is missing; add it") for name in needed if name not in options]
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return faults
    known = ", ".join(taken) or "no options"
    for name in options:
        if name not in taken:
            near = asked(name, list(taken)) or "remove it or mend its spelling"
            faults.append((name, f"is not an option of the driver {driver!r}, which takes {known}; {near}"))
    return faults


def build(name: str, driver: str, options: Mapping[str, Any]) -> Instrument:
    """An instrument that has not been connected yet; raises `LabFileError` for a wrong driver or option."""
    if faults := driver_faults(driver, options):
        raise LabFileError("; ".join(f"{name}.{option}: {said}" for option, said in faults))
    try:
        return _loaded(driver)(name, **options)
    except (TypeError, ValueError) as error:
        raise LabFileError(f"{name}: the driver {driver!r} does not take these options: {error}") from error


def _loaded(driver: str) -> Callable[..., Instrument]:
    points = {point.name: point for point in entry_points(group=INSTRUMENTS_GROUP)}
    if driver not in points:
        raise LabFileError(f"no driver called {driver!r} is installed (known: {', '.join(sorted(points))})")
    loaded: Callable[..., Instrument] = points[driver].load()
    return loaded
