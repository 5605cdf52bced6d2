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
    """The structure in lines of at most ``columns`` characters; None where it would be a list of ions, or too wide.

    Carbon is where lines meet, as chemists draw it; every other atom stands as its symbol. Hydrogens are left out.
    """
    from rdkit import Chem

    molecule = _molecule(substance)
    if "." in (substance.smiles or "") or molecule.GetNumBonds() == 0:
        return None
    Chem.Kekulize(molecule, clearAromaticFlags=True)
    points = _flat_coordinates(molecule)
    wide, high = (max(point[axis] for point in points) for axis in (0, 1))
    scale = min(_DOTS_PER_BOND, (2 * columns - 5) / max(wide, 1e-9))
    if scale < _LEAST_DOTS_PER_BOND:
        return None
    dots: set[tuple[int, int]] = set()
    for bond in molecule.GetBonds():
        start, end = (
            (2 + scale * x, 4 + scale * (high - y))
            for x, y in (points[bond.GetBeginAtomIdx()], points[bond.GetEndAtomIdx()])
        )
        dots |= _bond_dots(start, end, round(bond.GetBondTypeAsDouble()))
    lines = [[" "] * (int(wide * scale) // 2 + 4) for _ in range(int(high * scale) // 4 + 3)]
    cells: dict[tuple[int, int], int] = {}
    for right, below in dots:
        cell = (below // 4, right // 2)
        cells[cell] = cells.get(cell, 0) | _BRAILLE[right % 2][below % 4]
    for (row, column), bits in cells.items():
        lines[row][column] = chr(0x2800 + bits)
    for atom, (x, y) in zip(molecule.GetAtoms(), points, strict=True):
        if atom.GetSymbol() != "C":
            row, column = round(4 + scale * (high - y)) // 4, round(2 + scale * x) // 2
            lines[row][column : column + len(atom.GetSymbol())] = atom.GetSymbol()
    drawn = ["".join(line).rstrip() for line in lines]
    return "\n".join(line for i, line in enumerate(drawn) if line or (any(drawn[:i]) and any(drawn[i:])))


def _molecule(substance: Substance) -> Any:
    from rdkit import Chem

    if substance.smiles is None:
        raise DrawingError(f"{substance.name} has no single structure to draw; its formula is {substance.formula}")
    return Chem.MolFromSmiles(substance.smiles)


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
