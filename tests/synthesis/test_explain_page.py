"""What is drawn says what was found, and is written whole or not at all."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.recipes import Reagent, Recipe, Shape
from closedloop.synthesis.explanation import (
    KINDS,
    Attention,
    CannotDraw,
    Contribution,
    Explanation,
    Page,
    Sweep,
    attention_page,
    axis,
    explanation_page,
    heat_map,
    sweep_page,
    sweep_plot,
    waterfall,
    write,
)

RECIPE = Recipe(product="CdSe", reagents=(Reagent(name="oleic acid", amount_mmol=2.0),), reaction_time_min=5.0)


def explanation(unit: str = "nm") -> Explanation:
    def part(name: str, value: float) -> Contribution:
        return Contribution(name, "ligand", value, value - 0.1, value + 0.1, 0.0, "2 mmol", "<b>TOPO</b>")

    still = Contribution("heating rate", "condition", 0.0, 0.0, 0.0, 0.0, "unknown", "unknown")
    parts = (part("oleic acid", 0.2), part("TOP", -0.5), still)
    return Explanation("size", unit, 0.4, 0.7, parts, 8, 30, True, 99, ("a note",))


def swept(*, y: bool, shapes: bool) -> Sweep:
    size = np.array([[2.0, 3.0, 4.0], [3.0, 4.0, 6.0]])[: 2 if y else 1]
    chances = np.zeros((*size.shape, len(Shape)))
    chances[..., list(Shape).index(Shape.ROD)] = size > 2.5
    chances[..., list(Shape).index(Shape.SPHERE)] = size <= 2.5
    return Sweep(
        RECIPE,
        axis(RECIPE, "OA", [0, 1, 2]),
        axis(RECIPE, "reaction time", [1, 10]) if y else None,
        size,
        size / 2,
        size * 2,
        size / 10 if shapes else None,
        chances if shapes else None,
        (),
    )


def test_the_largest_share_comes_first() -> None:
    page = explanation_page(explanation())
    assert [row[0] for row in page.rows] == ["TOP", "oleic acid", "heating rate"]
    assert page.rows[0][3] == "-0.50"
    assert "0.40 nm" in page.lines[0]
    assert "30" in page.lines[0]
    assert "a note" in page.lines
    per_cent = explanation_page(explanation(""))
    assert per_cent.rows[0][3] == "-50.00"
    assert "40.00%" in per_cent.lines[0]


@pytest.mark.parametrize("name", ["why.html", "why.svg", "why.png"])
def test_only_what_was_drawn_here_is_drawn_over(name: str, tmp_path: Path) -> None:
    out = tmp_path / name
    out.write_bytes(b"a micrograph of last year")
    with pytest.raises(CannotDraw, match="is there already and was not drawn by closedloop"):
        write(waterfall(explanation()), explanation_page(explanation()), out)
    assert out.read_bytes() == b"a micrograph of last year"
    out.unlink()
    write(waterfall(explanation()), explanation_page(explanation()), out)
    write(waterfall(explanation()), explanation_page(explanation()), out)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_page_stands_alone_and_escapes(tmp_path: Path) -> None:
    out = tmp_path / "why.html"
    write(waterfall(explanation()), explanation_page(explanation()), out)
    text = out.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "<svg" in text
    assert "&lt;b&gt;TOPO" in text
    assert "<b>TOPO" not in text
    assert "http-equiv" not in text
    assert 'src="http' not in text
    assert [path.name for path in tmp_path.iterdir()] == ["why.html"]


def test_every_picture_can_be_drawn_with_all_its_panels(tmp_path: Path) -> None:
    assert len(sweep_plot(swept(y=True, shapes=True)).axes) == 4 + 3  # with three colour bars
    assert len([a for a in sweep_plot(swept(y=True, shapes=False)).axes if a.get_visible()]) == 2 + 2
    assert len(sweep_plot(swept(y=False, shapes=True)).axes) == 2
    assert len(sweep_plot(swept(y=False, shapes=False)).axes) == 1
    out = tmp_path / "sweep.png"
    write(sweep_plot(swept(y=True, shapes=True)), Page("", ()), out)
    assert out.read_bytes().startswith(b"\x89PNG")
    write(sweep_plot(swept(y=False, shapes=False)), Page("", ()), tmp_path / "sweep.svg")
    assert (tmp_path / "sweep.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_a_waterfall_ends_at_the_prediction() -> None:
    axes: Any = waterfall(explanation()).axes[0]
    bars = {round(bar.get_x() + bar.get_width(), 6) for bar in axes.patches}
    assert bars == {0.2, 0.4}
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels[0] == "mean of 8 precedents"
    assert labels[-1] == "this recipe: 0.4 nm"
    assert not any("heating rate" in label for label in labels)


def test_a_sweep_in_words() -> None:
    page = sweep_page(swept(y=True, shapes=True))
    assert page.rows[0] == ("smallest", "2.00", "1.00 to 4.00", "0 mmol, 1 min")
    assert page.rows[1] == ("largest", "6.00", "3.00 to 12.00", "2 mmol, 10 min")
    assert "rod (83% of the grid), sphere (17% of the grid)" in page.lines[2]
    assert sweep_page(swept(y=False, shapes=False)).rows[1][3] == "2 mmol"


def test_attention_in_words_and_colours() -> None:
    share = np.zeros((len(KINDS), 2))
    share[0], share[3] = 0.25, 0.75
    present = np.zeros(len(KINDS), dtype=int)
    present[[0, 3]] = 7
    per_token = np.where(present[:, None] > 0, share, np.nan)
    found = Attention(7, share, per_token, share, present)
    page = attention_page(found)
    assert [row[0] for row in page.rows] == [KINDS[0], KINDS[3]]
    assert page.rows[1][1] == "75.0%"
    assert "not what decides" in page.lines[1]
    left = heat_map(found).axes[0]
    assert [text.get_text() for text in left.texts] == ["25", "25", "75", "75"]


@pytest.mark.parametrize("name", ["why.pdf", "nowhere/why.html", ""])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotDraw):
        write(waterfall(explanation()), Page("", ()), tmp_path / name)
    assert not list(tmp_path.iterdir())
