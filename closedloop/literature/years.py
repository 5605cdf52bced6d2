"""The year of a source, where the text of its DOI or citation tells it. No network, no table of journals.

Publishers number manuscripts in ways of their own. ACS numbers by the year of receipt, the others by that of acceptance
or publication: a year can be one early.
"""

import re
from collections.abc import Callable

from closedloop.literature.sources import doi_of

FIRST, LAST = 1950, 2049

# ACS since 2015: journal, one digit, a letter for the decade, five digits: acs.nanolett.5b01234, jacs.0c13433.
_ACS = re.compile(r"^(?:acs\.)?[a-z]+\.(\d)([bcd])\d{5}$")
_ACS_DECADES = {"b": 2010, "c": 2020, "d": 2030}
# ACS from 1995 to 2014: two letters, then two digits of the year (95 to 99, 00 to 07), or one digit from late in 2007
# on (7, 8, 9, 1 for 2010 and so up to 5 for 2014), whose next digit is then 0 or 1, for no journal has 20,000
# manuscripts a year.
_OLD_ACS = re.compile(r"^[a-z]{2}(\d)(\d)\d{4,5}[a-z\d+]?$")
_OLD_ACS_DIGIT = {"7": 2007, "8": 2008, "9": 2009, "1": 2010, "2": 2011, "3": 2012, "4": 2013, "5": 2014}
# RSC since 1996: a letter for the decade, one digit, the journal's two letters (none before 2009), five or six digits.
_RSC = re.compile(r"^([a-d])(\d)(?:[a-z]{2}\d{5}|\d{5})[a-z\d]$")
_RSC_DECADES = {"a": 1990, "b": 2000, "c": 2010, "d": 2020}
# Wiley: journal, year, number: adma.201501234. Older ones as (SICI)1521-4095(199904)11:5.
_WILEY = re.compile(r"^[a-z]{3,5}\.((?:19|20)\d\d)\d{5}$")
_SICI = re.compile(r"^\(sici\)[\dx-]+\(((?:19|20)\d\d)\d*\)")
# Elsevier before 2001: S0022-0248(99)00123-4.
_OLD_ELSEVIER = re.compile(r"^s?\d{4}-\d{3}[\dx]\((\d\d)\)\d+-")
# Nature and Springer: journal, three digits of the year, number: s41467-019-12345-6, s11051-012-1328-0.
_SPRINGER = re.compile(r"^s\d{5}-(0\d\d)-\d+-[\da-z]$")
# Russian journals: ISSN, two digits of the year, issue, number: S0036023618040071. PNAS and Science Advances before
# 2022: two digits of the year, number: pnas.1007524107, sciadv.1501234.
_PLEIADES = re.compile(r"^s\d{7}[\dx](\d\d)\d{6,7}[\dx]?$")
_TWO_DIGITS = re.compile(r"^(?:pnas\.(\d\d)\d{8}|sciadv\.(1[5-9])\d{5})$")
# The year as a part of its own: j.jallcom.2013.08.003, nphoton.2016.108, zpch-2014-0584, 2021/2585274.
_PART = re.compile(r"(?:^|[./_-])((?:19|20)\d\d)(?=$|[./_-])")
# In a citation: the first number of four digits that stands alone and can be a year.
_CITED = re.compile(r"(?<![\w-])((?:19|20)\d\d)(?![\w-])")


def year_of(source: str | None) -> int | None:
    """The year that a DOI or a citation states; ``None`` where it states none that can be believed."""
    if source is None:
        return None
    doi = doi_of(source)
    if doi is None:
        cited = _CITED.search(source)
        return _believed(int(cited[1])) if cited and re.search("[A-Za-z]", source[: cited.start()]) else None
    registrant, suffix = doi
    return _believed(_RULES.get(registrant, _other)(suffix))


def _believed(year: int | None) -> int | None:
    return year if year is not None and FIRST <= year <= LAST else None


def _century(two_digits: str) -> int:
    number = int(two_digits)
    return 1900 + number if number >= 50 else 2000 + number


def _acs(suffix: str) -> int | None:
    if found := _ACS.match(suffix):
        return _ACS_DECADES[found[2]] + int(found[1])
    if found := _OLD_ACS.match(suffix):
        first, second = found[1], found[2]
        if first == "0" and second <= "8":
            return 2000 + int(second)
        if first == "9" and second >= "5":
            return 1990 + int(second)
        return _OLD_ACS_DIGIT.get(first) if second in "01" else None
    return None


def _rsc(suffix: str) -> int | None:
    found = _RSC.match(suffix)
    if found is None or (found[1] == "a" and found[2] < "6"):
        return _other(suffix)
    return _RSC_DECADES[found[1]] + int(found[2])


def _wiley(suffix: str) -> int | None:
    found = _WILEY.match(suffix) or _SICI.match(suffix)
    return int(found[1]) if found else _other(suffix)


def _other(suffix: str) -> int | None:
    if found := _SPRINGER.match(suffix):
        return 2000 + int(found[1])
    if found := _TWO_DIGITS.match(suffix):
        return 2000 + int(found[1] or found[2])
    for pattern in (_OLD_ELSEVIER, _PLEIADES):
        if found := pattern.match(suffix):
            return _century(found[1])
    part = _PART.search(suffix)
    return int(part[1]) if part else None


_RULES: dict[str, Callable[[str], int | None]] = {"10.1021": _acs, "10.1039": _rsc, "10.1002": _wiley}
