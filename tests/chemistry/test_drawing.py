import re
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
from rdkit import Chem

from closedloop.chemistry import DrawingError, resolve, substances
from closedloop.chemistry.drawing import draw_svg, draw_text, write_svg


def test_the_svg_holds_every_bond() -> None:
    root = ET.fromstring(draw_svg(resolve("oleic acid")))
    assert root.tag.endswith("svg")
    bonds = {name for part in root.iter() for name in part.get("class", "").split() if name.startswith("bond-")}
    assert len(bonds) == 19, "oleic acid has 20 heavy atoms in one chain"


def test_a_drawing_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    write_svg(resolve("TOPO"), path)
    assert path.read_text() == draw_svg(resolve("TOPO"))
    with pytest.raises(DrawingError, match="folder that exists"):
        write_svg(resolve("TOPO"), tmp_path / "none" / "a.svg")
    with pytest.raises(DrawingError, match="polyvinylpyrrolidone"):
        write_svg(resolve("PVP"), tmp_path / "b.svg")
    path.unlink()
    path.mkdir()
    with pytest.raises(DrawingError):
        write_svg(resolve("TOPO"), path)
    assert list(tmp_path.iterdir()) == [path]


def test_the_text_shows_every_atom_but_carbon_within_the_width() -> None:
    drawn = draw_text(resolve("oleic acid"), 80)
    assert drawn is not None
    assert drawn.count("O") == 2
    assert max(map(len, drawn.splitlines())) <= 80
    phosphine = draw_text(resolve("TOPO"), 80)
    assert phosphine is not None
    assert (phosphine.count("P"), phosphine.count("O")) == (1, 1)


def test_a_double_bond_has_more_dots_than_a_single_one() -> None:
    def dots(name: str) -> int:
        drawn = draw_text(resolve(name), 80)
        assert drawn is not None
        return sum(bin(ord(letter) - 0x2800).count("1") for letter in drawn if 0x2800 <= ord(letter) < 0x2900)

    # Both have eight heavy atoms in a zigzag.
    assert dots("octane") < dots("1-octene") < 1.4 * dots("octane")


def test_an_acid_in_ions_is_drawn_with_its_charges() -> None:
    drawn = draw_text(resolve("HAuCl4"), 80)
    assert drawn is not None
    assert (drawn.count("Au⁻"), drawn.count("Cl"), drawn.count("H⁺")) == (1, 4, 1)
    salt = draw_text(resolve("cadmium acetate"), 80)
    assert salt is not None
    assert (salt.count("Cd²⁺"), salt.count("O⁻")) == (1, 2)


def test_what_is_a_list_of_ions_or_too_wide_has_no_text_drawing() -> None:
    assert draw_text(resolve("CdO")) is None
    assert draw_text(resolve("oleic acid"), 20) is None
    with pytest.raises(DrawingError, match="no single structure"):
        draw_text(resolve("liquid paraffin").model_copy(update={"smiles": None}))


def test_every_structure_can_be_drawn_without_a_word_of_rdkits(capfd: pytest.CaptureFixture[str]) -> None:
    known = [substance for substance in substances() if substance.smiles]
    assert all("<svg" in draw_svg(substance) for substance in known)
    texts = [draw_text(substance, 100) for substance in known]
    assert capfd.readouterr().err == ""
    for substance, drawn in zip(known, texts, strict=True):
        molecule = Chem.MolFromSmiles(substance.smiles)
        assert (drawn is None) == (molecule.GetNumBonds() == 0), substance.name
        assert max(map(len, (drawn or "").splitlines()), default=0) <= 100, substance.name
        wanted = Counter(atom.GetSymbol() for atom in molecule.GetAtoms() if atom.GetFormalCharge() and drawn)
        shown = Counter(re.findall(r"([A-Z][a-z]?)[²³⁴-⁹]?[⁺⁻]", drawn or ""))
        assert shown == wanted, f"{substance.name}: each ion is seen whole"
