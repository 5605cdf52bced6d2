"""Finds a lab: a lab file by its path, or one that has to be started first, by its entry point."""

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from pydantic import ValidationError

from closedloop.lab.config import LabConfig, read_lab_file
from closedloop.lab.errors import LabFileError

LABS_GROUP = "closedloop.labs"


def lab_source(path_or_name: str | Path) -> LabConfig | EntryPoint:
    """A lab file's content, or the entry point of an installed lab; starts nothing and writes nothing.

    Raises `LabFileError` where it is neither, so that a run can refuse before it begins.
    """
    path = Path(path_or_name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return read_lab_file(path)
    points = {point.name: point for point in entry_points(group=LABS_GROUP)}
    if str(path_or_name) not in points:
        known = ", ".join(sorted(points)) or "none"
        raise LabFileError(f"{path_or_name}: neither a lab file nor an installed lab (installed: {known})")
    return points[str(path_or_name)]


def find_lab(path_or_name: str | Path, directory: Path, seed: int) -> LabConfig:
    """A lab that is ready to be opened. ``directory`` is where a lab that must be started keeps what it remembers.

    An entry point of the group ``closedloop.labs`` is called with (directory, seed) and returns what a lab file says.
    """
    source = lab_source(path_or_name)
    if isinstance(source, LabConfig):
        return source
    content = source.load()(directory, seed)
    try:
        return LabConfig.model_validate(content)
    except ValidationError as error:
        raise LabFileError(f"{path_or_name}: the installed lab describes itself wrongly: {error}") from error
