"""superd and the installed libwrap.so.0 on the same tables: the same verdict, the same words to the client, the same effects.

hypothesis draws the tables, every kind of pattern and option in them; a case may differ only by a difference that
docs/wrappers-differences.md lists. The seeds are fixed: what fails here fails everywhere.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from superd.expansion import split_variable
from superd.syslog_priority import priority
from tests import libwrap_adapter
from tests.differential.test_wrappers_differences import page_entries
from tests.libwrap_process import Libwrap

V4 = ["10.0.0.1", "10.1.2.3", "192.168.1.10", "206.182.68.7", "127.0.0.1", "0.0.0.0"]
V6 = ["2001:db8::1", "2001:DB8:0:1::5", "::1", "fe80::1%lo", "::ffff:10.0.0.1", "::ffff:1.2.3.4"]
NAMES = [
    "localhost",
    "client",
    "a.example.com",
    "CLIENT.Example.COM",
    "evil-example.com",
    "10.1.2.evil.com",
    "unknown",
    "paranoid",
]
USERS = ["joe", "root", "unknown", "joe smith", "-x", "ALL"]
DAEMONS = ["sshd", "in.telnetd", "vsftpd", "25"]
KEYWORDS = ["ALL", "all", "LOCAL", "KNOWN", "UNKNOWN", "PARANOID", "Known"]
ODD = [
    "[",
    "]",
    "[]",
    "@",
    "a@",
    "/",
    ".",
    "*",
    "**",
    "?",
    "*?*",
    "10",
    "10..",
    "012.0.0.1",
    "0xa.0.0.1",
    "FAIL",
    "é",
    "::1",
    "%a",
    # inet_addr(3) ends at a vertical tab or a form feed, which separate no words here; atoi(3) keeps 32 bits.
    "10.1.2.0\v/24",
    "10.1.2.0\v.5/24",
    "10.1\f.2.0/32",
    "10.1.2.0/255.255.255.0\fx",
    "10.1.2.0/\v24",
    "10.1.2.0/4294967320",
    "10.1.2.0/-4294967272",
    "[2001:db8::]/4294967320",
    "10.1.2.3\v",
    "[fe80::1%1]",
]


DICE = random.Random(7)
"""Makes the pools that hypothesis draws from: drawing every character of a table takes it seconds."""


def wildcard(text: str) -> str:
    for _ in range(DICE.randint(1, 3)):
        at = DICE.randrange(len(text) + 1)
        text = text[:at] + DICE.choice(["*", "?", "**", "*?"]) + text[at + DICE.randint(0, 3) :]
    return text


def network() -> str:
    if DICE.random() < 0.5:
        return f"[{DICE.choice(V6 + V4)}]/{DICE.choice(['128', '64', '33', '32', '1', '0', '129', '', 'x', '64x'])}"
    bits = DICE.randint(1, 32)
    number = int.from_bytes(bytes(int(part) for part in DICE.choice(V4).split(".")), "big")
    mask = (0xFFFFFFFF << (32 - bits)) & 0xFFFFFFFF
    if DICE.random() < 0.8:
        number &= mask
    net, dotted = (".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0)) for value in (number, mask))
    odd = [f"{bits}x", "33", "-1", "", "0.0.0.0", "255.0.255.0", "255.255.255.255", f"0{bits}"]
    return f"{net}/{DICE.choice([str(bits), dotted] * 6 + odd)}"


PREFIXES = [".".join(address.split(".")[:parts]) + "." for address in V4 for parts in (1, 2, 3)]
HOSTS = [
    *KEYWORDS * 3, *V4 * 3, *NAMES * 3, *[f"[{address}]" for address in V6] * 3, *PREFIXES, *ODD,
    ".example.com", ".EXAMPLE.com", ".com", ".client", "client.", "a.", *["@DIR@/list", "@DIR@/loop", "@DIR@/none"] * 3,
    *[network() for _ in range(60)], *[wildcard(DICE.choice(NAMES + V4)) for _ in range(60)],
]  # fmt: skip
CLIENTS = [
    *HOSTS * 3,
    *[f"{DICE.choice([*USERS[:4], 'KNOWN', 'UNKNOWN', 'j*', 'ALL'])}@{DICE.choice(HOSTS)}" for _ in range(150)],
]
NAMES_OF_DAEMONS = [
    *["ALL"] * 9, *DAEMONS * 4, "SSHD", ".telnetd", "in.", "22", "+22", "022", "23", "65536",
    "\v22", "\f+22", "22\v", "0000000000000000000000022", "-4294967274", "18446744073709551638",
    *[wildcard(name) for name in DAEMONS * 4],
]  # fmt: skip
DAEMON_TOKENS = [*NAMES_OF_DAEMONS * 3, *[f"{DICE.choice(NAMES_OF_DAEMONS)}@{DICE.choice(HOSTS)}" for _ in range(40)]]
LETTERS = [f"%{letter}" for letter in "aAcdhHnNrRsu%"] + ["word", "%z"]
VALUES = [" ".join(DICE.choices(LETTERS, k=DICE.randint(1, 4))) for _ in range(40)]
SEVERITIES = ["auth.info", "local3.debug", "err", "authpriv.info", "bogus", "kern.emerg", "auth.", ".info", "MAIL.crit"]
OPTIONS = [
    *["user nobody", "group daemon", "aclexec true", "aclexec test %a = 10.1.2.3", "linger 5", "nice 3"] * 4,
    "rfc931 5", "umask 027",
    "keepalive", "umask 077", "umask 22x", "umask 1000", "umask = +7", "nice", "nice 3", "nice x", "linger 5", "linger 0",
    "linger -1", "setenv FOO", "setenv A=B", "setenv = BAR x  y ", "banners @DIR@/banners/", "banners @DIR@/banners",
    "banners /nowhere", "rfc931 5x", "rfc931 0", "user nobody", "user no-such-user", "user nobody.", "group daemon",
    "group no-such-group", "bogus", "", "spawn", "keepalive 1", "allow now", "deny", "umask",
    *[f"severity {word}" for word in SEVERITIES], *[f"setenv FOO {value}" for value in VALUES[:8]],
    *[rf"spawn printf '%%s\n' {value} >> @DIR@/note" for value in VALUES[8:22]], "aclexec true", "aclexec test %a = 10.1.2.3",
    "aclexec false",
    "setenv %z", "setenv %z BAR x", "setenv FOO \v x \v y\v", "setenv FOO\v=x", "umask \v077", "nice = \f3", "linger \v5",
    "user \vroot", "banners \v@DIR@/banners", "severity \vmail.info", "keepalive\v", "\vkeepalive", "setenv FOO a%éb",
]  # fmt: skip
ENDS = [*[""] * 8, " : allow", " : deny", " : DENY", *[" : twist echo 421 %a"] * 4, " :", " : allow : keepalive"]
LINES = [
    "", "# comment", " # no comment",
    "#ALL: ALL \\", "no colon", ":", "ALL:", ": ALL", "ALL: [ALL : deny", "]ALL: ALL", "ALL\\: ALL",
]  # fmt: skip


def tokens(pool: list[str]) -> st.SearchStrategy[str]:
    """A list, nearly always with a first word that may match; EXCEPT is a word like the others."""
    rest = st.lists(st.sampled_from([*pool, *["EXCEPT"] * (len(pool) // 4)]), max_size=4)
    return st.builds(lambda first, rest: " ".join([first, *rest]), st.sampled_from(pool), rest)


def rules() -> st.SearchStrategy[str]:
    options = st.lists(st.sampled_from(OPTIONS), max_size=3)
    return st.builds(
        lambda daemons, clients, options, end: f"{daemons} : {clients}{''.join(f' : {option}' for option in options)}{end}",
        tokens(DAEMON_TOKENS), tokens(CLIENTS), options, st.sampled_from(ENDS),
    )  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> str:
    text = "".join(f"{line}\n" for line in draw(st.lists(rules() | rules() | rules() | st.sampled_from(LINES), max_size=3)))
    change = draw(st.integers(0, 29))
    if change == 0 and len(text) > 4:
        at = draw(st.integers(1, len(text) - 2))
        return text[:at] + "\\\n" + text[at:]
    return text.replace("\n", "\r\n") if change == 1 else text


def cases() -> st.SearchStrategy[dict[str, Any]]:
    words = st.lists(st.sampled_from(HOSTS), max_size=3).map(" ".join)
    return st.fixed_dictionaries(
        {
            "daemon": st.sampled_from(DAEMONS),
            "client_addr": st.sampled_from(V4 + V6),
            "client_name": st.sampled_from(NAMES),
            "server_addr": st.sampled_from(["192.0.2.1", "2001:db8::80"]),
            "server_name": st.sampled_from(["server", "ftp.example.org", "unknown"]),
            "user": st.sampled_from(USERS),
            "client_port": st.just(40000),
            "server_port": st.sampled_from([22, 25]),
            "allow": tables(),
            "deny": st.just("ALL: ALL\n") | tables(),
            "files": st.fixed_dictionaries(
                {
                    "list": st.builds("{}{}".format, words, st.sampled_from(["", "\n", "\r\n"])),
                    "loop": st.sampled_from(HOSTS).map("{}\n@DIR@/list\n".format),
                    "banners/sshd": st.sampled_from(["220 %c\n%d %u", "no end", "%z100%\n%é%\n", "\0\0x\n"]),
                }
            ),
        }
    )


def effects_of(options: list[str]) -> dict[str, Any]:
    """What the options that superd carries out do, in the words of ``tests/libwrap_process.py``."""
    found: dict[str, Any] = {
        "severity": [6, 4], "umask": 0o022, "nice": 0, "keepalive": 0, "linger": [0] * 8, "env": {}, "note": "",
    }  # fmt: skip
    for option in options:
        name, _, value = option.partition(" ")
        match name:
            case "umask":
                found["umask"] = int(value, 8)
            case "nice":
                found["nice"] = min(19, found["nice"] + int(value or "10"))
            case "severity":
                # The facility that no rule names is the program's own, which is 0 in the library.
                found["severity"] = [priority(value, "kern", "info")] * 2
            case "keepalive":
                found["keepalive"] = 1
            case "linger":
                seconds = int(value)
                found["linger"] = [*(seconds != 0).to_bytes(4, sys.byteorder), *seconds.to_bytes(4, sys.byteorder)]
            case "setenv":
                variable, found_value = split_variable(value)
                found["env"] |= {variable: found_value} if variable else {}
            case "spawn":
                words = value.removeprefix(r"printf '%s\n' ").rpartition(" >>")[0].split()
                found["note"] += "".join(f"{word}\n" for word in words) if words else "\n"
    return found


def differences(case: dict[str, Any], libwrap: Libwrap) -> tuple[dict[str, Any], dict[str, Any]]:
    """What differs, and superd's answer; that may be the deliberate difference that the case hangs on."""
    ours = libwrap_adapter.answer(with_statuses(case))
    if "skip" in ours:
        return {}, ours
    theirs = libwrap.ask(case)
    if ours["verdict"] == "twist":
        theirs["verdict"] = "twist" if theirs["verdict"] == "twist or exit" else theirs["verdict"]
        ours["client_output"] = ours.get("client_output", "") + ours["options"][-1].removeprefix("twist echo ") + "\n"
    expected = {"verdict": ours["verdict"], "client_output": ours.get("client_output", "")}
    if ours["verdict"] != "twist":
        expected |= effects_of(ours["carried_out"])
    return {key: (value, theirs[key]) for key, value in expected.items() if theirs[key] != value}, ours


def with_statuses(case: dict[str, Any]) -> dict[str, Any]:
    """How the aclexec commands of these cases end; the adapter runs none."""
    address = case["client_addr"]
    return {**case, "statuses": {"true": 0, "false": 1, f"test {address} = 10.1.2.3": int(address != "10.1.2.3")}}


CASE: dict[str, Any] = {
    "daemon": "sshd", "client_addr": "10.1.2.3", "client_name": "a.example.com", "user": "joe", "client_port": 40000,
    "server_name": "ftp.example.org", "server_addr": "192.0.2.1", "server_port": 22, "deny": "ALL: ALL\n",
    "files": {"list": "10.1. client\n", "loop": ".com\n@DIR@/list\n", "banners/sshd": "220 %c\n%d %u"},
}  # fmt: skip


def test_every_option_does_what_libwraps_does(libwrap: Libwrap) -> None:
    for option in dict.fromkeys(OPTIONS):
        for end in dict.fromkeys(ENDS):
            case = {**CASE, "allow": f"ALL: ALL: {option}{end}\n"}
            found, ours = differences(case, libwrap)
            assert found == {}, case
            assert ours.get("skip", "") in {"", *page_entries()}, case


def test_every_kind_of_pattern_matches_the_clients_that_libwraps_matches(libwrap: Libwrap) -> None:
    ends = list(itertools.product(V4[:5] + V6, NAMES))
    for number, token in enumerate(dict.fromkeys(CLIENTS)):
        address, name = ends[number * 7 % len(ends)]
        case = {**CASE, "client_addr": address, "client_name": name, "allow": f"ALL: {token}\n"}
        found, ours = differences(case, libwrap)
        assert found == {}, case
        assert ours.get("skip", "") in {"", *page_entries()}, case
    for token in dict.fromkeys(DAEMON_TOKENS):
        case = {**CASE, "allow": f"{token}: ALL\n"}
        found, ours = differences(case, libwrap)
        assert found == {}, case


def test_superd_decides_and_does_as_libwrap(libwrap: Libwrap) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=cases())
    # What is drawn depends on which modules are loaded (hypothesis draws from their constants), and seldom is one.
    @example(case={**CASE, "allow": "ALL: ALL: twist echo %c\n"})
    def compare(case: dict[str, Any]) -> None:
        found, ours = differences(case, libwrap)
        assert found == {}
        assert ours.get("skip", "") in {"", *page_entries()}
        seen.update([ours.get("verdict", "skip"), *(option.partition(" ")[0] for option in ours.get("options", ()))])

    compare()
    # What was compared was worth it: every end occurred.
    assert {"allow", "deny", "twist", "skip"} <= set(seen)
