"""What a chemical can do, from its structure; and what is not known of a name that says nothing."""

import pytest

from closedloop.recipes import Role
from closedloop.synthesis.functions import chemical, functional_groups, is_metal, key_elements


@pytest.mark.parametrize(
    ("smiles", "groups"),
    [
        ("CCCCCCCC=CCCCCCCCC(=O)O", {"acid"}),
        ("CCCCCCCCN", {"primary amine"}),
        ("CCN(CC)CC", {"other amine"}),
        ("CCCC[N+](CCCC)(CCCC)CCCC", {"quaternary"}),
        ("CCCCP(CCCC)CCCC", {"phosphine"}),
        ("CCCCP(=O)(CCCC)CCCC", {"phosphine oxide"}),
        ("CCCCP(=O)(O)O", {"phosphonic acid"}),
        ("C[Si](C)(C)P([Si](C)(C)C)[Si](C)(C)C", {"reactive phosphorus"}),
        ("CCCCCCS", {"thiol"}),
        ("NC(N)=S", {"thio compound"}),
        ("OCCO", {"alcohol", "diol"}),
        ("NN", {"hydrazine"}),
        ("C[Si](C)(C)Cl", {"acyl or silyl halide"}),
        ("CN(C)C=O", set()),
        ("CCCCCCCCC=C", set()),
    ],
)
def test_functional_groups(smiles: str, groups: set[str]) -> None:
    assert functional_groups(smiles) == groups


@pytest.mark.parametrize(
    ("name", "surface", "reducing"),
    [
        ("oleylamine", True, 1),
        ("oleic acid", True, 0),
        ("sodium borohydride", False, 2),
        ("ethylene glycol", False, 1),
        ("1-octadecene", False, 0),
        ("lead(II) oleate", False, 0),
        ("sodium citrate", True, 1),
    ],
)
def test_what_a_chemical_is_good_for(name: str, surface: bool, reducing: int) -> None:
    one = chemical(name)
    assert (one.surface, one.reducing) == (surface, reducing)


def test_a_formula_that_the_registry_does_not_list_is_read() -> None:
    one = chemical("Tm2(SO4)3")
    assert (one.known, dict(one.elements), one.role) == (True, {"Tm": 2, "S": 3, "O": 12}, Role.CATION_PRECURSOR)


def test_an_unknown_name_hints_at_what_it_may_bring() -> None:
    one = chemical("InXyz3")
    assert not one.known
    assert not one.elements
    assert one.brings("In")
    assert not one.brings("P")


def test_what_must_be_brought() -> None:
    assert key_elements("CH6NPbBr3") == ("N", "Pb", "Br")
    assert key_elements("Fe3O4") == ("Fe",)
    assert key_elements("CdSe-1") == ("Cd", "Se")
    assert key_elements("no formula") == ()
    assert (is_metal("CoPt3"), is_metal("PbS"), is_metal("no formula")) == (True, False, False)
