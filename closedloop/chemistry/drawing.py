"""Draws a substance's structure: as SVG by RDKit, or in braille characters for a terminal. Resolves no names."""

from pathlib import Path
from typing import Any

from closedloop.chemistry.errors import DrawingError
from closedloop.chemistry.substance import Substance
from closedloop.whole_files import write_whole

SVG_SIZE = (480, 320)
# A braille character is two dots wide and four high; the first index is the column, the second the row from above.
_BRAILLE = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_DOTS_PER_BOND = 7.0
_LEAST_DOTS_PER_BOND = 4.0
_DOUBLE_BOND_OFFSET_DOTS = 1.6
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LARGER = (1.0, 1.3, 1.6, 2.0, 2.5)  # tried in turn where labels would cover one another
_LONGEST_LABEL = 4  # characters, as of Cd²⁺


def draw_svg(substance: Substance) -> str:
    """The structure as an SVG document; raises `DrawingError` for what has no single structure (a polymer)."""
    from rdkit.Chem.Draw import rdMolDraw2D

    molecule = _molecule(substance)
    canvas = rdMolDraw2D.MolDraw2DSVG(*SVG_SIZE)
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule)
    canvas.FinishDrawing()
    return str(canvas.GetDrawingText())


def write_svg(substance: Substance, path: Path) -> None:
    """Write `draw_svg`, whole or not at all; raises `DrawingError`, also for a name that is no drawing's."""
    if path.suffix.lower() != ".svg":
        raise DrawingError(f"{path}: the drawing is SVG; give a name that ends with .svg")
    content = draw_svg(substance)
    try:
        write_whole(path, content)
    except OSError as error:
        raise DrawingError(
            f"{path}: cannot be written ({error.strerror}); name a file in a folder that exists"
        ) from error


def draw_text(substance: Substance, columns: int = 80) -> str | None:
    """The structure in lines of at most ``columns`` characters; None where no atoms are bound, or it is too wide.

    Carbon is where lines meet, as chemists draw it; every other atom stands as its symbol, with its charge. Hydrogens
    are left out but for those that stand alone. What a substance consists of stands side by side.
    """
    from rdkit import Chem

    molecule = _molecule(substance)
    if molecule.GetNumBonds() == 0:
        return None
    Chem.Kekulize(molecule, clearAromaticFlags=True)
    points = _flat_coordinates(molecule)
    wide, high = (max(point[axis] for point in points) for axis in (0, 1))
    widest = (2 * (columns - _LONGEST_LABEL) - 2) / max(wide, 1e-9)
    if widest < _LEAST_DOTS_PER_BOND:
        return None
    scales = [min(_DOTS_PER_BOND * larger, widest) for larger in _LARGER]
    labels = {scale: _labels(molecule, points, scale, high) for scale in scales}
    scale = next((scale for scale in scales if _stand_apart(labels[scale])), scales[0])
    dots: set[tuple[int, int]] = set()
    for bond in molecule.GetBonds():
        start, end = (
            (2 + scale * x, 4 + scale * (high - y))
            for x, y in (points[bond.GetBeginAtomIdx()], points[bond.GetEndAtomIdx()])
        )
        dots |= _bond_dots(start, end, round(bond.GetBondTypeAsDouble()))
    lines = [[" "] * (int(wide * scale) // 2 + _LONGEST_LABEL) for _ in range(int(high * scale) // 4 + 3)]
    cells: dict[tuple[int, int], int] = {}
    for right, below in dots:
        cell = (below // 4, right // 2)
        cells[cell] = cells.get(cell, 0) | _BRAILLE[right % 2][below % 4]
    for (row, column), bits in cells.items():
        lines[row][column] = chr(0x2800 + bits)
    for row, column, label in labels[scale]:
        lines[row][column : column + len(label)] = label
    drawn = ["".join(line).rstrip() for line in lines]
    return "\n".join(line for i, line in enumerate(drawn) if line or (any(drawn[:i]) and any(drawn[i:])))


def _molecule(substance: Substance) -> Any:
    from rdkit import Chem

    if substance.smiles is None:
        raise DrawingError(f"{substance.name} has no single structure to draw; its formula is {substance.formula}")
    # Hydrogens go in a step of their own, for the usual one warns of a proton, which is bound to nothing. RDKit's types
    # have the settings wrong.
    as_written = Chem.SmilesParserParams()
    as_written.removeHs = False  # type: ignore[assignment]
    without_warning = Chem.RemoveHsParameters()
    without_warning.showWarnings = False  # type: ignore[assignment]
    return Chem.RemoveHs(Chem.MolFromSmiles(substance.smiles, as_written), without_warning)


def _labels(molecule: Any, points: list[tuple[float, float]], scale: float, high: float) -> list[tuple[int, int, str]]:
    """Row, column and text of each atom that stands as its symbol."""
    return [
        (round(4 + scale * (high - y)) // 4, round(2 + scale * x) // 2, _label(atom))
        for atom, (x, y) in zip(molecule.GetAtoms(), points, strict=True)
        if _label(atom) != "C"
    ]


def _stand_apart(labels: list[tuple[int, int, str]]) -> bool:
    taken = [(row, column + i) for row, column, label in labels for i in range(len(label))]
    return len(set(taken)) == len(taken)


def _label(atom: Any) -> str:
    """``O⁻``, ``Cd²⁺``."""
    charge = atom.GetFormalCharge()
    number = "" if abs(charge) <= 1 else str(abs(charge)).translate(_RAISED)
    return f"{atom.GetSymbol()}{number}{'⁺' if charge > 0 else '⁻' if charge < 0 else ''}"


def _flat_coordinates(molecule: Any) -> list[tuple[float, float]]:
    """Positions with bonds of mean length 1, the longest axis along x, and the least x and y at 0."""
    from rdkit.Chem import rdDepictor

    rdDepictor.SetPreferCoordGen(False)
    rdDepictor.Compute2DCoords(molecule, canonOrient=True)
    conformer = molecule.GetConformer()
    places = [conformer.GetAtomPosition(i) for i in range(molecule.GetNumAtoms())]
    lengths = [(places[b.GetBeginAtomIdx()] - places[b.GetEndAtomIdx()]).Length() for b in molecule.GetBonds()]
    unit = sum(lengths) / len(lengths)
    left, bottom = min(p.x for p in places), min(p.y for p in places)
    return [((p.x - left) / unit, (p.y - bottom) / unit) for p in places]


def _bond_dots(start: tuple[float, float], end: tuple[float, float], order: int) -> set[tuple[int, int]]:
    """The dots of one to three parallel lines."""
    across, down = end[0] - start[0], end[1] - start[1]
    length = max((across**2 + down**2) ** 0.5, 1e-9)
    offsets = {2: (0.0, 1.0), 3: (-1.0, 0.0, 1.0)}.get(order, (0.0,))
    dots = set()
    for offset in offsets:
        shift_x, shift_y = (_DOUBLE_BOND_OFFSET_DOTS * offset * part / length for part in (-down, across))
        for step in range(int(2 * length) + 1):
            part = step / max(int(2 * length), 1)
            dots.add(
                (max(round(start[0] + part * across + shift_x), 0), max(round(start[1] + part * down + shift_y), 0))
            )
    return dots
