"""What is probably not meant in hosts.allow and hosts.deny, with the rule as it should be. Pure: the host answers questions.

All that tcpdchk warns of and what libwrap swallows in silence. Nothing here changes a decision: the rule means what it
says until an operator corrects it.

Runs in: the operator's commands.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from superd.frozen import frozen
from superd.lint.clients import Finding, client_findings
from superd.lint.commands import COMMANDS, command_findings, letter_findings
from superd.lint.covered import Seen
from superd.lint.misread import misreading
from superd.look_alikes import look_alike
from superd.policy.address_pattern import lower
from superd.policy.hosts_access import split_at_sign
from superd.policy.patterns import string_match
from superd.problem import Origin, Problem, did_you_mean, error, note, warning
from superd.rule_block import Rules, not_plain

if TYPE_CHECKING:
    from superd.rule import Option, Rule

_BARE = re.compile(r"(?<![\w:.\[])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:%[\w.-]+)?(?![\w:])")
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


@frozen
class Host:
    """What the lint asks; each answers about one name.

    ``program``, ``folder`` and ``file`` say what is wrong with a path, ``identity`` with a user and a group, ``name`` with a
    host's name, and what it should be; each says nothing where nothing is wrong. ``daemons`` are the services' names,
    ``datagrams`` those that answer datagrams.
    """

    program: Callable[[str], str]
    daemons: Collection[str]
    folder: Callable[[str], str] = lambda _: ""
    file: Callable[[str], str] = lambda _: ""
    identity: Callable[[str, str], str] = lambda _user, _group: ""
    netgroup: Callable[[str], bool] = lambda _: True
    name: Callable[[str], tuple[str, str]] = lambda _: ("", "")
    addresses: Callable[[str], int] = lambda _: 1
    datagrams: Collection[str] = ()
    ids: Mapping[str, str] = field(default_factory=dict)
    """The daemon name of each service by its id."""


def lint(
    rules: Sequence[Rule],
    lines: Sequence[str],
    host: Host,
    seen: Seen,
    *,
    explicit: bool = False,
    guarded: Callable[[Rule], bool] = lambda _: False,
) -> list[Problem]:
    """What is wrong with the rules of one table, in their order; the hint is the whole rule as it was probably meant.

    ``lines`` are the physical lines of the table. ``seen`` has the rules that are asked before these, and gets these.
    ``explicit`` wants the word `allow` or `deny` in each rule of hosts.allow (tcpdchk -a). ``guarded`` says whether
    hosts.deny has a rule for a daemon of this one: a misreading that makes it ineffective is an error.
    """
    found: list[Problem] = []
    known = {lower(daemon) for daemon in host.daemons}
    for rule in rules:
        pieces = _pieces(lines, rule.origin.line)
        line = pieces[-1]
        if _half(lines, rule.origin.line):
            continue  # the reader says it at the next line, which was to be the rest of this rule
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
        slip = misreading(rule, pieces)
        if slip is not None:
            rule = slip.meant  # what else is wrong is said of the rule as it was meant: one cause, one message
        of_daemons = list(_daemons(rule, known, host))
        findings = [*of_daemons, *_clients(rule, host), *_options(rule, host)]
        meant = _corrected(rule, findings)
        if slip is not None:
            severe = slip.opens and (rule.table == "deny" or guarded(rule))
            found.append(
                (error if severe else warning)(rule.origin, f"{slip.consequence}: {slip.what}", f"write `{meant or rule.text}`")
            )
        for finding in findings:
            what, text, better = finding
            hint = did_you_mean(text, sorted(host.daemons)) if finding in of_daemons else ""
            if finding in of_daemons and text in host.ids:
                hint = f'the daemon name of service `{text}` is `{host.ids[text]}`: write that, or set `libwrap = "{text}"`'
            found.append(warning(rule.origin, what, f"write `{meant}`" if better else hint))
        earlier = seen.covering(rule)
        if earlier is not None:
            mend = (
                "remove it, or put it before that one" if earlier.table == rule.table else "hosts.allow is asked first: remove it"
            )
            found.append(warning(rule.origin, f"can never match: {earlier.origin} covers it", mend))
        seen.add(rule)
        found += [note(rule.origin, what) for what in _changes(rule, host)]
        if explicit and rule.table == "allow" and not any(option.name in ("allow", "deny", "twist") for option in rule.options):
            found.append(warning(rule.origin, 'implicit "allow" at the end of the rule', f"write `{rule.text} : allow`"))
    return found


def guarded_by(deny: Sequence[Rule]) -> Callable[[Rule], bool]:
    """Whether one of these rules of hosts.deny is for a daemon of the rule that is asked about."""
    named = {lower(token) for rule in not_plain(deny) for token in rule.daemons}
    if isinstance(deny, Rules):
        named |= {lower(token) for piece in deny.pieces for kind in piece.block.kinds for token in kind.daemons}

    def guarded(rule: Rule) -> bool:
        mine = set(map(lower, rule.daemons))
        return bool(named) and ("all" in mine or "all" in named or not mine.isdisjoint(named))

    return guarded


def _pieces(lines: Sequence[str], last: int) -> list[str]:
    """The physical lines of the rule that ends in line ``last``, without the backslashes that join them."""
    first = last - 1
    while first and first <= len(lines) and lines[first - 1].endswith("\\"):
        first -= 1
    return [line.removesuffix("\\") for line in lines[first:last]] or [""]


_FALSE_END = re.compile(r"\\[ \t\r]+(?:#.*)?$")


def _half(lines: Sequence[str], number: int) -> bool:
    """Whether a line was to be joined with the next, and is not, because its backslash does not stand at its end."""
    return number < len(lines) and ":" not in lines[number] and _FALSE_END.search(lines[number - 1]) is not None


def lint_file(path: str, data: bytes, host: Host) -> list[Problem]:
    """Warnings for the patterns of a `/file`, which has neither comments nor EXCEPT, users nor commas."""
    found: list[Problem] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if _RULE_IN_FILE.match(line):
            what = "such a file has patterns alone, and this is a rule: its words are patterns"
            client = line.split(b":")[1].split()
            found.append(warning(Origin(path, number), what, f"write `{_text(client[0])}`" if client else "remove the line"))
            continue
        for word in line.split():
            token = _text(word)
            if token.startswith("#"):
                found.append(
                    warning(Origin(path, number), "such a file has no comments: these words are patterns", "remove them")
                )
                break
            finding = _in_file(token, host)
            if finding is not None:
                found.append(warning(Origin(path, number), finding[0], f"write `{finding[2]}`" if finding[2] else ""))
    return found


_RULE_IN_FILE = re.compile(rb"\s*[A-Za-z][\w.@-]*\s*:[\s.\d\[]")


def _text(word: bytes) -> str:
    return word.decode("utf-8", "surrogateescape")


def _in_file(token: str, host: Host) -> Finding | None:
    alike = look_alike(token)
    if alike is not None:
        return f"{alike[0]}, so `{token}` never matches", token, alike[1].strip()
    if lower(token) == "except":
        return "such a file has no EXCEPT: it is a host's name here", token, ""
    if "," in token:
        return f"`{token}`: blanks separate patterns here, and no commas", token, " ".join(filter(None, token.split(",")))
    if split_at_sign(token) is not None:
        return f"`{token}`: no user can stand here, so it never matches", token, ""
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
    if not tokens:
        yield f"the {which} list is empty", "", ""


def _clients(rule: Rule, host: Host) -> Iterator[Finding]:
    yield from _list_ends(rule.clients, "client")
    for token in rule.clients:
        if token.startswith("#"):
            yield "a comment begins in column 1 only: these words are patterns", token, " "
            return
        parts = split_at_sign(token)
        path = token if parts is None else parts[1]
        if path.startswith("/") and (wrong := host.file(path)):
            yield f"`{path}` {wrong}, so it never matches", token, ""
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
        yield f"{wrong}, so clients that match are refused", user or group, ""


def _changes(rule: Rule, host: Host) -> Iterator[str]:
    """What superd does otherwise with this rule than the installed libwrap, for who changes from one to the other."""
    for option in rule.options:
        if option.error:
            return
        if option.name in ("user", "group"):
            what = f"`{option.name} {option.value}` is in force with superd"
            yield f"{what}: Debian's libwrap ignores it, and the program runs as root"
        elif option.name == "aclexec" and rule.table == "deny":
            yield "aclexec: when the command fails superd asks the next rule, where libwrap admits the client"
        elif option.name == "twist" and host.datagrams:
            daemons = [split_at_sign(token) or (token, "") for token in rule.daemons]
            hit = [name for name in host.datagrams if any(string_match(lower(word), lower(name)) for word, _ in daemons)]
            if hit:
                yield f"twist: `{hit[0]}` answers datagrams, which have no connection for the command: superd refuses them"


def _bare_ipv6(line: str) -> str:
    """The first IPv6 address of a line that stands without brackets."""
    for candidate in _BARE.finditer(line.partition(":")[2]):
        try:
            ipaddress.IPv6Address(candidate[0])
        except ValueError:
            continue
        return candidate[0]
    return ""
