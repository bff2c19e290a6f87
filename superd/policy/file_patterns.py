"""`/file` client patterns, compiled once a change: addresses in tables, the words that need more in a list. Opens no file.

A country list of 10,000 networks costs a connection a few look-ups in tables. Files that name one another are put together
here, up to a depth; libwrap has neither limit nor guard there.

Runs in: the front, the reading child, the operator's commands. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.policy.address_pattern import ANY, address_entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from superd.peer import Peer

FILE_DEPTH = 8
"""Files may name one another this deep."""


class FilePatterns:
    """What one file, and all that it names, matches. ``others`` are its patterns other than plain addresses and networks."""

    __slots__ = ("_anybody", "_tables", "others")

    def __init__(self, words: Iterator[str]) -> None:
        self._tables: dict[tuple[int, int], set[int]] = {}
        self._anybody = False
        others: dict[str, None] = {}
        for word in words:
            entry = address_entry(word)
            if entry is None:
                others[word] = None
            elif entry == ANY:
                self._anybody = True
            else:
                version, number, mask = entry
                self._tables.setdefault((version, mask), set()).add(number)
        self.others = tuple(others)

    def has_address(self, end: Peer) -> bool:
        """Whether the address alone matches; nothing is looked up for that."""
        if self._anybody:
            return True
        version, number = end.version, end.number
        return any(number & mask in table for (kind, mask), table in self._tables.items() if kind == version)


def compile_files(files: Mapping[str, bytes]) -> dict[str, FilePatterns]:
    """Every file by its path. One that is named too deep, or names itself, adds nothing there."""
    return {path: FilePatterns(_words(path, files, {}, 1)) for path in files}


def _words(path: str, files: Mapping[str, bytes], seen: dict[str, int], depth: int) -> Iterator[str]:
    # A file met again adds nothing, unless it stands less deep now and so what it names may count.
    if depth > FILE_DEPTH or seen.get(path, FILE_DEPTH + 1) <= depth:
        return
    seen[path] = depth
    # Split as bytes: C's white space, and not all that Unicode calls so.
    for item in files.get(path, b"").split():
        word = item.decode("utf-8", "surrogateescape")
        if word.startswith("/"):
            yield from _words(word, files, seen, depth + 1)
        else:
            yield word
