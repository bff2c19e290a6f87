"""What is probably not meant in hosts.allow and hosts.deny, with the rule as it should be. Pure: the host answers questions.

All that tcpdchk warns of and what libwrap swallows in silence. Nothing here changes a decision: the rule means what it
says until somebody corrects it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from superd.policy.covered import Seen
from superd.policy.patterns import inet_addr, lower, network, split_mask
from superd.problem import Problem, did_you_mean, warning

if TYPE_CHECKING:
    from superd.rule import Option, Rule

_RESERVED = frozenset({"known", "unknown", "local", "paranoid", "all", "except"})
_BARE = re.compile(r"(?<![\w:.\[])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_ELSEWHERE = frozenset(
    [
        "sshd",
        "sshd-x11",
        "portmap",
        "rpcbind",
        "mountd",
        "statd",
        "lockd",
        "rquotad",
        "ugidd",
        "nfsd",
        "sendmail",
        "slapd",
        "snmpd",
    ]
)
"""Daemons that ask libwrap themselves, as tcpdchk knows some."""
_QUOTED = re.compile(r"'([A-Za-z][\w+.-]*(?: [^']*)?)'")
_COMMANDS = frozenset({"spawn", "twist", "aclexec"})
_PLACES = ("/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/")

Finding = tuple[str, str, str]
"""What is wrong, the text that is, and the text that was meant (``""``: nobody can tell)."""


@dataclass(frozen=True, slots=True)
class Host:
    """What the lint asks. ``program`` says what is wrong with a path, or nothing; ``daemons`` are the services' names."""

    program: Callable[[str], str]
    daemons: Collection[str]


def lint(rules: tuple[Rule, ...], lines: Sequence[str], host: Host) -> list[Problem]:
    """Warnings for the rules of one table, in their order; the hint is the whole rule as it was probably meant.

    ``lines`` are the physical lines of the table.
    """
    found: list[Problem] = []
    seen = Seen()
    for rule in rules:
        line = lines[rule.origin.line - 1] if rule.origin.line <= len(lines) else ""
        bare = _bare_ipv6(line) if any(option.error for option in rule.options) else ""
        if bare:
            meant = line.strip().replace(bare, f"[{bare}]")
            what = f"an IPv6 address needs brackets: `{bare}` is cut at its colons"
            found.append(warning(rule.origin, what, f"write `{meant}`"))
            continue
        findings = [*_daemons(rule, host), *_clients(rule), *_commands(rule, host)]
        meant = _corrected(rule, findings)
        found += [
            warning(rule.origin, what, f"write `{meant}`" if better else did_you_mean(text, sorted(host.daemons)))
            for what, text, better in findings
        ]
        earlier = seen.covering(rule)
        if earlier is not None:
            found.append(
                warning(rule.origin, f"can never match: {earlier.origin} covers it", "remove it, or put it before that one")
            )
        seen.add(rule)
    return found


def _corrected(rule: Rule, findings: list[Finding]) -> str:
    swaps = {text: better for _, text, better in findings if better}
    if not swaps:
        return ""

    def words(tokens: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(swaps.get(token, token) for token in tokens)

    def option(given: Option) -> Option:
        value = given.value
        for text, better in swaps.items():
            if text in value:
                value = value.replace(text, better)
        return replace(given, value=value)

    clients = words(rule.clients)
    options = tuple(option(given) for given in rule.options)
    if any(token.startswith("#") for token in rule.clients):
        clients = clients[: next(index for index, token in enumerate(rule.clients) if token.startswith("#"))]
    return replace(rule, daemons=words(rule.daemons), clients=clients, options=options).text


# ------------------------------------------------------------------ daemons


def _daemons(rule: Rule, host: Host) -> Iterator[Finding]:
    yield from _list_ends(rule.daemons, "daemon")
    for token in rule.daemons:
        name = lower(token.partition("@")[0] or token)
        if name == "fail":
            yield "FAIL is no longer recognized", token, "EXCEPT"
        elif name in ("known", "unknown", "local", "paranoid"):
            yield f"daemon name `{token}` may be a reserved word", token, ""
        elif token[:1] in "@/":
            yield f"daemon name `{token}` begins with `{token[0]}`: no daemon matches it", token, ""
        elif name[:1] == "." or name[-1:] == ".":
            yield f"daemon name `{token}` begins or ends with a dot", token, token.strip(".")
        elif name in _ELSEWHERE or name in ("all", "except") or name.isdecimal() or "*" in name or "?" in name:
            continue
        elif host.daemons and name not in {lower(daemon) for daemon in host.daemons}:
            yield f"no service has the daemon name `{name}`", name, ""


def _list_ends(tokens: tuple[str, ...], which: str) -> Iterator[Finding]:
    if not tokens or lower(tokens[-1]) == "except":
        yield f"the {which} list is empty or ends in EXCEPT", "", ""


# ------------------------------------------------------------------ clients


def _clients(rule: Rule) -> Iterator[Finding]:
    yield from _list_ends(rule.clients, "client")
    for token in rule.clients:
        if token.startswith("#"):
            yield "a comment begins in column 1 only: these words are patterns", token, " "
            return
        user, at, client = token.rpartition("@")
        if at and user:
            yield from _user(user)
        else:
            client = token
        found = _client(client)
        if found is not None:
            yield found


def _user(user: str) -> Iterator[Finding]:
    if user[:1] in "@/." or user[-1:] == ".":
        yield f"user name `{user}` begins with `@`, `/` or a dot, or ends in a dot", user, ""
    elif lower(user) == "fail":
        yield "FAIL is no longer recognized", user, ""


def _client(token: str) -> Finding | None:
    word = lower(token)
    if word == "fail":
        return "FAIL is no longer recognized", token, "EXCEPT"
    if word in _RESERVED or token[:1] in ("@", "/"):
        return None
    slash = split_mask(token)
    if slash is not None:
        return _masked(token, *slash)
    if token[:1] == "." and token[1:].replace(".", "").isdecimal():
        return f"network number `{token}` begins with a dot", token, f"{token[1:]}."
    if token[-1:] == "." and not token[:-1].replace(".", "").isdecimal():
        return f"domain or host name `{token}` ends in a dot: it matches what begins like it", token, f".{token[:-1]}"
    if inet_addr(token) is not None and token.endswith(".0") and "x" not in word:
        return f"`{token}` is a network without a mask: it matches that one address only", token, _prefix(token)
    return None


def _prefix(token: str) -> str:
    parts = token.split(".")
    while len(parts) > 1 and parts[-1] == "0":
        parts.pop()
    return ".".join(parts) + "."


def _masked(token: str, net: str, mask: str) -> Finding | None:
    if net[:1] == "[":
        if not mask.isdecimal():
            return f"`{token}` has no prefix length: it matches every IPv6 address", token, f"{net}/128" if not mask else ""
        return None if network(net, mask) is not None else (f"bad net/mask pattern `{token}`: it matches nobody", token, "")
    if mask == "255.255.255.255":
        return f"`{token}`: libwrap takes this mask for an error, so it matches nobody", token, net
    if network(net, mask) is not None:
        return None
    number, bits = inet_addr(net), inet_addr(mask)
    if number is not None and bits is None and mask.isdecimal() and 1 <= int(mask) <= 32:
        bits = (0xFFFFFFFF << (32 - int(mask))) & 0xFFFFFFFF
    if number is None or bits is None:
        return f"bad net/mask pattern `{token}`: it matches nobody", token, ""
    base = ipaddress.IPv4Address(number & bits)
    return f"`{token}` has host bits set: it matches nobody", token, f"{base}/{mask}"


def _bare_ipv6(line: str) -> str:
    """The first IPv6 address of a line that stands without brackets."""
    for candidate in _BARE.finditer(line.partition(":")[2]):
        try:
            ipaddress.IPv6Address(candidate[0])
        except ValueError:
            continue
        return candidate[0]
    return ""


# ------------------------------------------------------------------ commands


def _commands(rule: Rule, host: Host) -> Iterator[Finding]:
    for option in rule.options:
        if option.name not in _COMMANDS or option.error:
            continue
        words = option.value.split()
        path = words[0] if words else ""
        if path.startswith("/") and "%" not in path:
            wrong = host.program(path)
            if wrong:
                echo = f"{path}echo" if path.endswith("/") and not host.program(f"{path}echo") else ""
                yield f"{option.name}: `{path}` {wrong}", f"{path} " if echo else path, f"{echo} " if echo else ""
        for quoted in _QUOTED.finditer(option.value):
            command = quoted[1].split()[0]
            if any(not host.program(place + command) for place in _PLACES):
                yield (
                    f"{option.name}: {quoted[0]} is the text itself; the output of a command stands in backquotes",
                    quoted[0],
                    f"`{quoted[1]}`",
                )
