"""Address words of only_from and no_access → superd's words with xinetd's meaning. Never resolves a name.

Source: xinetd 2.3.15.3 addr.c (numeric_addr, host_addr, explicit_mask, factorized_addr, net_addr). Where xinetd read a
word otherwise than its author meant, the more closed reading is taken: a list that admits takes the addresses that both
readings have, a list that refuses takes those of either. A word that xinetd dropped admits no client; a refusing word without
an evident meaning is an error, because xinetd let every client through. Pure; any process that reads an xinetd.conf.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from superd.frozen import frozen

_OCTET = r"(?:0|[1-9]\d{0,2})"
_QUAD = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?", re.ASCII)
_DRESSED = re.compile(r"(?:[A-Za-z]+://)?[\"'<(]?(\d[\d.]+\d(?:/\d+)?|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)[\"'>);]?(?::\d+)?/?", re.ASCII)
"""An address as part of a URL, in quotes, or with a port."""
_MAPPED = ipaddress.ip_network("::ffff:0:0/96")
EVERYBODY = ("0.0.0.0/0", "::/0")
_ANYBODY = frozenset({"all", "*", "any", "anyone", "anybody", "anywhere", "everyone", "everybody", "everywhere", "world"})
"""What people write for every client. xinetd looks for a host or network of that name, finds none and drops the word."""


class BadAddress(ValueError):
    """A word that xinetd itself took for a wrong value, or a refusing word that cannot be understood.

    ``instead`` are the words as they should be, where that is clear.
    """

    def __init__(self, message: str, instead: str = "") -> None:
        super().__init__(message)
        self.instead = instead


@frozen
class WordReading:
    """The words one word becomes (none: it never matches), and what xinetd made of it where that differs.

    ``evident`` are the words that its author probably meant.
    """

    words: tuple[str, ...]
    xinetd: str = ""
    evident: tuple[str, ...] = ()


def read_word(word: str, *, refusing: bool, networks: Mapping[str, str] | None = None) -> WordReading:
    """Superd's words for ``word``. ``networks`` is /etc/networks (name → number). Raises ``BadAddress``."""
    if "," in word and "{" not in word:
        raise BadAddress(f"`{word[:80]}` has a comma in it", " ".join(filter(None, word.split(",")))[:400])
    if "{" in word or "}" in word:
        return WordReading(_factorized(word))
    if word.startswith("."):
        if not re.fullmatch(r"(?:\.[A-Za-z0-9_-]+)+\.?", word, re.ASCII) or not re.search(r"[A-Za-z]", word):
            raise BadAddress(f"`{word[:80]}` is not a domain")
        return WordReading((word,))
    exact = _exact_or_network(word)
    if exact is not None:
        return exact
    number = _numeric(word)
    if number is not None:
        return _of_number(word, number, refusing=refusing)
    meaning, xinetd = _evident(word, networks or {})
    if not xinetd:
        return WordReading(meaning)
    if not refusing:
        return WordReading((), xinetd, meaning)
    if not meaning:
        raise BadAddress(f"`{word[:80]}` cannot be understood; {xinetd}, so it never refused a client")
    return WordReading(meaning, xinetd, meaning)


def is_name(word: str) -> bool:
    """Return whether one of superd's words is a host's name or a domain: what needs a client's name."""
    return ":" not in word and "%" not in word and not re.match(r"\.?\d[\d./-]*$", word)


def as_xinetd(words: tuple[str, ...]) -> list[str]:
    """The same addresses as words that xinetd reads so: a range as its networks."""
    found: list[str] = []
    for word in words:
        low, dash, high = word.partition("-")
        if dash and _QUAD.fullmatch(low) and _QUAD.fullmatch(high):
            ends = ipaddress.IPv4Address(low), ipaddress.IPv4Address(high)
            found += [str(network) for network in ipaddress.summarize_address_range(*ends)]
        else:
            found.append(word)
    return found


def _numeric(word: str) -> ipaddress.IPv4Network | None:
    """What xinetd makes of a word of numbers: inet_aton(3), a mask by atoi(3), trailing zero octets as wildcards."""
    address, slash, mask = word.partition("/")
    number = _inet_aton(address)
    digits = re.match(r"\d+", mask, re.ASCII)
    if number is None or (slash and not digits):
        return None
    if digits:  # 32 and above is one host
        length = int(digits[0]) if len(digits[0]) < 3 else 32
        return ipaddress.IPv4Network((number, min(length, 32)), strict=False)
    zeros = next((count for count in (4, 3, 2, 1) if not number % (1 << 8 * count)), 0)
    return ipaddress.IPv4Network((number, 32 - 8 * zeros))


def _inet_aton(text: str) -> int | None:
    """1 to 4 numbers, decimal, octal or hexadecimal; the last one fills what is left (inet_aton(3))."""
    parts = text.split(".")
    if len(parts) > 4 or not all(re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}|[0-9]{1,11}", part, re.ASCII) for part in parts):
        return None
    try:
        numbers = [int(part, 16 if part[:2].lower() == "0x" else 8 if part[0] == "0" else 10) for part in parts]
    except ValueError:
        return None
    *heads, last = numbers
    if any(head > 255 for head in heads) or last >= 1 << 8 * (5 - len(numbers)):
        return None
    return sum(head << 8 * (3 - at) for at, head in enumerate(heads)) + last


def _of_number(word: str, xinetds: ipaddress.IPv4Network, *, refusing: bool) -> WordReading:
    """A list that admits takes what both readings have, a list that refuses takes both."""
    evident = _evident_network(word)
    if evident is None or evident == xinetds:
        return WordReading(_words_of(xinetds), _as_read(word, xinetds))
    if refusing:
        both = dict.fromkeys((*_words_of(evident), *_words_of(xinetds)))
        return WordReading(tuple(both), f"xinetd read it as `{_words_of(xinetds)[0]}`", _words_of(evident))
    smaller = evident if evident.subnet_of(xinetds) else xinetds
    said = "as in xinetd" if smaller is xinetds else f"xinetd read it as `{_words_of(xinetds)[0]}`"
    return WordReading(_words_of(smaller), said, _words_of(evident))


def _as_read(word: str, network: ipaddress.IPv4Network) -> str:
    """Nothing to say of what reads the same everywhere: every client, or a network as it is usually written."""
    return "" if network.prefixlen == 0 or word.startswith("127.") else "as in xinetd"


def _evident_network(word: str) -> ipaddress.IPv4Network | None:
    """The network that an operator means by `10.1`, `10/8` or a mask of dots; ``None`` where only xinetd knows."""
    address, slash, mask = word.partition("/")
    parts = address.rstrip(".").split(".")
    if not all(re.fullmatch(_OCTET, part) and int(part) <= 255 for part in parts):
        return None
    if not slash and (len(parts) == 4 or not any(map(int, parts)) or (parts[0] == "127" and address[-1] != ".")):
        return None  # `0` is every client, and 127.1 is how this host is called
    padded = ".".join(parts + ["0"] * (4 - len(parts)))
    try:
        return ipaddress.IPv4Network(f"{padded}/{mask if slash else 8 * len(parts)}", strict=False)
    except ValueError:
        return None


def _exact_or_network(word: str) -> WordReading | None:
    """What xinetd and all others read alike."""
    address, slash, length = word.partition("/")
    if slash and (not length.isascii() or not length.isdecimal() or len(length) > 3):
        return None
    if ":" in address:
        address, _, zone = address.partition("%")  # xinetd drops the zone
        if zone and not zone.isdecimal() and not _is_link_local(address):
            return None  # the C library takes the name of a link for such addresses alone
    if not slash:
        if _QUAD.fullmatch(address) and all(int(part) <= 255 for part in address.split(".")):
            return WordReading((_trailing_zeros(address),))
        if ":" not in address or address == "::":
            return None
    elif not (_QUAD.fullmatch(address) or ":" in address) or (":" in address and int(length) >= 128):
        return None
    try:
        network = ipaddress.ip_network(word if slash and "%" not in word else f"{address}{slash}{length}", strict=False)
    except ValueError:
        return None
    return WordReading(_words_of(network))


def _is_link_local(text: str) -> bool:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return address.is_link_local or int(address) >> 112 & 0xFF0F == 0xFF02


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
            raise BadAddress(f"`{word[:80]}`: a 0 within braces can be a host or a network")
        missing = 4 - len(octets)
        quad = ".".join(octets + ["0"] * missing)
        found.append(f"{quad}/{32 - 8 * missing}" if missing else quad)
    return tuple(found)


def _evident(word: str, networks: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """(evident meaning, what xinetd did): the second is empty where xinetd read the word as meant."""
    if word.lower() in _ANYBODY:
        return EVERYBODY, "xinetd could not parse it and dropped it"
    if word == "::":
        return ("::/0",), "xinetd matched only the address `::` itself"
    bracketed = re.fullmatch(r"\[([^\]]*)\](/\d+)?", word, re.ASCII)
    if bracketed:
        inner = _exact_or_network(bracketed[1] + (bracketed[2] or ""))
        return (inner.words if inner else ()), "xinetd could not parse it and dropped it"
    plain, zone, _ = word.partition("%")
    if zone and ":" in plain and (inner := _exact_or_network(plain)):
        return inner.words, "xinetd could not parse it and dropped it"
    bare = _DRESSED.fullmatch(word)
    if bare and bare[1] != word and (inner := _exact_or_network(bare[1])):
        return inner.words, "xinetd could not parse it and dropped it"
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
    if _all_numbers(word.rstrip(".")):
        meant = _evident_network(word) if word.endswith(".") else None
        return (_words_of(meant) if meant else ()), "xinetd could not parse it and dropped it"
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
            return (str(ipaddress.IPv6Address(address.partition("%")[0])),), "in xinetd /128 never matched"
        except ValueError:
            return (), "xinetd could not parse it and dropped it"
    if _QUAD.fullmatch(mask) and _QUAD.fullmatch(address):
        return (), "xinetd could not parse it and dropped it"
    return (), "xinetd read the prefix length as it liked (above 32: one host)"


def _network_of(number: str) -> tuple[str, ...]:
    parts = number.split(".")
    while len(parts) > 1 and parts[-1] == "0":
        parts.pop()
    if not all(re.fullmatch(_OCTET, part) and int(part) <= 255 for part in parts) or len(parts) > 4:
        return ()
    return (f"{'.'.join(parts + ['0'] * (4 - len(parts)))}/{8 * len(parts)}",)
