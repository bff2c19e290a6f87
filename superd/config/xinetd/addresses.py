"""Address words of only_from and no_access → superd's words with xinetd's meaning. Never resolves a name.

Source: xinetd 2.3.15.3 addr.c (numeric_addr, host_addr, explicit_mask, factorized_addr, net_addr). Where xinetd misread
a word the more closed reading is taken: in a list that admits the word admits nobody, in a list that refuses it refuses
what it evidently means; a refusing word without an evident meaning is an error, because xinetd let everybody through.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

_OCTET = r"(?:0|[1-9]\d{0,2})"
_QUAD = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)
_NUMERIC = re.compile(r"[0-9xXa-fA-F.]*\d[0-9xXa-fA-F.]*", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?", re.ASCII)
_MAPPED = ipaddress.ip_network("::ffff:0:0/96")
EVERYBODY = ("0.0.0.0/0", "::/0")


class BadAddress(ValueError):
    """A word that xinetd itself took for a wrong value, or a refusing word that cannot be understood."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The words one word becomes (none: it matches nobody), and what xinetd made of it where that differs."""

    words: tuple[str, ...]
    xinetd: str = ""


def read_word(word: str, *, refusing: bool, networks: Mapping[str, str] | None = None) -> Reading:
    """Superd's words for ``word``. ``networks`` is /etc/networks (name → number). Raises ``BadAddress``."""
    if "," in word and "{" not in word:
        raise BadAddress(f"`{word[:80]}` has a comma in it")
    if "{" in word or "}" in word:
        return Reading(_factorized(word))
    if word.startswith("."):
        if not re.fullmatch(r"(?:\.[A-Za-z0-9_-]+)+\.?", word, re.ASCII) or not re.search(r"[A-Za-z]", word):
            raise BadAddress(f"`{word[:80]}` is not a domain")
        return Reading((word,))
    exact = _exact_or_network(word)
    if exact is not None:
        return exact
    meaning, xinetd = _evident(word, networks or {})
    if not xinetd:
        return Reading(meaning)
    if not refusing:
        return Reading((), xinetd)
    if not meaning:
        raise BadAddress(f"`{word[:80]}` cannot be understood; {xinetd}, so it refused nobody")
    return Reading(meaning, xinetd)


def _exact_or_network(word: str) -> Reading | None:
    """What xinetd and everybody else read alike."""
    address, slash, length = word.partition("/")
    if slash and (not length.isascii() or not length.isdecimal() or len(length) > 3):
        return None
    address = address.partition("%")[0] if ":" in address else address  # xinetd drops the zone
    if not slash:
        if _QUAD.fullmatch(address) and all(int(part) <= 255 for part in address.split(".")):
            return Reading((_trailing_zeros(address),))
        if ":" not in address or address == "::":
            return None
    elif not (_QUAD.fullmatch(address) or ":" in address) or (":" in address and int(length) >= 128):
        return None
    try:
        network = ipaddress.ip_network(word if slash and "%" not in word else f"{address}{slash}{length}", strict=False)
    except ValueError:
        return None
    return Reading(_words_of(network))


def _words_of(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> tuple[str, ...]:
    """v4-mapped folded: an IPv4 client of xinetd's dual socket was a mapped one, superd shows it as IPv4."""
    if isinstance(network, ipaddress.IPv6Network) and isinstance(_MAPPED, ipaddress.IPv6Network):
        if network.subnet_of(_MAPPED):
            low = int(network.network_address) & 0xFFFFFFFF
            network = ipaddress.IPv4Network((low, network.prefixlen - 96))
        elif _MAPPED.subnet_of(network):
            return (str(network), "0.0.0.0/0")
    if network.prefixlen == network.max_prefixlen:
        return (str(network.network_address),)
    return (str(network),)


def _trailing_zeros(quad: str) -> str:
    """10.1.0.0 → 10.1.0.0/16: trailing zero octets are wildcards by value (addr.c, numeric_addr)."""
    octets = quad.split(".")
    kept = 4
    while kept and octets[kept - 1] == "0":
        kept -= 1
    return quad if kept == 4 else f"{quad}/{kept * 8}"


def _factorized(word: str) -> tuple[str, ...]:
    match = re.fullmatch(r"((?:\d{1,3}\.){1,3})\{(\d{1,3}(?:,\d{1,3})*)\}", word, re.ASCII)
    if match is None:
        raise BadAddress(f"`{word[:80]}` is not like 1.2.3.{{4,5}}")
    head = match[1].rstrip(".").split(".")
    found = []
    for last in match[2].split(","):
        octets = [str(int(part)) for part in (*head, last)]
        if any(int(part) > 255 for part in octets):
            raise BadAddress(f"`{word[:80]}` has a number above 255; xinetd carried it into the next octet")
        if octets[-1] == "0":
            raise BadAddress(f"`{word[:80]}`: a 0 within braces is a host or a network, nobody can tell")
        missing = 4 - len(octets)
        quad = ".".join(octets + ["0"] * missing)
        found.append(f"{quad}/{32 - 8 * missing}" if missing else quad)
    return tuple(found)


def _evident(word: str, networks: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """(evident meaning, what xinetd did): the second is empty where xinetd read the word as meant."""
    if word.upper() in ("ALL", "*"):
        return EVERYBODY, "xinetd could not parse it and dropped it"
    if word == "::":
        return ("::/0",), "xinetd matched only the address `::` itself"
    bracketed = re.fullmatch(r"\[([^\]]*)\](/\d+)?", word, re.ASCII)
    if bracketed:
        inner = _exact_or_network(bracketed[1] + (bracketed[2] or ""))
        return (inner.words if inner else ()), "xinetd could not parse it and dropped it"
    low, dash, high = word.partition("-")
    if dash and _QUAD.fullmatch(low) and _QUAD.fullmatch(high):
        try:
            good = ipaddress.IPv4Address(low) <= ipaddress.IPv4Address(high)
        except ValueError:
            good = False
        return ((word,) if good else ()), "xinetd could not parse it and dropped it"
    address, slash, mask = word.partition("/")
    if slash:
        return _masked(address, mask)
    if _NUMERIC.fullmatch(word) and not re.search(r"[g-zG-Z]", word) and (word[0].isdecimal()) and _all_numbers(word):
        parts = word.split(".")
        plain = len(parts) < 4 and all(re.fullmatch(_OCTET, part) and int(part) <= 255 for part in parts)
        quad = ".".join(parts + ["0"] * (4 - len(parts)))
        return ((f"{quad}/{8 * len(parts)}",) if plain else ()), "xinetd read it as inet_aton(3) does, as another host"
    if word in networks:
        return _network_of(networks[word]), "xinetd matched no more than that network's own number for most names"
    if len(word) > 253 or not _HOST.fullmatch(word) or not re.search(r"[A-Za-z]", word):
        return (), "xinetd could not parse it and dropped it"
    return (word,), ""


def _all_numbers(word: str) -> bool:
    return all(re.fullmatch(r"\d+|0[xX][0-9a-fA-F]+", part, re.ASCII) for part in word.split("."))


def _masked(address: str, mask: str) -> tuple[tuple[str, ...], str]:
    if ":" in address and mask == "128":
        try:
            return (str(ipaddress.IPv6Address(address.partition("%")[0])),), "xinetd matched nobody for /128"
        except ValueError:
            return (), "xinetd could not parse it and dropped it"
    if _QUAD.fullmatch(mask):
        try:
            network = ipaddress.IPv4Network(f"{address}/{mask}", strict=False)
        except ValueError:
            return (), "xinetd took the mask for a prefix length, so for one host"
        return (str(network),), "xinetd took the mask for a prefix length, so for one host"
    return (), "xinetd read the prefix length as it liked (above 32: one host)"


def _network_of(number: str) -> tuple[str, ...]:
    parts = number.split(".")
    while len(parts) > 1 and parts[-1] == "0":
        parts.pop()
    if not all(re.fullmatch(_OCTET, part) and int(part) <= 255 for part in parts) or len(parts) > 4:
        return ()
    return (f"{'.'.join(parts + ['0'] * (4 - len(parts)))}/{8 * len(parts)}",)
