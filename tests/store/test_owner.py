"""A store belongs to the lab that first made something in it."""

import pytest

from closedloop.store import OtherLab, Store


def test_a_store_belongs_to_the_first_lab_that_claims_it(store: Store, url: str) -> None:
    assert store.lab() is None
    store.check_lab("bench 3")
    assert store.lab() is None  # asking is no claim
    store.claim("bench 3")
    with Store.open(url) as again:
        again.claim("bench 3")
        assert again.lab() == "bench 3"
        for refused in (again.check_lab, again.claim):
            with pytest.raises(OtherLab, match=r"'bench 3'.*'bench 4'.*--store"):
                refused("bench 4")
        assert again.lab() == "bench 3"
