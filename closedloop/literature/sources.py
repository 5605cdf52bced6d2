"""Whether two sources are one: the same DOI or citation, whatever its case, spaces, prefix, brackets or link.

Experiments keep their source as it was written; what compares or counts sources compares their keys.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import unquote

# A DOI wherever it stands in a text. It begins where no number or word goes on into it, but for "doi10.1021/..."; it
# ends at a space, or where a link's query or fragment begins. An old DOI's check character may be the # of a fragment:
# ...3.0.CO;2-#.
_DOI = re.compile(r"(?:(?<![\w.])|(?<=doi)|(?<=doi\.))(10\.\d{4,9})\s*/\s*((?:[^\s?#]|(?<=;2-)#)+)")
# What a publisher's link has after the DOI: /abstract, /suppl_file/x.pdf, .pdf, ;jsessionid=...
_PAGE = re.compile(
    r"(?:/(?:abs|abstract|full|fulltext|full-text|pdf|epdf|html|meta|summary|references|suppinfo|suppl_file/.*)"
    r"|\.(?:pdf|html?|full|abstract)|;jsessionid=.*)$"
)
# What stands before a DOI, and may stand before what has not the form of one.
_ANNOUNCED = re.compile(r"^(?:(?:https?://)?(?:www\.|dx\.)?doi\.org/|doi\s*[:=]\s*)+")
_BRACKETS = {")": "(", "]": "[", "}": "{", ">": "<"}


def doi_of(source: str) -> tuple[str, str] | None:
    """Registrant and suffix of the one DOI that a source names, in small letters: ``doi:10.1021/NL0123456`` ->
    ("10.1021", "nl0123456"); ``None`` where it names none, or several."""
    text = _unescaped(_plain(source))
    found = {(one[1], suffix) for one in _DOI.finditer(text) if (suffix := _suffix(one, text)) is not None}
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=50_000)
def source_key(source: str | None) -> str | None:
    """What stands for a source, equal for all ways to write it; ``None`` where it is unknown."""
    if source is None:
        return None
    doi = doi_of(source)
    return "/".join(doi) if doi else _ANNOUNCED.sub("", _unescaped(_plain(source)))


def one_spelling(sources: Sequence[str | None]) -> list[str | None]:
    """Each source in one of the spellings given (the first by letters, whatever the order of the sources), so that
    those that are one are equal, and a source that is always written alike keeps its name."""
    spelling: dict[str, str] = {}
    for source, key in ((source, source_key(source)) for source in sources):
        if source is not None and key is not None:
            spelling[key] = min(source, spelling.get(key, source))
    return [None if key is None else spelling[key] for key in map(source_key, sources)]


def _suffix(found: re.Match[str], text: str) -> str | None:
    """The suffix without what is not its own: marks of a sentence, brackets around it, the page of a link."""
    suffix, before = found[2], ""
    while suffix != before:
        before = suffix
        suffix = _PAGE.sub("", suffix.rstrip(".,;:/'\"”’*"))
        opening = _BRACKETS.get(suffix[-1:])
        if opening and suffix.count(suffix[-1]) > suffix.count(opening):
            suffix = suffix[:-1]
    # "10.1021/acs. nanolett.5b02000": a DOI that a space broke in two must not stand for the whole journal.
    whole = found.end() == len(text) or any(letter.isdigit() for letter in suffix)
    return suffix if suffix and whole else None


def _plain(source: str) -> str:
    """Small letters of one form, single spaces, without invisible signs."""
    text = source
    while (again := _folded(text)) != text:
        text = again
    return text


def _folded(text: str) -> str:
    visible = (letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) != "Cf")
    return " ".join("".join(visible).lower().split())


def _unescaped(text: str) -> str:
    """Without escapes, however often it was escaped."""
    while (again := _plain(unquote(text))) != text:
        text = again
    return text
