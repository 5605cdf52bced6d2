"""The tree of tags in a DM3 or DM4 file of Gatan's DigitalMicrograph, in either byte order.

The layout is the one that C. Boothroyd describes ("The DM3/DM4 file format"). Arrays, the pixels among them, stay on
the disk. The walk is bounded: a damaged count of tags must not keep it busy (`docs/decisions/0034`).
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from closedloop.tem.errors import NotAnImage

_GROUP, _DATA = 20, 21
_STRUCT, _STRING, _ARRAY = 15, 18, 20
_SIMPLE = {2: "h", 3: "i", 4: "H", 5: "I", 6: "f", 7: "d", 8: "?", 9: "b", 10: "B", 11: "q", 12: "Q"}
_DEEPEST = 48
_MOST_TAGS = 200_000
_MOST_INFO = 2_000
_LONGEST_TEXT = 512


class Array(NamedTuple):
    """Where an array lies in the file. code: DM's number for the type of its elements; 15 for structures."""

    code: int
    offset: int
    length: int
    item_bytes: int


Value = float | int | str | Array
Tags = dict[str, Value]


class _Walk:
    """One pass over the content of a file (bytes or a memory map)."""

    def __init__(self, content: "memoryview", version: int, order: str) -> None:
        self.content = content
        self.wide = ">Q" if version == 4 else ">I"
        self.version = version
        self.order = order
        self.at = 0
        self.tags: Tags = {}
        self.seen = 0

    def take(self, layout: str) -> int:
        size = struct.calcsize(layout)
        (value,) = struct.unpack_from(layout, self.content, self.at)
        self.at += size
        return int(value)

    def group(self, path: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise NotAnImage("its tags are nested too deeply; it is damaged")
        self.at += 2  # sorted, open
        unnamed = 0
        for _ in range(self.take(self.wide)):
            self.seen += 1
            if self.seen > _MOST_TAGS:
                raise NotAnImage(f"it has more than {_MOST_TAGS:,} tags; it is damaged")
            kind = self.take(">B")
            if kind not in (_GROUP, _DATA):
                raise NotAnImage("its tags are damaged; copy it again")
            length = self.take(">H")
            name = bytes(self.content[self.at : self.at + length]).decode("latin-1")
            self.at += length
            if not name:
                name = str(unnamed)
                unnamed += 1
            here = f"{path}.{name}" if path else name
            if self.version == 4:
                self.at += 8  # bytes of the tag, which the walk finds itself
            if kind == _GROUP:
                self.group(here, depth + 1)
            else:
                self.data(here)

    def data(self, path: str) -> None:
        if bytes(self.content[self.at : self.at + 4]) != b"%%%%":
            raise NotAnImage("its tags are damaged; copy it again")
        self.at += 4
        words = self.take(self.wide)
        if not 0 < words <= _MOST_INFO:
            raise NotAnImage("its tags are damaged; copy it again")
        info = [self.take(self.wide) for _ in range(words)]
        code = info[0]
        if code in _SIMPLE:
            layout = self.order + _SIMPLE[code]
            (self.tags[path],) = struct.unpack_from(layout, self.content, self.at)
            self.at += struct.calcsize(layout)
        elif code == _STRUCT:
            self.at += _struct_bytes(info)
        elif code == _STRING:
            self.at += 2 * info[-1]
        elif code == _ARRAY and len(info) > 2:
            item = _struct_bytes(info[1:-1]) if info[1] == _STRUCT else struct.calcsize(_SIMPLE.get(info[1], "0s"))
            array = Array(info[1], self.at, info[-1], item)
            self.at += array.length * item
            self.tags[path] = self._text(array) if info[1] == 4 and array.length <= _LONGEST_TEXT else array
        else:
            raise NotAnImage(f"it has a tag of the type {code}, which is not known; it is damaged")
        if self.at > len(self.content):
            raise NotAnImage(f"it is cut short ({len(self.content):,} of at least {self.at:,} bytes); copy it again")

    def _text(self, array: Array) -> str:
        """Short arrays of 16-bit numbers are DigitalMicrograph's texts."""
        coded = bytes(self.content[array.offset : array.offset + 2 * array.length])
        return coded.decode("utf-16-le" if self.order == "<" else "utf-16-be", "replace")


def _struct_bytes(info: list[int]) -> int:
    """Bytes of a structure from its description: 15, length of name, fields, then (length of name, type) of each."""
    codes = info[4 : 4 + 2 * info[2] : 2] if len(info) > 2 else []
    return sum(struct.calcsize(_SIMPLE.get(code, "0s")) for code in codes)


def read_tags(content: "memoryview") -> tuple[Tags, str]:
    """Tags by their path ("ImageList.1.ImageData.DataType"; unnamed ones count from 0), and the byte order, < or >.

    Raises `NotAnImage` where the tree is damaged, `struct.error` where it ends before its end.
    """
    version, order = struct.unpack_from(">I", content, 0)[0], 0
    at = 12 if version == 4 else 8
    (order,) = struct.unpack_from(">I", content, at)
    if version not in (3, 4) or order not in (0, 1):
        raise NotAnImage("its DigitalMicrograph header is damaged; copy it again")
    walk = _Walk(content, version, "<" if order == 1 else ">")
    walk.at = at + 4
    walk.group("", 0)
    return walk.tags, walk.order


def numbered(tags: Tags, path: str) -> Iterator[int]:
    """The numbers of a group's unnamed members, in order."""
    depth = path.count(".") + 1
    names = {key.split(".")[depth] for key in tags if key.startswith(path + ".")}
    yield from sorted(int(name) for name in names if name.isdigit())
