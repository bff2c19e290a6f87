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
    from superd.policy.file_patterns import FilePatterns

_NUMERIC = re.compile(r"[0-9./]*")
_RUN = re.compile(r"[^.]+")
_PART = "(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)"
_ADDRESS = re.compile(rf"{_PART}(?:\.{_PART}){{0,3}}(?=[ \t\n\v\f\r]|\Z)")
_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]+)")
_LONG_MAX = 2**63 - 1
_TOO_LARGE = 2**64 - 1
"""strtoul(3)'s answer to a number beyond it."""


_LOWER = {capital: capital + 32 for capital in range(ord("A"), ord("Z") + 1)}


def lower(text: str) -> str:
    """In lower case as strcasecmp(3) compares in the C locale: ASCII only, so that no other letter becomes a `k`."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


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


def split_zone(text: str) -> tuple[str, str]:
    """An address and its zone; a `%` with nothing behind it stays, because no address ends so."""
    address, _, zone = text.partition("%")
    return (address, zone) if zone else (text, "")


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


@lru_cache(maxsize=65536)
def inet_addr(text: str) -> int | None:
    """dotted quad → number, octal and hexadecimal parts as inet_addr(3) takes them; ``None`` for its INADDR_NONE."""
    if len(_RUN.findall(text)) != 4:
        return None
    found = _ADDRESS.match(text)
    if found is None:
        return None
    # inet_addr(3) ends at white space, and with fewer numbers the last one is the rest: `10.1.2\v.0` is 10.1.0.2.
    *high, low = (_number(part) for part in found[0].split("."))
    if any(number > 255 for number in high) or low >> 8 * (4 - len(high)):
        return None
    number = low
    for index, part in enumerate(high):
        number |= part << 8 * (3 - index)
    return None if number == 0xFFFFFFFF else number


def _number(digits: str) -> int:
    """As strtoul(3) reads it; one that is too large is larger than any address."""
    if digits[:2] in ("0x", "0X"):
        digits, base = digits[2:].lstrip("0"), 16
    else:
        digits, base = digits.lstrip("0"), 8 if digits[0] == "0" else 10
    return int(digits or "0", base) if len(digits) < 20 else _TOO_LARGE


def atoi(text: str) -> int:
    """atoi(3): blanks, a sign, digits; 0 where there are none. strtol(3)'s number, of which an int has the low half."""
    match = _INTEGER.match(text)
    if match is None:
        return 0
    digits = match[2].lstrip("0") or "0"
    number = int(digits) if len(digits) < 20 else _TOO_LARGE
    number = max(-number, -_LONG_MAX - 1) if match[1] == "-" else min(number, _LONG_MAX)
    return (number + 0x80000000) % 0x100000000 - 0x80000000


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
            base = int(ipaddress.IPv6Address(split_zone(net[1:-1])[0]))
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
        if not 1 <= length <= 32:
            return None
        bits4 = (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF
    return (4, number, bits4) if number & bits4 == number else None


def masked_match(net: str, mask: str, end: Peer) -> bool:
    """Whether the address of ``end`` lies in the network (masked_match4, masked_match6)."""
    found = network(net, mask)
    if found is None or found[0] != end.version or end.number & found[2] != found[1]:
        return False
    zone = net[1:-1].partition("%")[2] if "%" in net else ""
    return zone in ("", end.address.partition("%")[2])


def is_numeric(token: str) -> bool:
    """Whether a token can only be an address, so that no name is looked up for it."""
    # Not libwrap's alphabet alone: a wildcard of digits is for addresses only, else a PTR of 10.1.2.evil.com gets in.
    # And no name has a bracket: libwrap compares each `[address]` with the name, in vain, and looks the name up for that.
    return token[:1] == "[" or _NUMERIC.fullmatch(token.replace("*", "").replace("?", "")) is not None


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
