"""Client patterns that never match, or match too much, each with the pattern as it should be. Looks nothing up itself.

Runs in: the operator's commands. Pure.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from superd.brackets import split_outside_brackets
from superd.policy.address_pattern import inet_addr, is_numeric, lower, network, split_zone
from superd.policy.hosts_access import split_at_sign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from superd.rule import Rule

Finding = tuple[str, str, str]
"""What is wrong, the text that is, and the text that was meant (``""``: unknown)."""

_KEYWORDS = frozenset({"known", "unknown", "local", "paranoid", "all", "except"})
_HOST_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_FEW_PARTS = re.compile(r"[0-9]+(?:\.[0-9]+){0,2}\.?")
_MOST_STEPS = 8
"""A pattern may have several faults, each corrected by itself; a text that never becomes right has no correction."""
_ALL = 0xFFFFFFFF
_MAPPED = 0xFFFF << 32


def host_names(rules: Iterable[Rule], files: Iterable[bytes] = ()) -> dict[str, None]:
    """The names of single hosts that rules and `/file` patterns hang on, each once; of clients and of our own end."""
    found: dict[str, None] = {}
    for rule in rules:
        for token in rule.daemons:
            parts = split_at_sign(token)
            if parts is not None and _is_host_name(parts[1]):
                found[parts[1]] = None
        for token in rule.clients:
            parts = split_at_sign(token)
            name = token if parts is None else parts[1]
            if _is_host_name(name):
                found[name] = None
    for data in files:
        for word in data.split():
            name = word.decode("utf-8", "surrogateescape")
            if _is_host_name(name):
                found[name] = None
    return found


def _is_host_name(token: str) -> bool:
    return lower(token) not in _KEYWORDS and lower(token) != "fail" and _HOST_NAME.fullmatch(token) is not None


def client_findings(token: str, netgroup: Callable[[str], bool], name: Callable[[str], tuple[str, str]]) -> Iterator[Finding]:
    """What is wrong with ``[user@]client``. ``netgroup`` says whether there is one, ``name`` what is wrong with a host's name."""
    parts = split_at_sign(token)
    client = token
    if parts is not None:
        user, client = parts
        yield from _user(user)
    if not client:
        yield f"`{token}` names no host: it never matches", token, ""
    elif client[0] == "@":
        if not netgroup(client[1:]):
            yield f"`{client}`: unknown or empty netgroup", client, ""
    elif _is_host_name(client):
        what, better = name(client)
        if what:
            yield what, client, better
    else:
        found = pattern_finding(client)
        if found is not None:
            yield found


def _user(user: str) -> Iterator[Finding]:
    word = lower(user)
    if user[:1] in "@/." or user[-1:] == ".":
        yield f"user name `{user}` begins with `@`, `/` or a dot, or ends in a dot", user, ""
    elif word == "fail":
        yield "FAIL is no longer recognized: use EXCEPT, or the option deny", user, ""
    elif word in ("local", "paranoid"):
        yield f"user name `{user}` may be a reserved word", user, ""


def pattern_finding(token: str) -> Finding | None:
    """What is wrong with one pattern for hosts, as it may stand in a rule or in a file. What was meant has no fault itself."""
    found = _pattern(token)
    if found is None:
        return None
    meant = found[2]
    for _ in range(_MOST_STEPS):
        better = _pattern(meant) if meant else None
        if better is None:
            return found[0], token, meant
        meant = better[2]
    return found[0], token, ""


def _pattern(token: str) -> Finding | None:
    word = lower(token)
    if word == "fail":
        return "FAIL is no longer recognized: use EXCEPT, or the option deny", token, "EXCEPT"
    if word in _KEYWORDS or token[0] in "@/" or "*" in token or "?" in token:
        return None
    slash = split_outside_brackets(token, "/")
    if slash is not None:
        return _masked(token, *slash)
    if token[0] == "[":
        return _bracketed(token)
    if token[0] == ".":
        digits = token[1:].strip(".")
        if digits.replace(".", "").isdecimal():
            return f"network number `{token}` begins with a dot", token, _prefix_of(digits)
        return (f"`{token}` ends in a dot, as no name does: it never matches", token, token[:-1]) if token[-1] == "." else None
    if is_numeric(token):
        return _numeric(token)
    if token[-1] == ".":
        return f"domain or host name `{token}` ends in a dot: it matches what begins like it", token, f".{token[:-1]}"
    if ":" in token:
        return _bare_v6(token)
    if _HOST_NAME.fullmatch(token) is None:
        return f"`{token}` is neither a name, an address nor a pattern: it never matches", token, ""
    return None


def _bare_v6(token: str) -> Finding | None:
    """Without brackets, as only a file can hold it, an address is compared letter by letter."""
    try:
        address = ipaddress.IPv6Address(token)
    except ValueError:
        return f"`{token}` is neither a name, an address nor a pattern: it never matches", token, ""
    meant = str(address.ipv4_mapped or address)
    return (
        None
        if lower(token) == lower(meant)
        else (f"`{token}` is not how that address is written: it never matches", token, meant)
    )


def _numeric(token: str) -> Finding | None:
    parts = token.rstrip(".").split(".")
    canonical = [str(int(part)) if part else "" for part in parts]
    if not all(part and int(part) < 256 for part in canonical) or len(parts) > 4 or token.endswith(".."):
        return f"`{token}` is neither an address nor the beginning of one: it never matches", token, ""
    if canonical != parts:
        meant = ".".join(canonical) + ("." if len(parts) < 4 else "")
        return f"`{token}` has zeros that no address begins its numbers with: it never matches", token, meant
    if len(parts) == 4:
        if token[-1] == ".":
            return f"`{token}` is an address and a dot: it never matches", token, token[:-1]
        if parts[3] == "0":
            return f"`{token}` is a network without a mask: it matches that one address only", token, _prefix_of(token)
        return None
    if token[-1] == ".":
        return None
    return f"`{token}` is the beginning of an address without its last dot: it never matches", token, f"{token}."


def _prefix_of(token: str) -> str:
    parts = token.split(".")
    while len(parts) > 1 and parts[-1] == "0":
        parts.pop()
    return ".".join(parts[:4]) + ("." if len(parts) < 4 else "")


def _bracketed(token: str) -> Finding | None:
    inner = token[1:-1] if token[-1] == "]" else token[1:]
    try:
        address = int(ipaddress.IPv6Address(split_zone(inner)[0]))
    except ValueError:
        return f"`{token}` is not an IPv6 address: it never matches", token, _unbracketed(inner)
    if token[-1] != "]":
        return f"`{token}`: the bracket is never closed", token, f"{token}]"
    if split_zone(inner)[1].isdecimal():
        return f"`{token}`: a zone is compared by its name, as in `%eth0`, and not by a number: it never matches", token, ""
    if address >> 32 == 0xFFFF:
        return (
            f"`{token}`: such a client is matched as IPv4, so it never matches",
            token,
            str(ipaddress.IPv4Address(address & _ALL)),
        )
    return None


def _unbracketed(inner: str) -> str:
    net, slash, length = inner.partition("/")
    try:
        parsed = ipaddress.ip_address(net)
    except ValueError:
        return ""
    if parsed.version == 4:
        return inner
    return f"[{net}]/{length}" if slash and length.isdecimal() and int(length) <= 128 else ""


def _masked(token: str, net: str, mask: str) -> Finding | None:
    if net[:1] == "[":
        return _masked6(token, net, mask)
    if mask == "255.255.255.255" and inet_addr(net) is not None:
        # Not the bare address where that looks like a network: superd would report it as one.
        meant = net if _pattern(net) is None else f"{net}/32"
        return f"`{token}`: libwrap takes this mask for an error, so it never matches", token, meant
    found = network(net, mask)
    if found is not None:
        if inet_addr(mask) is not None or (mask.isdecimal() and mask.isascii()):
            return None
        length = found[2].bit_count()
        return f"`{token}`: a mask that is none is read as far as it is a number, /{length}", token, f"{net}/{length}"
    if _FEW_PARTS.fullmatch(net):
        net = ".".join([*net.rstrip(".").split("."), "0", "0", "0"][:4])
    number, bits = inet_addr(net), inet_addr(mask)
    if bits is None and mask.isdecimal() and mask.isascii() and 0 <= int(mask) <= 32:
        bits = _ALL << (32 - int(mask)) & _ALL
    if number is None or bits is None:
        return f"bad net/mask pattern `{token}`: it never matches", token, ""
    base = ipaddress.IPv4Address(number & bits)
    meant = "0.0.0.0/0.0.0.0" if bits == 0 else f"{base}/{mask}"
    if int(base) != number:
        return f"`{token}` has host bits set: it never matches", token, meant
    return f"bad net/mask pattern `{token}`: it never matches", token, meant


def _masked6(token: str, net: str, mask: str) -> Finding | None:
    try:
        address = int(ipaddress.IPv6Address(split_zone(net[1:-1])[0])) if net[-1] == "]" else None
    except ValueError:
        address = None
    if address is None:
        return f"bad net/mask pattern `{token}`: it never matches", token, ""
    if not mask.isdecimal() or not mask.isascii():
        return f"`{token}` has no prefix length: it matches every IPv6 address", token, "" if mask else f"{net}/128"
    length = int(mask)
    if length > 128:
        return f"bad net/mask pattern `{token}`: it never matches", token, ""
    if address >> 32 == 0xFFFF and length >= 96:
        v4 = address & _ALL & (_ALL << (128 - length))
        meant = f"{ipaddress.IPv4Address(v4)}/{length - 96}" if length > 96 else "0.0.0.0/0.0.0.0"
        return f"`{token}`: such clients are matched as IPv4, so it never matches", token, meant
    kept = address >> (128 - length) << (128 - length)
    if kept != address:
        meant = f"[{ipaddress.IPv6Address(kept)}]/{mask}"
        return f"`{token}` has host bits set: they are not looked at", token, meant
    return None
