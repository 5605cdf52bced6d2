"""Names of files as text that tables, pages and terminals take: a name may hold bytes that are no UTF-8."""


def in_words(name: object) -> str:
    """A path or a message with one in it; bytes that are no UTF-8 are written as ``\\xff``."""
    return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
