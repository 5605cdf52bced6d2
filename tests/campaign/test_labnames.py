"""A lab's chemicals, under whatever names its file has them."""

import pytest

from closedloop.campaign import canonical_lab, makeable_in
from closedloop.lab import LabConfig, LabFileError
from closedloop.recipes import Reagent, Recipe


def _lab(*contents: dict[str, float]) -> LabConfig:
    stocks = [
        {"name": f"stock {i}", "pump": f"pump {i}", "vessel": "flask", "contains": each}
        for i, each in enumerate(contents)
    ]
    names = ["plate", "arm", *(stock["pump"] for stock in stocks)]
    instruments = {name: {"driver": "any"} for name in names}
    return LabConfig.model_validate(
        {"name": "bench", "hotplate": "plate", "handler": "arm", "instruments": instruments, "stocks": stocks}
    )


def test_stocks_have_the_registrys_names() -> None:
    lab = canonical_lab(_lab({"CdO": 0.2, "OA": 0.8}, {"OA": 3.0}))
    assert [dict(stock.contains) for stock in lab.stocks] == [
        {"cadmium oxide": 0.2, "oleic acid": 0.8},
        {"oleic acid": 3.0},
    ]


def test_every_stock_that_names_a_chemical_twice_or_wrongly_is_told() -> None:
    with pytest.raises(LabFileError) as caught:
        canonical_lab(_lab({"CdO": 0.2, "cadmium oxide": 0.3}, {"oleik acid": 1.0}, {"OA": 1.0, "oleic acid": 2.0}))
    said = str(caught.value)
    assert "stock 'stock 0': 'CdO' and 'cadmium oxide' are one chemical; add the two up" in said
    assert "stock 'stock 1': unknown chemical 'oleik acid'" in said
    assert "stock 'stock 2': 'OA' and 'oleic acid' are one chemical" in said


def test_what_the_lab_has_not_is_named_for_every_amount() -> None:
    makeable = makeable_in(canonical_lab(_lab({"CdO": 0.2}, {"oleic acid": 3.0})))

    def said(**mmol: float) -> object:
        names = {"CdO": "cadmium oxide", "acid": "oleic acid", "S": "sulfur", "ODE": "1-octadecene"}
        reagents = tuple(Reagent(name=names[key], amount_mmol=amount) for key, amount in mmol.items())
        return makeable(Recipe(product="CdS", reagents=reagents, reaction_temperature_c=200, reaction_time_min=5))

    assert said(CdO=0.4, acid=3.0) is True
    assert said(CdO=1e-4) is False
    assert said(CdO=0.4, S=0.1, ODE=3) == said(CdO=0.8, S=0.3, ODE=9)
    assert "bench has no stock of 1-octadecene, sulfur" in str(said(CdO=0.4, S=0.1, ODE=3))
