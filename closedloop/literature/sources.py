"""Whether two sources are one: the same DOI or citation, whatever its case, spaces, prefix, brackets or link.

Experiments keep their source as it was written; what compares or counts sources compares their keys.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from html import unescape
from urllib.parse import unquote

# A DOI wherever it stands in a text. It begins where no number or word goes on into it, but for "doi10.1021/..."; it
# ends at a space, a quotation mark or a dash, where a link's query, fragment or next argument begins, and where the
# second half of a Markdown, HTML or LaTeX link does. An old DOI's check character may be a fragment's #: ...CO;2-#.
_DOI = re.compile(
    r"(?:(?<![^\W_])(?<!\.)|(?<=doi)|(?<=doi\.))(10\.\d{4,9})\s*/\s*"
    r"((?:(?!&\w+=|\]\(|\}\{|</)[^\s?#\"“”«»—]|(?<=;2-)#)+)"
)
# What a publisher's link or a supplement has after the DOI: /abstract, /suppl_file/x.pdf, .pdf, .s001, ;jsessionid=...;
# and the year in brackets.
_PAGE = re.compile(
    r"(?:/(?:abs|abstract|full|fulltext|full-text|pdf|epdf|html|meta|summary|references|suppinfo|suppl(?:_file/.*)?"
    r"|supporting[_-]information)|\.(?:pdf|html?|full|abstract|s\d{3})|;jsessionid=.*|\((?:19|20)\d\d\))$"
)
# What may follow a DOI after a space without being the rest of one that a space broke in two: a word, a dash, a year in
# brackets, or a DOI again.
_REMARK = re.compile(
    r"\s+(?:[(\[]?[^\W\d_]{2,}[)\].,:;]*(?:\s|$)|[-–|&+]+\s|\((?:19|20)\d\d\)|[(\[<]*(?:doi[:.]?\s*)?10\.\d{4,9}/)"
)
# What stands before a DOI, and may stand before what has not the form of one.
_ANNOUNCED = re.compile(r"^(?:(?:https?://)?(?:www\.|dx\.)?doi\.org/|doi\s*[:=]\s*)+")
_BRACKETS = {")": "(", "]": "[", "}": "{", ">": "<"}


def doi_of(source: str) -> tuple[str, str] | None:
    """Registrant and suffix of the one DOI that a source names, in small letters: ``doi:10.1021/NL0123456`` ->
    ("10.1021", "nl0123456"); ``None`` where it names none, or several."""
    return _doi_in(_plain(source))


def _doi_in(text: str) -> tuple[str, str] | None:
    found = {(one[1], suffix) for one in _DOI.finditer(text) if (suffix := _suffix(one, text)) is not None}
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=50_000)
def source_key(source: str | None) -> str | None:
    """What stands for a source, equal for all ways to write it; ``None`` where it is unknown."""
    if source is None:
        return None
    text = _plain(source)
    doi = _doi_in(text)
    return "/".join(doi) if doi else _ANNOUNCED.sub("", text)


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
        suffix = _PAGE.sub("", suffix.rstrip(".,;:/'’*\\|"))
        if _closes_what_opened_before(suffix):
            suffix = suffix[:-1]
    return suffix if suffix and _is_whole(found, text, suffix) else None


def _is_whole(found: re.Match[str], text: str, suffix: str) -> bool:
    """False where the text may go on with the DOI: "10.1021/acs. nanolett.5b02000" and "10.1016/S0022-0248 (98)00001-X"
    must not stand for the whole journal."""
    rest = text[found.end() :]
    if not rest:
        return True
    if not any(letter.isdigit() for letter in suffix):
        return False
    ended = not rest[0].isspace() or found[2][-1] in ",;" or _closes_what_opened_before(found[2].rstrip("."))
    return ended or _REMARK.match(rest) is not None


def _closes_what_opened_before(suffix: str) -> bool:
    opening = _BRACKETS.get(suffix[-1:])
    return opening is not None and suffix.count(suffix[-1]) > suffix.count(opening)


def _plain(source: str) -> str:
    """Small letters of one form, single spaces, without escapes, however often it was escaped, and invisible signs."""
    text = source
    while (again := _folded(unquote(text))) != text:
        text = again
    return text


def _folded(text: str) -> str:
    visible = (
        letter for letter in unicodedata.normalize("NFKC", unescape(text)) if unicodedata.category(letter) != "Cf"
    )
    return " ".join("".join(visible).lower().split())
