"""A lab's chemicals, under whatever names its file has them."""

import pytest

from closedloop.campaign import canonical_lab
from closedloop.lab import LabConfig, LabFileError


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
