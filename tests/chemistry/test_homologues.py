"""Bulk properties along homologous series: one that was typed wrongly stands out among its neighbours.

A chain's boiling point rises with every carbon, by ever less; melting points of long chains with an even number of
carbons rise too. Values alternate by a few degrees between sources, so that a step may grow a little.
"""

from functools import cache
from itertools import pairwise

import pytest

from closedloop.chemistry import Substance
from closedloop.chemistry.registry import substances

# {} is the chain; a series with two or three chains has as many carbons in each.
HEADS = {
    "alkanes": "{}",
    "1-alkenes": "{}C=C",
    "alcohols": "{}O",
    "amines": "{}N",
    "thiols": "{}S",
    "acids": "{}C(=O)O",
    "diols": "O{}O",
    "glycols": None,
    "dialkylamines": "{}N{}",
    "trialkylamines": "{}N({}){}",
    "ethers": "{}O{}",
    "trialkylphosphines": "{}P({}){}",
    "phosphonic acids": "{}P(=O)(O)O",
    "acetates": "CC(=O)O{}",
}
# °C per carbon by which a step may exceed the one before.
LARGEST_GROWTH = 6.0
LONG_CHAIN = 10


@cache
def _known() -> dict[str, Substance]:
    from rdkit import Chem

    return {Chem.CanonSmiles(one.smiles): one for one in substances() if one.smiles and not one.nominal}


def _series(head: str | None) -> list[tuple[int, Substance]]:
    """(carbons in a chain, substance), by length."""
    from rdkit import Chem

    found = []
    for length in range(1, 31):
        smiles = f"O{'CCO' * length}" if head is None else head.replace("{}", "C" * length)
        if one := _known().get(Chem.CanonSmiles(smiles)):
            found.append((length, one))
    return found


@pytest.mark.parametrize("series", HEADS)
def test_boiling_points_rise_along_a_series_by_ever_less(series: str) -> None:
    known = [(n, one.name, one.boiling_point_c) for n, one in _series(HEADS[series]) if one.boiling_point_c is not None]
    steps = [(name, (high - low) / (n - m)) for (m, _, low), (n, name, high) in pairwise(known)]
    for name, step in steps:
        assert step > 0, name
    for (_, before), (name, step) in pairwise(steps):
        assert step < before + LARGEST_GROWTH, name


@pytest.mark.parametrize("series", HEADS)
def test_melting_points_of_long_even_chains_rise(series: str) -> None:
    long = [
        (one.name, one.melting_point_c)
        for n, one in _series(HEADS[series])
        if n % 2 == 0 and n >= LONG_CHAIN and one.melting_point_c is not None
    ]
    for (_, low), (name, high) in pairwise(long):
        # Phosphonic acids are held together by their heads: no chain makes a difference.
        assert high > low - (5 if series == "phosphonic acids" else 0), name
