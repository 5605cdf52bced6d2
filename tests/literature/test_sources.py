"""One paper is one source, however its DOI or citation is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.literature.sources import one_spelling, source_key
from closedloop.literature.years import year_of

DOI = "10.1021/acs.nanolett.5b02000"


@pytest.mark.parametrize(
    "written",
    [
        "10.1021/ACS.NanoLett.5B02000",
        " 10.1021/acs.nanolett.5b02000. ",
        "10.1021 / acs.nanolett.5b02000",
        "doi:10.1021/acs.nanolett.5b02000",
        "DOI: 10.1021/acs.nanolett.5b02000",
        "doi 10.1021/acs.nanolett.5b02000",
        "https://doi.org/10.1021/acs.nanolett.5b02000",
        "HTTPS://DX.DOI.ORG/10.1021/acs.nanolett.5b02000",
        "http://www.doi.org/10.1021/acs.nanolett.5b02000",
        "doi.org/10.1021/acs.nanolett.5b02000",
        "doi: https://doi.org/10.1021/acs.nanolett.5b02000/",
        "https://pubs.acs.org/doi/full/10.1021/acs.nanolett.5b02000?ref=pdf",
        "https://pubs.acs.org/doi/10.1021/acs.nanolett.5b02000#_i1",
        "https://pubs.acs.org/doi/10.1021%2Facs.nanolett.5b02000",
        "https://doi.org/10.1021/acs.nanolett.5b02000?ref=pdf",
        "https://doi.org/10.1021/acs.nanolett.5b02000#s1",
        "https://doi.org/10.1021%2Facs.nanolett.5b02000",
        "doi.org/10.1021%252FACS.nanolett.5b02000?a=b#s",
        "https://pubs.acs.org/doi/suppl/10.1021/acs.nanolett.5b02000/suppl_file/nl5b02000_si_001.pdf",
        "https://pubs.acs.org/doi/abs/10.1021/acs.nanolett.5b02000/abstract",
        "https://pubs.acs.org/content/pdf/10.1021/acs.nanolett.5b02000.pdf",
        "DOI. 10.1021/acs.nanolett.5b02000",
        "DOI10.1021/acs.nanolett.5b02000",
        "doi = 10.1021/acs.nanolett.5b02000",
        "info:doi/10.1021/acs.nanolett.5b02000",
        "urn:doi:10.1021/acs.nanolett.5b02000",
        "doi\uff1a10.1021/acs.nanolett.5b02000",
        "\u200b10.1021/acs.nanolett.5b02000",
        "[10.1021/acs.nanolett.5b02000]",
        "(doi:10.1021/acs.nanolett.5b02000).",
        "<https://doi.org/10.1021/acs.nanolett.5b02000>",
        "10.1021/acs.nanolett.5b02000 (SI)",
        "10.1021/acs.nanolett.5b02000, Table S1",
        "Nano Lett. 2015, 15, 3692, doi: 10.1021/acs.nanolett.5b02000",
        "https://doi.org/10.1021/acs.nanolett.5b02000 (10.1021/acs.nanolett.5b02000)",
        "https://lab.org/file?id=10.1021/acs.nanolett.5b02000&type=printable",
        "[10.1021/acs.nanolett.5b02000](https://doi.org/10.1021/acs.nanolett.5b02000)",
        r"\href{https://doi.org/10.1021/acs.nanolett.5b02000}{10.1021/acs.nanolett.5b02000}",
        '<a href="https://doi.org/10.1021/acs.nanolett.5b02000">10.1021/acs.nanolett.5b02000</a>',
        "«10.1021/acs.nanolett.5b02000»",
        "10.1021/acs.nanolett.5b02000(2015)",
        "10.1021/acs.nanolett.5b02000 (2015)",
        "10.1021/acs.nanolett.5b02000—SI",
        "10.1021/acs.nanolett.5b02000.s001",
        "10.1021/acs.nanolett.5b02000/supporting_information",
        "ACS_10.1021/acs.nanolett.5b02000 Table S1 row 3",
    ],
)
def test_one_doi_is_one_source(written: str) -> None:
    assert source_key(written) == DOI
    assert year_of(written) == 2015


def test_a_link_with_escaped_brackets_is_the_doi() -> None:
    link = "https://doi.org/10.1016/S0022-0248%2899%2900123-4"
    assert source_key(link) == source_key("10.1016/s0022-0248(99)00123-4")
    assert year_of(link) == 1999


def test_what_has_not_the_form_of_a_doi_is_known_with_and_without_what_announces_one() -> None:
    assert {source_key(f"{before}10.1/Notebook 7") for before in ("", "doi: ", "https://doi.org/", "doi:doi.org/")} == {
        "10.1/notebook 7"
    }


def test_brackets_of_the_doi_itself_stay() -> None:
    assert source_key("(10.1016/S0022-0248(99))") == "10.1016/s0022-0248(99)"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10.1021/nl1 and 10.1021/nl2", "10.1021/nl1 and 10.1021/nl3"),
        ("10.1021/acs. nanolett.5b02000", "10.1021/acs. nanolett.5b02001"),
        ("10.1016/S0022-0248 (98)00001-X", "10.1016/S0022-0248 (98)00002-X"),
        ("10.1016/S0022-0248(98) 00001-X", "10.1016/S0022-0248(98) 00002-X"),
        ("10.1088/0957-4484/17/1 /001", "10.1088/0957-4484/17/1 /002"),
        ("10.1021/cm_2000 a1", "10.1021/cm_2000 b1"),
        ("10.1021/acs.nanolett. 5b02000", "10.1021/acs.nanolett. 5b02001"),
        ("batch 110.1021/5, run 1", "batch 110.1021/5, run 2"),
    ],
)
def test_what_names_no_doi_or_several_is_known_by_all_its_words(one: str, other: str) -> None:
    assert source_key(one) != source_key(other)


def test_what_html_escaped_is_read() -> None:
    doi = "10.1002/1521-4095(200002)12:3<193::aid-adma193>3.0.co;2-q"
    assert source_key(doi.replace("<", "&lt;").replace(">", "&gt;")) == source_key(doi) == doi


def test_a_doi_may_end_in_the_sign_of_a_fragment() -> None:
    doi = "10.1002/(sici)1521-4095(199803)10:4<326::aid-adma326>3.0.co;2-#"
    assert source_key(doi) == doi
    assert source_key(f"https://doi.org/{doi}") == doi
    assert source_key(f"https://doi.org/{doi.replace('#', '%23')}?ref=pdf#s1") == doi


@pytest.mark.parametrize("address", ["https://lab.org/runs?doi=7", "https://doi.org/list#7", "https://lab.org/a#7"])
def test_other_links_keep_query_and_fragment(address: str) -> None:
    assert source_key(address) != source_key(address.replace("7", "8"))


def test_a_citation_is_known_by_its_words() -> None:
    assert source_key("J. Phys. Chem. B  2005\u00a0109 44 ") == source_key("j. phys. chem. b 2005 109 44")
    assert source_key("J. Phys. Chem. B 2005 109 44") != source_key("J. Phys. Chem. B 2005 109 45")
    assert source_key("notebook 10, page 4/5") == "notebook 10, page 4/5"


@pytest.mark.parametrize("other", ["10.1021/acs.nanolett.5b02001", "10.1021/acs.nanolett.5b020001", "lab", None])
def test_other_sources_stay_others(other: str | None) -> None:
    assert source_key(other) != DOI


def test_unknown_stays_unknown() -> None:
    assert source_key(None) is None


@given(st.text())
def test_a_key_is_its_own_key(written: str) -> None:
    key = source_key(written)
    assert source_key(key) == key


@pytest.mark.parametrize("turn", [1, -1])
def test_a_source_has_one_spelling_whatever_the_order_and_keeps_its_own_where_it_has_one_only(turn: int) -> None:
    written = ["10.1021/NL1", "lab A", None, "doi:10.1021/nl1", "lab a ", "Nano Lett. 2004 4 3"]
    alike = ["10.1021/NL1", "lab A", None, "10.1021/NL1", "lab A", "Nano Lett. 2004 4 3"]
    assert one_spelling(written[::turn]) == alike[::turn]
