"""An explanation as a file: one self-contained HTML page, or the picture alone."""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from closedloop.plotting import standing_alone, svg
from closedloop.synthesis.explanation.errors import CannotDraw
from closedloop.whole_files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".html", ".svg", ".png")
# Stands in every file that is written here: a picture without it is somebody's own, and stays.
MARK = "closedloop explain"


@dataclass(frozen=True)
class Page:
    """``lines`` are what the reader must know, ``header`` and ``rows`` the table under the picture."""

    title: str
    lines: Sequence[str]
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def check_place(path: Path) -> Path:
    """The absolute path, before the work rather than after it. Raises `CannotDraw`."""
    path = path.absolute()
    if path.suffix.lower() not in SUFFIXES:
        raise CannotDraw(f"{path}: give a name that ends with {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK) or path.is_dir():
        raise CannotDraw(f"{path}: nothing can be written there; choose another place")
    if path.exists() and not _ours(path):
        raise CannotDraw(f"{path}: is there already and was not drawn by closedloop explain; choose another name")
    return path


def _ours(path: Path) -> bool:
    try:
        return MARK.encode() in path.read_bytes()
    except OSError:
        return False


def write(figure: "Figure", page: Page, path: Path) -> Path:
    """Whole or not at all. Raises `CannotDraw`."""
    path = check_place(path)
    if path.suffix.lower() == ".png":
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=160, metadata={"Software": MARK})
        content = buffer.getvalue()
    else:
        drawn = svg(figure, creator=MARK)
        content = (standing_alone(drawn) if path.suffix.lower() == ".svg" else _html(drawn, page)).encode()
    try:
        write_whole(path, content)
    except OSError as error:
        raise CannotDraw(f"{path}: cannot be written ({error.strerror})") from error
    return path


def _html(drawn: str, page: Page) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
    from markupsafe import Markup

    from closedloop import __version__

    environment = Environment(
        loader=PackageLoader("closedloop.synthesis.explanation"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
    )
    template = environment.get_template("explanation.html")
    return template.render(page=page, picture=Markup(drawn), version=__version__)
