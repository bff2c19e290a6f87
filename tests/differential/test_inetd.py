"""Debian's two inetds and superd over one inetd.conf, asked the same: the same bytes, refusals and class of time.

What differs on purpose stands in docs/xinetd-differences.md, and in test_xinetd_differences.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.differential.sides import Side, Sides, ask, same, talk, write_programs
from tests.differential.test_xinetd import ACCEPTER, OTHER, SHOW, TAKER, dialogue, shape, sources
from tests.needs import needs

FIRST_PORT = 9001
FAR = "192.0.2.1"
"""An address of this host that is not of 127/8, whose datagrams OpenBSD's inetd throws away."""


@dataclass(frozen=True)
class Case:
    """Lines of an inetd.conf, ``@`` for the port; and what a client sees."""

    name: str
    lines: str
    probe: Callable[[int], Any] = talk


def far(port: int, data: bytes = b"x" * 100) -> bytes:
    return ask(port, data, source=FAR, host=FAR)


def world(port: int) -> bytes:
    """What a program finds, except for its environment, its session and limits."""
    said = talk(port)[1].splitlines()
    return b"\n".join(line for line in said if line.startswith((b"argv", b"cwd", b"ids")) or line[:2] in (b"0 ", b"1 ", b"2 "))


def crowd(port: int) -> list[object]:
    return [talk(port) for _ in range(5)]


def families(port: int) -> list[object]:
    return [talk(port), talk(port, host="::1")]


def pair(one: str, other: str) -> str:
    return f"@ stream {one} nowait root /bin/echo echo first\n@ stream {other} nowait root /bin/echo echo second"


CASES = [
    Case("what a program prints", "@ stream tcp nowait root /bin/echo echo served"),
    Case(
        "what is sent comes back after a half-close", "@ stream tcp nowait root /bin/cat cat", lambda p: talk(p, b"x" * 300_000)
    ),
    Case("a client that waits for the answer", "@ stream tcp nowait root /bin/cat cat", dialogue),
    Case("stderr goes to the client", "@ stream tcp nowait root /bin/ls ls /nowhere"),
    Case("argv is as it is written", "@ stream tcp nowait root /bin/sh other @/cmdline -x"),
    Case("a program's world", "@ stream tcp nowait root @/show show", world),
    Case("another user", "@ stream tcp nowait nobody @/show show", world),
    Case("the user's groups", "@ stream tcp nowait games @/show show", world),
    Case("a group after a dot", "@ stream tcp nowait nobody.daemon @/show show", world),
    Case("a group after a colon", "@ stream tcp nowait nobody:daemon @/show show", world),
    Case("one address", "127.0.0.2:@ stream tcp nowait root /bin/echo echo served", lambda p: [talk(p), talk(p, host=OTHER)]),
    Case("IPv4 alone", "@ stream tcp4 nowait root /bin/echo echo served", lambda p: [talk(p), talk(p, host="::1")]),
    Case("tcpd lets in by the tables", "@ stream tcp nowait root /usr/sbin/tcpd @/wrapped"),
    Case("without tcpd nobody asks them", "@ stream tcp nowait root @/wrapped wrapped", sources),
    Case(
        "a stream program takes the socket", "@ stream tcp wait root /usr/bin/python3 python3 @/accepter", lambda p: talk(p, b"a")
    ),
    Case("a datagram program takes the socket", "@ dgram udp wait root /usr/bin/python3 python3 @/taker", far),
    Case("echo", "echo stream tcp nowait root internal", lambda p: talk(7, b"hello\n" * 1000)),
    Case("discard", "discard stream tcp nowait root internal", lambda p: talk(9, b"hello\n" * 1000)),
    Case("echo by datagram", "echo dgram udp wait root internal", lambda p: far(7)),
    Case("a line that is wrong hides none", "@ stream tcp nowait root bin/true\n@ stream tcp nowait root /bin/echo echo served"),
    Case("a comment is nothing", "#@ stream tcp nowait root /bin/echo echo served"),
]
OF_OPENBSD = [
    Case("time", "time stream tcp nowait root internal", lambda p: shape(rb"(?s).{4}")(37)),
    Case("time by datagram", "time dgram udp wait root internal", lambda p: len(far(37))),
    Case("tcp is IPv6 too", "@ stream tcp nowait root /bin/echo echo served", lambda p: talk(p, host="::1")),
    Case("IPv6 alone", "@ stream tcp6 nowait root /bin/echo echo served", lambda p: [talk(p), talk(p, host="::1")]),
    Case("an address for the lines below", "127.0.0.3:\n@ stream tcp nowait root /bin/echo echo served\n*:", lambda p: talk(p)),
    Case("a list of addresses", "127.0.0.1,127.0.0.2:@ stream tcp nowait root /bin/echo echo served", sources),
    Case("two lines of one protocol", pair("tcp", "tcp"), families),
    Case("a line for each family", pair("tcp", "tcp6"), families),
    Case("a line for each family, the other way round", pair("tcp6", "tcp"), families),
    Case("tcp4 and tcp6", pair("tcp4", "tcp6"), families),
    Case("tcp4 finds tcp in its place", pair("tcp", "tcp4"), families),
    Case("tcp4 finds tcp46 in its place", pair("tcp46", "tcp4"), families),
    Case("one start a minute less than it says", "@ stream tcp nowait.4 root /bin/echo echo served", crowd),
]
OF_INETUTILS = [
    Case("a user who is not there is not served", "@ stream tcp nowait nobody-of-this-name /bin/echo echo served"),
    Case("IPv6 and IPv4", "@ stream tcp6 nowait root /bin/echo echo served", lambda p: [talk(p), talk(p, host="::1")]),
    Case("IPv6 only", "@ stream tcp6only nowait root /bin/echo echo served", lambda p: [talk(p), talk(p, host="::1")]),
    Case(
        "tcpmux",
        "tcpmux stream tcp nowait root internal\ntcpmux/told stream tcp nowait root /bin/echo echo served\n"
        "tcpmux/+spared stream tcp nowait root /bin/echo echo served",
        lambda p: [talk(1, name + b"\r\n") for name in (b"told", b"spared", b"TOLD", b"nobody", b"help", b"")],
    ),
    Case("two lines of one protocol", pair("tcp", "tcp"), families),
    Case("a line for each family", pair("tcp", "tcp6only"), families),
    Case("tcp finds tcp6 in its place", pair("tcp6", "tcp"), families),
    Case("as many starts a minute as it says", "@ stream tcp nowait.4 root /bin/echo echo served", lambda p: crowd(p)[:4]),
]


def ports(cases: list[Case]) -> dict[str, int]:
    return {case.name: FIRST_PORT + number for number, case in enumerate(cases)}


def write(folder: Path, cases: list[Case]) -> Path:
    """The programs, and the inetd.conf of all the cases."""
    programs = {
        "show": SHOW.replace("#!/bin/sh\n", "#!/bin/sh\nexec 3>&-\n"),
        "cmdline": "tr '\\0' ' ' </proc/$$/cmdline\n",
        "wrapped": "#!/bin/sh\necho served\n",
        "taker": TAKER,
        "accepter": ACCEPTER,
    }
    write_programs(folder, programs)
    text = "\n".join(case.lines.replace("@/", f"{folder}/").replace("@", str(ports(cases)[case.name])) for case in cases)
    conf = folder / "inetd.conf"
    conf.write_text(text + "\n")
    return conf


def started(folder: Path, cases: list[Case], dialect: str) -> tuple[Sides, Side, Side]:
    needs("tcpd", "/usr/sbin/tcpd")
    sides = Sides(folder, (FAR,))
    (sides.world.etc / "hosts.deny").write_text(f"wrapped : {OTHER} 127.0.9.\n")
    conf = write(folder, cases)
    ours = folder / "superd.toml"
    ours.write_text(f'inetd = ["{conf}"]\ninetd_dialect = "{dialect}"\n')
    theirs = sides.openbsd if dialect == "openbsd" else sides.inetutils
    return sides, theirs(conf, FIRST_PORT), sides.superd(ours, FIRST_PORT)


@pytest.fixture(scope="module")
def openbsd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    sides, theirs, ours = started(tmp_path_factory.mktemp("openbsd"), CASES + OF_OPENBSD, "openbsd")
    yield theirs, ours
    sides.stop()


@pytest.fixture(scope="module")
def inetutils(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    sides, theirs, ours = started(tmp_path_factory.mktemp("inetutils"), CASES + OF_INETUTILS, "inetutils")
    yield theirs, ours
    sides.stop()


@pytest.mark.parametrize("case", CASES + OF_OPENBSD, ids=lambda case: case.name)
def test_a_client_sees_the_same_of_openbsds_inetd(openbsd: tuple[Side, Side], case: Case) -> None:
    port = ports(CASES + OF_OPENBSD)[case.name]
    same(*openbsd, case.probe, port)


@pytest.mark.parametrize("case", CASES + OF_INETUTILS, ids=lambda case: case.name)
def test_a_client_sees_the_same_of_inetutils_inetd(inetutils: tuple[Side, Side], case: Case) -> None:
    port = ports(CASES + OF_INETUTILS)[case.name]
    same(*inetutils, case.probe, port)
