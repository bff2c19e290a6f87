"""Does one pattern of hosts_access(5) match? Yes, no, or the fact that is missing. libwrap's own rules, token by token.

The functions carry libwrap's names (hosts_access.c), so that they can be held against it.

Runs in: the front, the operator's commands. Pure.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from superd.brackets import split_outside_brackets
from superd.peer import PARANOID, UNKNOWN
from superd.policy.address_pattern import is_numeric, lower, network, split_zone
from superd.verdict import Ask, Need

if TYPE_CHECKING:
    from collections.abc import Mapping

    from superd.peer import Peer
    from superd.policy.facts import Facts
    from superd.policy.file_patterns import FilePatterns


@lru_cache(maxsize=4096)
def _glob(token: bytes) -> re.Pattern[bytes]:
    """The pattern (socket.c, match_pattern_ylo) without its backtracking: what follows a star is taken where it first fits."""
    first, *rest = re.split(rb"(\*[*?]*)", token)
    expression = _literal(first)
    for number in range(0, len(rest), 2):
        run, piece = rest[number], rest[number + 1]
        dots = b"." * run.count(b"?")
        if number + 2 < len(rest):
            expression += b"(?>.*?" + dots + _literal(piece) + b")"
            continue
        if not piece and run.endswith(b"**"):
            dots += b"."  # two stars at the very end need a character: the quirk that `client**` is not `client`
        expression += b".*" + dots + _literal(piece)
    return re.compile(expression, re.IGNORECASE | re.DOTALL)


def _literal(piece: bytes) -> bytes:
    return b".".join(re.escape(part) for part in piece.split(b"?"))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def unmapped(text: str) -> str:
    """``::ffff:10.1.2.3`` as ``10.1.2.3`` (string_match's first step)."""
    return text[7:] if text[:7].lower() == "::ffff:" and "." in text else text


def string_match(token: str, text: str) -> bool:
    """The pattern for users, daemons, names and addresses alike (hosts_access.c, string_match)."""
    text = unmapped(text)
    if "*" in token or "?" in token:
        # By bytes: a `?` is one of them to libwrap.
        return _glob(_bytes(token)).fullmatch(_bytes(text)) is not None
    lowered, word = lower(text), lower(token)
    if word[:1] == ".":
        return len(lowered) > len(word) and lowered.endswith(word)
    if word == "all":
        return True
    if word == "known":
        return lowered != UNKNOWN
    if word[-1:] == ".":
        return lowered.startswith(word)
    if word[:1] == "[" and word[-1:] == "]":
        address, zone = split_zone(token[1:-1])
        bare, own = split_zone(text)
        try:
            return ipaddress.IPv6Address(address) == ipaddress.IPv6Address(bare) and zone in ("", own)
        except ValueError:
            return False
    return word == lowered


def masked_match(net: str, mask: str, end: Peer) -> bool:
    """Whether the address of ``end`` lies in the network (masked_match4, masked_match6)."""
    found = network(net, mask)
    if found is None or found[0] != end.version or end.number & found[2] != found[1]:
        return False
    zone = net[1:-1].partition("%")[2] if "%" in net else ""
    return zone in ("", end.address.partition("%")[2])


def host_match(token: str, end: Peer, facts: Facts, files: Mapping[str, FilePatterns], need: Need = Need.HOST_NAME) -> bool | Ask:
    """Does the host pattern match this end of the connection? (hosts_access.c, host_match)"""
    if token[0] == "@":
        if not end.name:
            return Ask(need)
        key = (token[1:], end.name)
        known = facts.netgroups.get(key)
        return Ask(Need.NETGROUP, netgroup=key) if known is None else known
    if token[0] == "/":
        found = files.get(token)
        if found is None:
            return False
        if found.has_address(end):
            return True
        for word in found.others:
            answer = host_match(word, end, facts, files, need)
            if answer is not False:
                return answer
        return False
    lowered = lower(token)
    if lowered == "known":
        if not end.name:
            return Ask(need)
        return lower(end.address) != UNKNOWN and lower(end.name) not in (UNKNOWN, PARANOID)
    if lowered == "local":
        if not end.name:
            return Ask(need)
        return "." not in end.name and lower(end.name) not in (UNKNOWN, PARANOID)
    slash = split_outside_brackets(token, "/")
    if slash is not None:
        return masked_match(slash[0], slash[1], end)
    if string_match(token, end.address):
        return True
    if is_numeric(token):
        return False
    if not end.name:
        return Ask(need)
    return string_match(token, end.name)
