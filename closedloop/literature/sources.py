"""Whether two sources are one: the same DOI or citation, whatever its case, spaces, prefix or link.

Experiments keep their source as it was written; what compares or counts sources compares their keys.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import unquote

_PREFIX = re.compile(r"(?:doi\s*:|doi\s(?=10\.)|(?:https?://)?(?:www\.|dx\.)?doi\.org/)\s*")
# A publisher's page of a paper: https://pubs.acs.org/doi/full/10.1021/nl0123456?ref=pdf.
_LINK = re.compile(r"https?://[^/\s?#]+/(?:[^\s?#]*?/)?(10\.\d{4,9}/[^\s?]+)")
# Where a link's query or fragment begins. An old DOI's check character may be the # of a fragment: ...3.0.CO;2-#.
_AFTER_PATH = re.compile(r"\?|(?<!;2-)#")
_DOI = re.compile(r"(10\.\d{4,9})\s*/\s*(.+)")


def doi_of(source: str) -> tuple[str, str] | None:
    """Registrant and suffix of a DOI, in small letters: ``doi:10.1021/NL0123456`` -> ("10.1021", "nl0123456");
    ``None`` for what is no DOI."""
    found = _DOI.fullmatch(_plain(source))
    return (found[1], found[2]) if found else None


@lru_cache(maxsize=50_000)
def source_key(source: str | None) -> str | None:
    """What stands for a source, equal for all ways to write it; ``None`` where it is unknown."""
    if source is None:
        return None
    doi = doi_of(source)
    return "/".join(doi) if doi else _plain(source)


def one_spelling(sources: Sequence[str | None]) -> list[str | None]:
    """Each source in one of the spellings given (the first by letters, whatever the order of the sources), so that
    those that are one are equal, and a source that is always written alike keeps its name."""
    spelling: dict[str, str] = {}
    for source, key in ((source, source_key(source)) for source in sources):
        if source is not None and key is not None:
            spelling[key] = min(source, spelling.get(key, source))
    return [None if key is None else spelling[key] for key in map(source_key, sources)]


def _plain(source: str) -> str:
    """Small letters, single spaces, without prefixes; a DOI also without escapes and the full stop of a sentence."""
    text = " ".join(source.lower().split())
    while prefix := _PREFIX.match(text):
        text = text[prefix.end() :]
        if "/" in prefix[0] and _DOI.fullmatch(path := _path(text)):
            text = path
    if link := _LINK.fullmatch(_path(text)):
        text = link[1]
    if not _DOI.fullmatch(text):
        return text
    whole = _unescaped(text).rstrip(" .,;/")
    return whole if _DOI.fullmatch(whole) else text


def _path(link: str) -> str:
    """A link without query, fragment and escapes."""
    return _unescaped(_AFTER_PATH.split(link, maxsplit=1)[0])


def _unescaped(text: str) -> str:
    """Without escapes, however often it was escaped, in small letters."""
    while (again := " ".join(unquote(text).lower().split())) != text:
        text = again
    return text
