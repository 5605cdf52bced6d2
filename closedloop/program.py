"""What decides a result that is kept, as one number: the code, the data beside it, and the libraries it calls.

Nobody keeps a list of files by hand: one was forgotten too easily. Belongs to no room.
"""

import ast
import hashlib
import sys
from collections.abc import Collection, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

import closedloop

_NAME = closedloop.__name__
_ROOT = Path(closedloop.__file__).parent
_DATA = (".csv", ".safetensors")


def program(*modules: str, apart: Collection[str] = ()) -> bytes:
    """A hash of these modules of closedloop and of all others that they import, in functions too, with the data in
    their packages, and of the versions of the libraries that these import.

    ``apart``: modules that are left out with what only they import, for they decide nothing.
    """
    return _program(frozenset(modules), frozenset(apart))


@cache
def _program(modules: frozenset[str], apart: frozenset[str]) -> bytes:
    files, libraries = parts_of(modules, apart)
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(_ROOT).as_posix().encode() + hashlib.sha256(path.read_bytes()).digest())
    digest.update(" ".join(f"{library} {_version(library)}" for library in sorted(libraries)).encode())
    return digest.digest()


def parts_of(modules: Collection[str], apart: Collection[str] = ()) -> tuple[set[Path], set[str]]:
    """The files that `program` reads, and the libraries by the names that they are imported under."""
    waiting, seen = list(modules), set(apart)
    files, libraries = set[Path](), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _file_of(name)
        if path is None:
            raise ValueError(f"closedloop has no module {name!r}; name one that it has")
        files |= {path, *(beside for beside in path.parent.glob("*/*") if beside.suffix in _DATA)}
        for imported, names in _imports(path):
            if imported.partition(".")[0] != _NAME:
                libraries.add(imported.partition(".")[0])
                continue
            waiting += [one for one in (imported, *(f"{imported}.{each}" for each in names)) if _file_of(one)]
    return files, libraries - set(sys.stdlib_module_names)


def _file_of(module: str) -> Path | None:
    """Where a module of closedloop lies; ``None`` for any other name."""
    first, *rest = module.split(".")
    place = _ROOT.joinpath(*rest)
    found = (one for one in (place / "__init__.py", place.with_name(f"{place.name}.py")) if one.is_file())
    return next(found, None) if first == _NAME else None


def _imports(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Modules and the names that are taken from them, wherever in the file; `import_module` with a plain text too."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        match node:
            case ast.Import():
                yield from ((one.name, ()) for one in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module, tuple(one.name for one in node.names)
            case ast.Call(func=ast.Name("import_module"), args=[ast.Constant(str(module))]):
                yield module, ()


def _version(imported: str) -> str:
    """Of the library that is imported under this name, or that there is none."""
    said = []
    for library in _distributions().get(imported, [imported]):
        try:
            said.append(version(library))
        except PackageNotFoundError:
            said.append("absent")
    return " ".join(said)


@cache
def _distributions() -> dict[str, list[str]]:
    return {name: sorted(set(libraries)) for name, libraries in packages_distributions().items()}
