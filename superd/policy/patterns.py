"""Does one pattern of hosts_access(5) match? Yes, no, or the fact that is missing. libwrap's own rules, token by token.

The functions carry libwrap's names (hosts_access.c), so that they can be held against it.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from superd.peer import PARANOID, UNKNOWN
from superd.verdict import Ask, Need

if TYPE_CHECKING:
    from collections.abc import Mapping

    from superd.peer import Peer
    from superd.policy.facts import Facts

FILE_DEPTH = 8
"""`/file` patterns may name one another this deep; libwrap has no limit and no guard against a loop."""

_NUMERIC = re.compile(r"[0-9./]*")
_QUAD = re.compile(r"[0-9a-fA-FxX]+(?:\.[0-9a-fA-FxX]+){3}")


@lru_cache(maxsize=4096)
def _glob(token: str) -> re.Pattern[str]:
    parts: list[str] = []
    index = 0
    while index < len(token):
        character = token[index]
        if character == "*":
            run = token[index:]
            stars = len(run) - len(run.lstrip("*?"))
            piece = run[:stars]
            index += stars
            # A run of several wildcards at the very end needs a character (match_pattern_ylo's quirk).
            if index == len(token) and len(piece) > 1:
                parts.append(".+" if "?" not in piece else "." * piece.count("?") + ".*")
            else:
                parts.append("." * piece.count("?") + ".*")
            continue
        parts.append("." if character == "?" else re.escape(character))
        index += 1
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL | re.ASCII)


def unmapped(text: str) -> str:
    """``::ffff:10.1.2.3`` as ``10.1.2.3`` (string_match's first step)."""
    return text[7:] if text[:7].lower() == "::ffff:" and "." in text else text


def string_match(token: str, text: str) -> bool:
    """The pattern for users, daemons, names and addresses alike (hosts_access.c, string_match)."""
    text = unmapped(text)
    if "*" in token or "?" in token:
        return _glob(token).fullmatch(text) is not None
    lowered, word = text.lower(), token.lower()
    if word[:1] == ".":
        return len(lowered) > len(word) and lowered.endswith(word)
    if word == "all":
        return True
    if word == "known":
        return lowered != UNKNOWN
    if word[-1:] == ".":
        return lowered.startswith(word)
    if word[:1] == "[" and word[-1:] == "]":
        try:
            left = ipaddress.IPv6Address(word[1:-1].partition("%")[0])
            return left == ipaddress.IPv6Address(text.partition("%")[0])
        except ValueError:
            return False
    return word == lowered


@lru_cache(maxsize=65536)
def inet_addr(text: str) -> int | None:
    """dotted quad → number, octal and hexadecimal parts as inet_addr(3) takes them; ``None`` for its INADDR_NONE."""
    if not _QUAD.fullmatch(text):
        return None
    number = 0
    for part in text.split("."):
        try:
            if part[:2].lower() == "0x":
                value = int(part[2:], 16)
            else:
                value = int(part, 8 if part[0] == "0" and len(part) > 1 else 10)
        except ValueError:
            return None
        if value > 255:
            return None
        number = number << 8 | value
    return None if number == 0xFFFFFFFF else number


def atoi(text: str) -> int:
    """atoi(3): blanks, a sign, digits; 0 where there are none."""
    match = re.match(r"[ \t\n\v\f\r]*([+-]?[0-9]+)", text)
    return int(match[1]) if match else 0


def split_mask(token: str) -> tuple[str, str] | None:
    """``net/mask`` around the first slash outside brackets."""
    depth = 0
    for index, character in enumerate(token):
        if character == "[":
            depth += 1
        elif character == "]":
            depth -= 1
        elif character == "/" and depth == 0:
            return token[:index], token[index + 1 :]
    return None


@lru_cache(maxsize=65536)
def network(net: str, mask: str) -> tuple[int, int, int] | None:
    """(version, network, mask) of a ``net/mask`` token, or ``None`` where it can never match.

    Host bits in an IPv4 network stay, so that it never matches; those of an IPv6 network are dropped (as in libwrap).
    """
    if net[:1] == "[" and net[-1:] == "]":
        try:
            base = int(ipaddress.IPv6Address(net[1:-1].partition("%")[0]))
        except ValueError:
            return None
        length = atoi(mask)
        if not 0 <= length <= 128:
            return None
        bits = ((1 << length) - 1) << (128 - length)
        return 6, base & bits, bits
    number = inet_addr(net)
    if number is None:
        return None
    bits4 = inet_addr(mask)
    if bits4 is None:
        length = atoi(mask)
        if not 1 <= length <= 32 or _QUAD.fullmatch(mask):
            return None
        bits4 = (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF
    return (4, number, bits4) if number & bits4 == number else None


def masked_match(net: str, mask: str, end: Peer) -> bool:
    """Whether the address of ``end`` lies in the network (masked_match4, masked_match6)."""
    found = network(net, mask)
    return found is not None and found[0] == end.version and end.number & found[2] == found[1]


def is_numeric(token: str) -> bool:
    """Whether a token can only be an address, so that no name is looked up for it."""
    # Not libwrap's alphabet alone: a wildcard of digits is for addresses only, else a PTR of 10.1.2.evil.com gets in.
    return _NUMERIC.fullmatch(token.replace("*", "").replace("?", "")) is not None


def host_match(
    token: str, end: Peer, facts: Facts, files: Mapping[str, bytes], need: Need = Need.HOST_NAME, depth: int = 0
) -> bool | Ask:
    """Does the host pattern match this end of the connection? (hosts_access.c, host_match)"""
    if token[0] == "@":
        if not end.name:
            return Ask(need)
        key = (token[1:], end.name)
        known = facts.netgroups.get(key)
        return Ask(Need.NETGROUP, netgroup=key) if known is None else known
    if token[0] == "/":
        if depth >= FILE_DEPTH:
            return False
        for word in files.get(token, b"").decode("utf-8", "surrogateescape").split():
            answer = host_match(word, end, facts, files, need, depth + 1)
            if answer is not False:
                return answer
        return False
    lowered = token.lower()
    if lowered == "known":
        if not end.name:
            return Ask(need)
        return end.address.lower() != UNKNOWN and end.name.lower() not in (UNKNOWN, PARANOID)
    if lowered == "local":
        if not end.name:
            return Ask(need)
        return "." not in end.name and end.name.lower() not in (UNKNOWN, PARANOID)
    slash = split_mask(token)
    if slash is not None:
        return masked_match(slash[0], slash[1], end)
    if string_match(token, end.address):
        return True
    if is_numeric(token):
        return False
    if not end.name:
        return Ask(need)
    return string_match(token, end.name)
