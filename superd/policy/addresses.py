"""Lists of addresses: only_from and no_access, compiled. Pure; a name that is not known yet is asked for by returning.

Grammar: ``10.1.2.3``, ``10.0.0.0/8``, ``10.0.0.0/255.0.0.0``, ``1.2.3.{4,5}``, ``1.2.3.4-1.2.3.9``, ``2001:db8::/32`` (brackets
allowed), ``.example.com``, ``host.example.com``, ``ALL``; for unix sockets ``uid:1000`` and ``gid:100``; ``cert:NAME``
for the names of a client's certificate, ``cert:*`` for any. What xinetd meant by other spellings is the importer's work.

Runs in: the front, the operator's commands.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

import netaddr

from superd.key_conflicts import USER_WORDS
from superd.peer import PARANOID, UNKNOWN
from superd.tls_keys import CERT
from superd.verdict import Ask, Need

if TYPE_CHECKING:
    from superd.peer import Peer

_NAME = re.compile(r"\.?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")
_FACTORED = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,2})\.\{(\d{1,3}(?:,\d{1,3})*)\}")


_ASK_CERTIFICATE = Ask(Need.CERTIFICATE)


class AddressList:
    """``matches`` costs one bisect for an address; names are tried only after that."""

    __slots__ = ("_certs", "_ends", "_gids", "_starts", "_uids", "all", "names")

    def __init__(self, words: Iterable[str]) -> None:
        """Raises ``ValueError`` naming the first word that is none of the grammar's."""
        ranges: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        self.names: tuple[str, ...] = ()
        self.all = False
        self._uids: set[int] = set()
        self._certs: set[str] = set()
        self._gids: set[int] = set()
        for word in words:
            if word.upper() == "ALL":
                self.all = True
                continue
            if word[:4].lower() in USER_WORDS:
                (self._uids if word[0] in "uU" else self._gids).add(_id_number(word))
                continue
            if word[:5].lower() == CERT:
                self._certs.add(word[5:])
                continue
            found = parse_word(word)
            if isinstance(found, str):
                self.names = (*self.names, found)
            else:
                for version, first, last in found:
                    ranges[version].append((first, last))
        self._starts: dict[int, list[int]] = {}
        self._ends: dict[int, list[int]] = {}
        for version, pairs in ranges.items():
            merged: list[list[int]] = []
            for first, last in sorted(pairs):
                if merged and first <= merged[-1][1] + 1:
                    merged[-1][1] = max(merged[-1][1], last)
                else:
                    merged.append([first, last])
            self._starts[version] = [pair[0] for pair in merged]
            self._ends[version] = [pair[1] for pair in merged]

    def matches(self, peer: Peer) -> bool | Ask:
        """Whether the peer is in the list; ``Ask`` where only its name can tell."""
        if self.all:
            return True
        starts = self._starts.get(peer.version)
        if starts:
            index = bisect_right(starts, peer.number) - 1
            if index >= 0 and peer.number <= self._ends[peer.version][index]:
                return True
        if self._certs:
            if peer.certificate is None:
                return _ASK_CERTIFICATE
            if peer.certificate and ("*" in self._certs or not self._certs.isdisjoint(peer.certificate)):
                return True
        if not peer.version:
            return peer.uid in self._uids or not self._gids.isdisjoint(peer.gids)
        if not self.names:
            return False
        if not peer.name:
            return Ask(Need.HOST_NAME)
        if peer.name in (UNKNOWN, PARANOID):
            return False
        name = peer.name.lower().rstrip(".")
        return any(name.endswith(word) if word[0] == "." else name == word for word in self.names)


@lru_cache(maxsize=256)
def address_list(words: tuple[str, ...]) -> AddressList:
    """The list of these words, made once: a thousand services may have the one of [defaults]. Raises ``ValueError``."""
    return AddressList(words)


def _id_number(word: str) -> int:
    number = word[4:]
    if not number.isascii() or not number.isdecimal() or len(number) > 10:
        raise ValueError(f"`{word}`: this {'user' if word[0] in 'uU' else 'group'} does not exist")
    return int(number)


def parse_word(word: str) -> list[tuple[int, int, int]] | str:
    """(version, first, last) ranges, or a lower-case name. Raises ``ValueError`` with the word and a hint."""
    factored = _FACTORED.fullmatch(word)
    if factored is not None:
        found = []
        for part in factored[2].split(","):
            octets = [int(octet) for octet in f"{factored[1]}.{part}".split(".")]
            if max(octets) > 255:
                raise ValueError(f"`{word}`: an octet is larger than 255")
            bits = 8 * (4 - len(octets))
            first = 0
            for octet in octets:
                first = first << 8 | octet
            found.append((4, first << bits, (first << bits) + (1 << bits) - 1))
        return found
    bare = word.replace("[", "").replace("]", "") if word.startswith("[") else word
    try:
        if "/" in bare:
            network = netaddr.IPNetwork(bare, flags=0)
            if bare.split("/")[0].count(".") not in (0, 3):
                raise ValueError
            return [_folded(network.version, network.first, network.last)]
        if "-" in bare and bare[0].isdigit() and bare.count(".") == 6:
            low, _, high = bare.partition("-")
            span = netaddr.IPRange(low, high, flags=netaddr.INET_PTON)
            return [_folded(span.version, span.first, span.last)]
        address = netaddr.IPAddress(bare.partition("%")[0], flags=netaddr.INET_PTON)
        return [_folded(address.version, int(address), int(address))]
    except (netaddr.AddrFormatError, ValueError):
        pass
    if _NAME.fullmatch(word) and re.search("[A-Za-z]", word):
        return word.lower().rstrip(".")
    raise ValueError(f"`{word}` is not an address, network, range or name")


def _folded(version: int, first: int, last: int) -> tuple[int, int, int]:
    mapped = 0xFFFF << 32
    if version == 6 and first >> 32 == 0xFFFF and last >> 32 == 0xFFFF:
        return 4, first - mapped, last - mapped
    return version, first, last
