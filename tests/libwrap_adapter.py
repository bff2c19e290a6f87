"""superd's answers to cases of access control, one JSON object a line: the other side of a comparison with libwrap.

A case says what the tables hold and what is known of a request; the answer says the verdict, the rules that matched, the
options they carry out, what the client is sent and what expansions become. Runs no command and asks no server: looking up is
reading the case. A case that hangs on a deliberate difference (docs/wrappers-differences.md) is answered with its name:
``{"skip": name}``; to tell, the case is decided once more with superd made to do as libwrap does.
"""

from __future__ import annotations

import grp
import ipaddress
import json
import pwd
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from superd.banner import render
from superd.brackets import split_outside_brackets
from superd.config.hosts import tables as tables_text
from superd.config.hosts.scan import read_rules
from superd.config.hosts.tables import parse
from superd.expansion import ExpansionTooLong, Values, defused, expand_shell, put_in, split_variable, values_of
from superd.peer import UNKNOWN, Peer
from superd.policy import file_patterns, patterns, rule_index
from superd.policy.hosts_access import Facts, Tables, compile_policy, decide
from superd.policy.patterns import unmapped
from superd.problem import Origin, errors
from superd.rule import Option, Policy, Rule, Table, identity
from superd.verdict import Ask, Need, Reason, Verdict

DIRECTORY = "/oracle-files"
"""Where the case's files seem to lie; they are handed to the policy and never opened."""
PID = 12345
LONGEST = 127
"""libwrap's STRING_LENGTH, less the end."""
LONGEST_LINE = 2047
C_SPACE = " \t\n\v\f\r"
UNREADABLE, BROKEN = 0, -1
"""Line numbers of the rule that stands for a hosts.deny that cannot be used: libwrap refuses too, or goes on without."""

NUMERIC_WILDCARD = "a-numeric-wildcard-is-for-addresses"
ZONE = "a-zone-in-a-pattern-counts"
BRACKETS = "a-bracketed-address-asks-for-no-name"
BROADCAST = "the-broadcast-address-is-an-address"
LINES = "lines-need-no-end-and-have-no-limit"
SEVERITY = "severity-takes-all-of-syslog-h"
VARIANTS = (NUMERIC_WILDCARD, ZONE, BRACKETS, BROADCAST, LINES, SEVERITY)
"""Differences that superd can be talked out of, so that a case is left out only where they change the answer."""

_NOT_OK = re.compile("[^0-9A-Za-z!@%_=+:,./-]")
_ZONE = re.compile(rb"%(?:lo|[0-9]+)\]")
"""What every host takes for a zone; a zone that there is none of never matches on either side."""
_BEFORE_RUNNING = re.compile("missing option name|bad option name|requires|must be at end")


class Skip(Exception):
    """The case hangs on the deliberate difference that this names."""


class Refused(Exception):
    """An option is not possible on this host; the rest of the rule is not carried out."""


def as_dict(values: Values) -> dict[str, str]:
    return {letter: getattr(values, letter) for letter in "aAcdhHnNprRsu"}


def to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def cut(text: str) -> str:
    return to_bytes(text)[:LONGEST].decode("utf-8", "surrogateescape")


def make_peer(address: str, name: str, user: str, port: int) -> Peer:
    """One end of the connection, all of it known; the address keeps its writing, because %a shows it."""
    address = address or UNKNOWN
    try:
        parsed = ipaddress.ip_address(unmapped(address).partition("%")[0])
        version, number = int(parsed.version), int(parsed)
    except ValueError:
        version, number = 0, 0
    return Peer(address, version, number, port, cut(name) or UNKNOWN, cut(user) or UNKNOWN)


def sanitised(values: Values) -> Values:
    """What libwrap puts into a text, if superd's own is the same or stricter, sign by sign; else superd's own."""
    found = {letter: _NOT_OK.sub(lambda found: "_" * len(to_bytes(found[0])), value) for letter, value in as_dict(values).items()}
    for letter, ours in defused(values).items():
        theirs = found[letter]
        if len(ours) != len(theirs) or any(mine not in (other, "_") for mine, other in zip(ours, theirs, strict=True)):
            found[letter] = ours
    return Values(**found)


class Trip:
    """A request through superd's policy, as a session takes it, with the case in place of the world."""

    def __init__(self, case: dict[str, Any], tables: Tables, like_libwrap: frozenset[str]) -> None:
        self.case = case
        self.tables = tables
        self.daemon = cut(case.get("daemon", UNKNOWN))
        # A lazy case gets no user beforehand.
        user = "" if case.get("lazy") else case.get("user", "")
        if not user and not case.get("udp") and case.get("client_port") and case.get("server_port"):
            user = case.get("ident", "")
        self.all_of_client = make_peer(case.get("client_addr", ""), case.get("client_name", ""), user, case.get("client_port", 0))
        self.all_of_server = make_peer(case.get("server_addr", ""), case.get("server_name", ""), "", case.get("server_port", 0))
        if BROADCAST in like_libwrap:
            self.all_of_client = without_broadcast(self.all_of_client)
            self.all_of_server = without_broadcast(self.all_of_server)
        self.matched: list[dict[str, Any]] = []
        self.options: list[str] = []
        self.sent = b""
        self.failed = self.expanded = self.faulty = False
        self.begin()

    def begin(self) -> None:
        """A request of its own: nothing has been looked up."""
        lazy, told = bool(self.case.get("lazy")), bool(self.case.get("user"))
        client, server = self.all_of_client, self.all_of_server
        self.client = replace(client, name="" if lazy else client.name, user="" if lazy or not told else client.user)
        self.server = replace(server, name="") if lazy else server
        self.facts, self.done = Facts(), 0
        self.seen: Rule | None = None

    def run(self) -> str:
        """The verdict, as a word of the oracle's."""
        self.begin()
        try:
            while True:
                found = decide(self.tables, self.daemon, self.client, self.server, self.facts)
                if isinstance(found, Verdict):
                    return self.carry_out(found)
                self.learn(found)
        except Refused:
            return "deny"

    # ------------------------------------------------------------------ looking up

    def learn(self, ask: Ask) -> None:
        """Finds the one fact out."""
        match ask.need:
            case Need.HOST_NAME:
                self.client = replace(self.client, name=self.all_of_client.name)
            case Need.SERVER_NAME:
                self.server = replace(self.server, name=self.all_of_server.name)
            case Need.USER_NAME:
                self.client = replace(self.client, user=self.all_of_client.user)
            case Need.NETGROUP:
                group, host = ask.netgroup
                member = host in self.case.get("netgroups", {}).get(group, [])
                self.facts = replace(self.facts, netgroups={**self.facts.netgroups, ask.netgroup: member})
            case Need.ACLEXEC:
                assert ask.option is not None
                self.aclexec(ask.option, ask.steps)

    def aclexec(self, option: Option, before: tuple[Option, ...]) -> None:
        """Where superd goes another way than libwrap after a failure, the case is left out."""
        rule = next(rule for rule in (*self.tables.allow, *self.tables.deny) if option in rule.options)
        self.see(rule)
        self.steps(before)
        text = self.option_text(option)
        self.options.append(text)
        statuses = self.case.get("statuses", {})
        succeeded = statuses.get(text.removeprefix("aclexec "), self.case.get("aclexec_status", 0)) == 0
        self.facts = replace(self.facts, aclexec={**self.facts.aclexec, option: succeeded})
        if succeeded:
            return
        if self.failed or rule.table == "deny" or rule.options[-1] is not option:
            raise Skip("aclexec-status-is-its-rules-own")
        self.failed = True
        raw = as_dict(values_of(self.daemon, self.all_of_client, self.all_of_server, PID))
        if self.expanded and any(_NOT_OK.search(value) for value in raw.values()):
            raise Skip("expansions-do-not-rewrite-the-request")

    def values(self, template: str) -> Values:
        """What the letters stand for in ``template``, after what it asks for has been looked up, as in a session."""
        seen = []
        for letter in re.findall("%(.)", template, re.DOTALL):
            match letter:
                case "n":
                    self.client = replace(self.client, name=self.all_of_client.name)
                case "N":
                    self.server = replace(self.server, name=self.all_of_server.name)
                case "u":
                    self.client = replace(self.client, user=self.all_of_client.user)
                case "c" | "h" | "H" | "s":
                    seen.append((letter, getattr(values_of(self.daemon, self.client, self.server, PID), letter)))
        after = values_of(self.daemon, self.client, self.server, PID)
        if any(getattr(after, letter) != value for letter, value in seen):
            raise Skip("a-text-has-one-state-of-knowledge")
        self.expanded = self.expanded or "%" in template
        return after

    def expand(self, template: str) -> str:
        values = self.values(template)
        expand_shell(template, values)  # raises for what is too long
        return put_in(as_dict(sanitised(values)), template)

    def option_text(self, option: Option) -> str:
        """As libwrap logs it: expanded, and then chopped once more."""
        return f"{option.name} {self.expand(option.value).strip(C_SPACE)}"

    # ------------------------------------------------------------------ carrying out

    def see(self, rule: Rule) -> None:
        """The rule matched; libwrap says so once, before it carries its options out."""
        if rule.origin.line == BROKEN:
            raise Skip("a-broken-hosts-deny-never-fails-open")
        if rule is not self.seen and rule.origin.line != UNREADABLE:
            self.seen = rule
            self.matched.append({"table": rule.table, "line": rule.origin.line})

    def steps(self, steps: tuple[Option, ...]) -> None:
        unknown = unknown_account(steps)
        for option in steps[self.done :]:
            self.done += 1
            self.step(option)
            if option is unknown:
                raise Refused

    def step(self, option: Option) -> None:
        text = f"{option.name} {option.value}"
        match option.name:
            case "spawn" | "twist" | "setenv":
                text = self.option_text(option)
            case "banners":
                self.banner(option.value)
            case "rfc931":
                self.client = replace(self.client, user=self.all_of_client.user)
        self.options.append(text)
        if option.name == "setenv" and not split_variable(text.removeprefix("setenv "))[0]:
            raise Refused
        if option.name == "twist" and self.case.get("resident", -1) > 0:
            raise Skip("every-connection-may-twist")

    def banner(self, folder: str) -> None:
        name = f"{folder.rstrip('/')}/{self.daemon}".removeprefix(f"{DIRECTORY}/")
        text = self.case.get("files", {}).get(name)
        if text is None:
            return
        data = to_bytes(text)
        if (
            b"\r\n" in data
            or b"\0" in data.lstrip(b"\0")
            or any(split_outside_brackets(line + "\n", "\n") is None for line in text.split("\n")[:-1])
        ):
            raise Skip("banner-lines-end-in-cr-lf")
        self.sent += render(data, sanitised(self.values(data.decode("latin-1"))))

    def carry_out(self, verdict: Verdict) -> str:
        rule = verdict.rule
        if rule is not None:
            self.see(rule)
            if rule.table == "deny" and self.failed and rule.options:
                raise Skip("aclexec-status-is-its-rules-own")
        self.steps(verdict.steps)
        if rule is None:
            return "allow"
        last = rule.options[-1] if rule.options else None
        if verdict.reason is Reason.RULE_BROKEN:
            if last is not None and not _BEFORE_RUNNING.search(last.error):
                self.faulty = True
                self.options.append(self.option_text(last) if last.name == "setenv" else f"{last.name} {last.value}")
            return "deny"
        if last is not None and last.name in ("allow", "deny"):
            self.options.append(f"{self.as_written(last)} ")
        if last is not None and last.name == "twist":
            return "twist"
        return "allow" if verdict.admit else "deny"

    def as_written(self, option: Option) -> str:
        """The keyword in the letters that the table has it in, as libwrap repeats it."""
        lines = self.case[option.origin.file.removeprefix("hosts.")].split("\n")[: option.origin.line]
        while len(lines) > 1 and lines[-2].endswith("\\"):
            lines[-2:] = [lines[-2][:-1] + lines[-1]]
        found = re.findall(rf":[ \t]*({option.name})(?=[ \t\r=]*(?::|$))", lines[-1], re.IGNORECASE)
        return str(found[0]) if found else option.name


def unknown_account(steps: tuple[Option, ...]) -> Option | None:
    """The option at which the rule's user or group turns out not to exist on this host."""
    for number, option in enumerate(steps):
        if option.name in ("user", "group"):
            user, group = identity(steps[: number + 1])
            try:
                if user:
                    pwd.getpwnam(user)
                if group:
                    grp.getgrnam(group)
            except KeyError:
                return option
    return None


def without_broadcast(end: Peer) -> Peer:
    """inet_addr(3) cannot tell 255.255.255.255 from an error, so to libwrap it is not an address."""
    return replace(end, version=0) if end.address == "255.255.255.255" else end


def as_far_as_libwrap_reads(data: bytes) -> bytes:
    """Up to the first line that is too long for libwrap, or has no end."""
    start = position = length = 0
    while position < len(data):
        end = data.find(b"\n", position) + 1
        length += (end or len(data)) - position
        if not end or length > LONGEST_LINE:
            return data[:start]
        if data[end - 2 : end] == b"\\\n":
            length -= 2
        else:
            start, length = end, 0
        position = end
    return data[:start]


def everybody(line: int) -> tuple[Rule, ...]:
    """A refusal of all who reach it."""
    return (Rule("deny", ("ALL",), ("ALL",), (), Origin("hosts.deny", line)),)


def read_tables(case: dict[str, Any], like_libwrap: frozenset[str]) -> Policy:
    """The case's tables, as superd takes them with ``--keep-going``."""
    rules: dict[str, Sequence[Rule]] = {}
    tables: tuple[Table, ...] = ("allow", "deny")
    for table in tables:
        text = case.get(table)
        if isinstance(text, dict):
            rules[table] = everybody(UNREADABLE) if table == "deny" else ()
            continue
        data = to_bytes((text or "").replace("@DIR@", DIRECTORY))
        whole = as_far_as_libwrap_reads(data) if LINES in like_libwrap else data
        seen = _ZONE.sub(b"]", whole) if ZONE in like_libwrap else whole
        # Packed as in the daemon, but where the tables of addresses are switched off.
        read = parse if {BRACKETS, BROADCAST} & set(like_libwrap) else read_rules
        rules[table], problems = read(seen, f"hosts.{table}", table)
        if errors(problems):
            rules[table] = everybody(BROKEN)
        elif table == "deny" and whole != data:
            rules[table] = (*rules[table], *everybody(UNREADABLE))
    files = {f"{DIRECTORY}/{name}": to_bytes(text.replace("@DIR@", DIRECTORY)) for name, text in case.get("files", {}).items()}
    if ZONE in like_libwrap:
        files = {name: _ZONE.sub(b"]", data) for name, data in files.items()}
    return Policy(rules["allow"], rules["deny"], files)


def decided(case: dict[str, Any], like_libwrap: Iterable[str] = ()) -> dict[str, Any]:
    """The answer, with superd doing as libwrap does in the differences named."""
    names = frozenset(like_libwrap)
    with ExitStack() as stack:
        if names & {NUMERIC_WILDCARD, BRACKETS}:
            letters = "[0-9./]*" if NUMERIC_WILDCARD in names else "[0-9./*?]*"
            digits = re.compile(letters if BRACKETS in names else rf"{letters}|\[.*", re.DOTALL)
            stack.enter_context(patch.object(patterns, "is_numeric", lambda token: digits.fullmatch(token) is not None))
        if names & {BRACKETS, BROADCAST}:
            # Word by word, without the tables of addresses.
            stack.enter_context(patch.object(rule_index, "_entries", lambda rule: None))
            stack.enter_context(patch.object(file_patterns, "address_entry", lambda word: None))
        if SEVERITY in names:
            known = tables_text.FACILITIES - {"authpriv", "ftp", "syslog", "security"}
            stack.enter_context(patch.object(tables_text, "FACILITIES", known))
            stack.enter_context(patch.object(tables_text, "LEVELS", tables_text.LEVELS - {"error", "warn", "panic", "none"}))
        try:
            return answered(case, names)
        except Skip as difference:
            return {"skip": str(difference)}
        except ExpansionTooLong:
            return {"skip": "an-expansion-too-long-refuses-one-connection"}


def answered(case: dict[str, Any], like_libwrap: frozenset[str]) -> dict[str, Any]:
    trip = Trip(case, compile_policy(read_tables(case, like_libwrap)), like_libwrap)
    for number in range(case.get("repeat", 1)):
        if trip.failed:
            raise Skip("aclexec-status-is-its-rules-own")
        verdict = trip.run()
        ends = verdict == "twist" or (verdict == "deny" and case.get("refuse"))
        if ends:
            verdict = "exit" if verdict == "deny" and number + 1 < case.get("repeat", 1) else verdict
            break
    expansions = {}
    for pattern in () if ends else case.get("expand", ()):
        trip.begin()
        expansions[pattern] = trip.expand(pattern)
    found: dict[str, Any] = {"verdict": verdict, "matched": trip.matched}
    found["options"] = [text.replace(DIRECTORY, "@DIR@") for text in trip.options]
    # libwrap names the option that turned out wrong too.
    found["carried_out"] = trip.options[: len(trip.options) - trip.faulty]
    if expansions:
        found["expansions"] = expansions
    if trip.sent:
        found["client_output"] = trip.sent.decode("utf-8", "surrogateescape").replace(DIRECTORY, "@DIR@")
    return found


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """superd's answer to one case."""
    ours = decided(case)
    if "skip" in ours or decided(case, VARIANTS) == ours:
        return ours
    return {"skip": next((name for name in VARIANTS if decided(case, [name]) != ours), "several differences")}


def main() -> None:
    """Answers until the input ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
