"""Patterns that look at nothing but an address, or at nothing but a name, as numbers and words for tables. Pure.

Runs in: front, cli. What the patterns match is libwrap's (``patterns.py``); this is the part that needs no peer.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from superd.brackets import split_outside_brackets

_NUMERIC = re.compile(r"[0-9./]*")
_RUN = re.compile(r"[^.]+")
_PART = "(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)"
_ADDRESS = re.compile(rf"{_PART}(?:\.{_PART}){{0,3}}(?=[ \t\n\v\f\r]|\Z)")
_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]+)")
_LONG_MAX = 2**63 - 1
_TOO_LARGE = 2**64 - 1
"""strtoul(3)'s answer to a number beyond it."""
_V4 = 0xFFFFFFFF
_V6 = (1 << 128) - 1
_PLAIN_V4 = re.compile(r"\.".join(["(0|[1-9][0-9]{0,2})"] * 4))
_NAME = re.compile(r"\.?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_WORDS = frozenset(("all", "known", "unknown", "paranoid", "local", "except"))
ANY = (0, 0, 0)
"""The entry of a pattern that matches every client."""
_LOWER = {capital: capital + 32 for capital in range(ord("A"), ord("Z") + 1)}


def lower(text: str) -> str:
    """In lower case as strcasecmp(3) compares in the C locale: ASCII only, so that no other letter becomes a `k`."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def split_zone(text: str) -> tuple[str, str]:
    """An address and its zone; a `%` with nothing after it stays, because no address ends so."""
    address, _, zone = text.partition("%")
    return (address, zone) if zone else (text, "")


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


def is_numeric(token: str) -> bool:
    """Whether a token can only be an address, so that no name is looked up for it."""
    # Not libwrap's alphabet alone: a wildcard of digits is for addresses only, else a PTR of 10.1.2.evil.com gets in.
    # And no name has a bracket: libwrap compares each `[address]` with the name, in vain, and looks the name up for that.
    return token[:1] == "[" or _NUMERIC.fullmatch(token.replace("*", "").replace("?", "")) is not None


def is_name(word: str) -> bool:
    """Whether a pattern is a plain name or `.domain`, which no address without a zone can match, and no word of the language."""
    return _NAME.fullmatch(word) is not None and not is_numeric(word) and lower(word) not in _WORDS


def address_entry(word: str) -> tuple[int, int, int] | None:
    """(version, network, mask) of a pattern that looks at nothing but the address, ``ANY`` for ALL, else ``None``."""
    plain = _PLAIN_V4.fullmatch(word)
    if plain is not None:  # what long lists are full of
        one, two, three, four = map(int, plain.groups())
        if one < 256 and two < 256 and three < 256 and four < 256:
            return 4, one << 24 | two << 16 | three << 8 | four, _V4
    if lower(word) == "all":
        return ANY
    if word[0] in "@/" or "@" in word or "*" in word or "?" in word:
        return None
    slash = split_outside_brackets(word, "/")
    if "%" in word:
        return None
    if slash is not None:
        return network(*slash)
    if word[0] == "[" and word[-1] == "]":
        try:
            return 6, int(ipaddress.IPv6Address(word[1:-1])), _V6
        except ValueError:
            return None
    if word[-1] == ".":
        parts = word[:-1].split(".")
        if len(parts) <= 3 and all(_canonical(part) for part in parts):
            bits = 8 * len(parts)
            number = 0
            for part in parts:
                number = number << 8 | int(part)
            return 4, number << (32 - bits), (_V4 << (32 - bits)) & _V4
        return None
    return None


def _canonical(part: str) -> bool:
    return part.isascii() and part.isdecimal() and str(int(part)) == part and int(part) < 256
