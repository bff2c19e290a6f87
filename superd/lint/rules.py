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

from superd.lint.clients import Finding, client_findings
from superd.lint.commands import COMMANDS, command_findings, letter_findings
from superd.lint.covered import Seen
from superd.policy.hosts_access import split_at_sign
from superd.policy.patterns import lower, string_match
from superd.problem import Origin, Problem, did_you_mean, warning

if TYPE_CHECKING:
    from superd.rule import Option, Rule

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
_HASH = re.compile(r"(?:^|\s)#.*")


@dataclass(frozen=True, slots=True)
class Host:
    """What the lint asks; each answers about one name.

    ``program``, ``folder`` and ``file`` say what is wrong with a path, ``identity`` with a user and a group, ``name`` with a
    host's name, and what it should be; each says nothing where nothing is wrong. ``daemons`` are the services' names.
    """

    program: Callable[[str], str]
    daemons: Collection[str]
    folder: Callable[[str], str] = lambda _: ""
    file: Callable[[str], str] = lambda _: ""
    identity: Callable[[str, str], str] = lambda _user, _group: ""
    netgroup: Callable[[str], bool] = lambda _: True
    name: Callable[[str], tuple[str, str]] = lambda _: ("", "")
    addresses: Callable[[str], int] = lambda _: 1


def lint(rules: tuple[Rule, ...], lines: Sequence[str], host: Host, seen: Seen, *, explicit: bool = False) -> list[Problem]:
    """Warnings for the rules of one table, in their order; the hint is the whole rule as it was probably meant.

    ``lines`` are the physical lines of the table. ``seen`` has the rules that are asked before these, and gets these.
    ``explicit`` wants the word `allow` or `deny` in each rule of hosts.allow (tcpdchk -a).
    """
    found: list[Problem] = []
    known = {lower(daemon) for daemon in host.daemons}
    for rule in rules:
        line = lines[rule.origin.line - 1] if rule.origin.line <= len(lines) else ""
        bare = _bare_ipv6(line) if any(option.error for option in rule.options) else ""
        if bare:
            meant = line.strip().replace(bare, f"[{bare}]")
            what = f"an IPv6 address needs brackets: `{bare}` is cut at its colons"
            found.append(warning(rule.origin, what, f"write `{meant}`"))
            continue
        if any(token.startswith("#") for token in rule.daemons):
            what = "a comment begins in column 1 only: this is a rule"
            found.append(warning(rule.origin, what, f"write `# {rule.text.lstrip('# ')}` without blanks before it"))
            continue
        of_daemons = list(_daemons(rule, known, host))
        findings = [*of_daemons, *_clients(rule, host), *_options(rule, host)]
        meant = _corrected(rule, findings)
        for finding in findings:
            what, text, better = finding
            hint = did_you_mean(text, sorted(host.daemons)) if finding in of_daemons else ""
            found.append(warning(rule.origin, what, f"write `{meant}`" if better else hint))
        earlier = seen.covering(rule)
        if earlier is not None:
            mend = (
                "remove it, or put it before that one" if earlier.table == rule.table else "hosts.allow is asked first: remove it"
            )
            found.append(warning(rule.origin, f"can never match: {earlier.origin} covers it", mend))
        seen.add(rule)
        if explicit and rule.table == "allow" and not any(option.name in ("allow", "deny", "twist") for option in rule.options):
            found.append(warning(rule.origin, 'implicit "allow" at the end of the rule', f"write `{rule.text} : allow`"))
    return found


def lint_file(path: str, data: bytes, host: Host) -> list[Problem]:
    """Warnings for the patterns of a `/file`, which has neither comments nor EXCEPT, users nor commas."""
    found: list[Problem] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        for word in line.split():
            token = word.decode("utf-8", "surrogateescape")
            if token.startswith("#"):
                found.append(
                    warning(Origin(path, number), "such a file has no comments: these words are patterns", "remove them")
                )
                break
            finding = _in_file(token, host)
            if finding is not None:
                found.append(warning(Origin(path, number), finding[0], f"write `{finding[2]}`" if finding[2] else ""))
    return found


def _in_file(token: str, host: Host) -> Finding | None:
    if lower(token) == "except":
        return "such a file has no EXCEPT: it is a host's name here", token, ""
    if "," in token:
        return f"`{token}`: blanks separate patterns here, and no commas", token, " ".join(filter(None, token.split(",")))
    if split_at_sign(token) is not None:
        return f"`{token}`: no user can stand here, so it matches nobody", token, ""
    return next(client_findings(token, host.netgroup, host.name), None)


def _corrected(rule: Rule, findings: list[Finding]) -> str:
    swaps = {text: better for _, text, better in findings if better}
    if not swaps:
        return ""

    def word(token: str) -> str:
        parts = split_at_sign(token)
        return swaps.get(token) or (token if parts is None else f"{parts[0]}@{swaps.get(parts[1], parts[1])}")

    def option(given: Option) -> Option:
        value = given.value
        for text, better in swaps.items():
            if text in value:
                value = value.replace(text, better)
        return replace(given, value=value.strip())

    clients, options = tuple(map(word, rule.clients)), tuple(map(option, rule.options))
    if any(token.startswith("#") for token in rule.clients):
        clients = clients[: next(index for index, token in enumerate(rule.clients) if token.startswith("#"))]
        # A colon within the comment made options of the rest of it; good ones are not thrown away with it.
        options = () if any(given.error for given in options) else options
    return replace(rule, daemons=tuple(map(word, rule.daemons)), clients=clients, options=options).text


def _daemons(rule: Rule, known: set[str], host: Host) -> Iterator[Finding]:
    yield from _list_ends(rule.daemons, "daemon")
    for token in rule.daemons:
        parts = split_at_sign(token)
        name = lower(token if parts is None else parts[0])
        if parts is not None and host.addresses(parts[1]) > 1:
            yield f"`{parts[1]}` has more than one address: write the one that is meant", token, ""
        if name == "fail":
            yield "FAIL is no longer recognized: use EXCEPT, or the option deny", token, "EXCEPT"
        elif name in ("known", "unknown", "local", "paranoid"):
            yield f"daemon name `{token}` may be a reserved word", token, ""
        elif name[:1] in ("@", "/"):
            yield f"daemon name `{token}` begins with `{name[0]}`: no daemon matches it", token, ""
        elif name[:1] == "." or name[-1:] == ".":
            yield f"daemon name `{token}` begins or ends with a dot", token, token.strip(".")
        elif name in _ELSEWHERE or name in ("all", "except") or name.isdecimal():
            continue
        elif known and not any(string_match(name, daemon) for daemon in known):
            yield f"no service has the daemon name `{name}`", name, ""


def _list_ends(tokens: tuple[str, ...], which: str) -> Iterator[Finding]:
    if not tokens or lower(tokens[-1]) == "except":
        yield f"the {which} list is empty or ends in EXCEPT", "", ""


def _clients(rule: Rule, host: Host) -> Iterator[Finding]:
    yield from _list_ends(rule.clients, "client")
    for token in rule.clients:
        if token.startswith("#"):
            yield "a comment begins in column 1 only: these words are patterns", token, " "
            return
        parts = split_at_sign(token)
        path = token if parts is None else parts[1]
        if path.startswith("/") and (wrong := host.file(path)):
            yield f"`{path}` {wrong}, so nobody matches it", token, ""
        yield from client_findings(token, host.netgroup, host.name)


def _options(rule: Rule, host: Host) -> Iterator[Finding]:
    user = group = ""
    own_path = any(option.name == "setenv" and option.value.split()[:1] == ["PATH"] for option in rule.options)
    for option in rule.options:
        comment = _HASH.search(option.value)
        if (option.name in COMMANDS or option.name == "setenv") and not option.error:
            yield from letter_findings(option)
        if option.name in COMMANDS:
            if not option.error:
                yield from command_findings(option, host.program, own_path=own_path)
        elif comment is not None and option.name != "setenv":
            yield f"{option.name}: a comment begins in column 1 only: this is part of the value", comment[0], " "
        elif option.name == "banners" and not option.error and (wrong := host.folder(option.value)):
            yield f"banners: `{option.value}` {wrong}", option.value, ""
        elif option.name == "user" and not option.error:
            user, _, group = option.value.partition(".")
        elif option.name == "group" and not option.error:
            group = option.value
    wrong = host.identity(user, group) if user or group else ""
    if wrong:
        yield f"{wrong}, so whoever matches is refused", user or group, ""


def _bare_ipv6(line: str) -> str:
    """The first IPv6 address of a line that stands without brackets."""
    for candidate in _BARE.finditer(line.partition(":")[2]):
        try:
            ipaddress.IPv6Address(candidate[0])
        except ValueError:
            continue
        return candidate[0]
    return ""
