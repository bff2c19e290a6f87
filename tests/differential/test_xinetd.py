"""The real xinetd and superd over one xinetd.conf, asked the same: the same bytes, refusals and class of time.

What differs on purpose stands in docs/xinetd-differences.md, and in test_xinetd_differences.py.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.differential.sides import Side, Sides, ask, connected, rest, same, talk, write_programs

FIRST_PORT = 9001
OTHER, THIRD = "127.0.0.2", "127.0.0.3"

# What a program finds, except for what superd adds: the page says so.
SHOW = r"""#!/bin/sh
echo "argv $0 $*"
echo "cwd $(pwd) umask $(umask) nice $(nice)"
echo "ids $(id -u) $(id -g) groups $(id -G) $(grep ^CapEff /proc/self/status)"
echo "core $(ulimit -c) stack $(ulimit -s) cpu $(ulimit -t)"
echo "leads its session: $(cut -d' ' -f1,5,6 /proc/$$/stat | tr ' ' '\n' | sort -u | wc -l)"
# A shell keeps its script open above 9.
for fd in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && echo "$fd $(readlink /proc/$$/fd/$fd | tr -d 0-9)"; done
grep -E '^Sig(Blk|Ign)' /proc/self/status
env | grep -vE '^(_|PWD|OLDPWD|SHLVL|REMOTE_ADDR|REMOTE_PORT|PROTO|TCP.*|LC_CTYPE)=' | sort
echo to stderr >&2
"""


@dataclass(frozen=True)
class Case:
    """A service's attribute lines; and what one client, or several, see of it."""

    name: str
    lines: str
    probe: Callable[[int], Any] = talk


def crowd(port: int) -> list[object]:
    """Two sources, while the first client stays; then again when it has gone."""
    seen: list[object] = []
    with connected(port) as first:
        first.sendall(b"first\n")
        seen.append(first.recv(100))
        seen.append(talk(port, b"same\n"))
        seen.append(talk(port, b"other\n", source=OTHER))
        first.shutdown(1)
        seen.append(rest(first))
    return seen


def sources(port: int) -> list[object]:
    return [talk(port, b"hello\n", source=source) for source in ("127.0.0.1", OTHER, THIRD, "127.0.9.9")]


def silent(port: int) -> list[object]:
    """Sources that send nothing. After a banner the words of a program wait for the client's acknowledgement (Nagle), and are
    thrown away by a close that leaves bytes unread: of clients that did send some, any server loses them now and then."""
    return [talk(port, source=source) for source in ("127.0.0.1", OTHER, THIRD, "127.0.9.9")]


def readers(port: int) -> list[object]:
    """Sources that keep their own side open."""
    return [talk(port, source=source, half=False) for source in ("127.0.0.1", OTHER)]


def lines(count: int) -> Callable[[int], bytes]:
    def read(port: int) -> bytes:
        with connected(port) as sock, sock.makefile("rb") as stream:
            return b"".join(stream.readline() for _ in range(count))

    return read


def shape(pattern: bytes) -> Callable[[int], object]:
    """Whether the answer looks so, where it is another every second."""
    return lambda port: re.fullmatch(pattern, talk(port)[1]) is not None


def datagrams(*payloads: bytes) -> Callable[[int], list[bytes]]:
    return lambda port: [ask(port, payload) for payload in payloads]


def dialogue(port: int) -> tuple[bytes, bytes]:
    """A client that waits for the answer before it ends."""
    with connected(port) as sock:
        sock.sendall(b"ping\n")
        return sock.recv(100), b""


def internal(name: str, kind: str = "stream") -> str:
    wait = "yes" if kind == "dgram" else "no"
    return f"type = INTERNAL UNLISTED\nsocket_type = {kind}\nwait = {wait}\nid = {name}-{kind}"


CAT = "server = /bin/cat"
ECHO = "server = /bin/echo\nserver_args = served"
DAYTIME = rb"\d\d [A-Z]{3} \d{4} \d\d:\d\d:\d\d [A-Z]+\r\n"
TAKER = "import socket; s=socket.socket(fileno=0); d,a=s.recvfrom(99); s.sendto(b'got-'+d,a)"
BANNERS = "banner = @/banner\nbanner_success = @/second\nbanner_fail = @/third"
LOGGED = "log_on_success = USERID\nlog_type = FILE @/log/ident"  # without a log xinetd asks no server
SENSOR = "type = INTERNAL UNLISTED\nflags = IPv4 SENSOR\ndeny_time = 60"
ACCEPTER = "import socket; l=socket.socket(fileno=0); s,a=l.accept(); s.sendall(b'got-'+s.recv(99))"

CASES = [
    Case("what a program prints", ECHO),
    Case("what is sent comes back after a half-close", CAT, lambda port: talk(port, b"x" * 300_000)),
    Case("stderr goes to the client", "server = /bin/ls\nserver_args = /nowhere"),
    Case("status and signal are nobody's business", "server = @/killed"),
    Case("a program's world", "server = @/show\nserver_args = a -b"),
    Case("NAMEINARGS names the program", "flags = IPv4 NAMEINARGS\nserver = /bin/sh\nserver_args = other @/cmdline -x"),
    Case("umask nice and limits", "server = @/show\numask = 027\nnice = 5\nrlimit_cpu = 17"),
    Case("a number of open files", "server = @/files\nrlimit_files = 99"),
    Case("a limit in bytes", "server = @/show\nrlimit_stack = 4M"),
    Case("another user", "server = @/show\nuser = nobody"),
    Case("a group of one's own", "server = @/show\nuser = nobody\ngroup = daemon"),
    Case("the user's groups", "server = @/show\nuser = games\ngroups = yes"),
    Case("env is added", "server = @/show\nenv = GREETING=hello SECOND=x=y"),
    Case("passenv chooses", "server = @/show\npassenv = PATH SIDES_TEST NOT_THERE\nenv = A=b"),
    Case("only_from an address", f"{ECHO}\nonly_from = {OTHER}", sources),
    Case("only_from nobody", f"{ECHO}\nonly_from =", sources),
    Case("only_from a network by its zeros", f"{ECHO}\nonly_from = 127.0.0.0", sources),
    Case("only_from a network by its length", f"{ECHO}\nonly_from = 127.0.9.0/24 {THIRD}", sources),
    Case("only_from a list of last numbers", f"{ECHO}\nonly_from = 127.0.0.{{2,3}}", sources),
    Case("only_from added and taken away", f"{ECHO}\nonly_from = {OTHER} {THIRD}\nonly_from -= {OTHER}", sources),
    Case("no_access", f"{ECHO}\nno_access = {OTHER} 127.0.9.0", sources),
    Case("no_access wins over a closer only_from", f"{ECHO}\nonly_from = {OTHER} {THIRD}\nno_access = 127.0.0.0/8", sources),
    Case("no_access inside only_from", f"{ECHO}\nonly_from = 127.0.0.0/24\nno_access = {OTHER}", sources),
    Case("IPv6 addresses", f"{ECHO}\nflags = IPv6\nonly_from = ::1", lambda port: talk(port, host="::1")),
    Case("IPv6 networks", f"{ECHO}\nflags = IPv6\nonly_from = 2001:db8::/32", lambda port: talk(port, host="::1")),
    Case("IPv4 over a socket for both", f"{ECHO}\nflags = IPv6\nonly_from = {OTHER}", sources),
    Case("bind to one address", f"{ECHO}\nbind = {OTHER}", lambda port: [talk(port, host=host) for host in ("127.0.0.1", OTHER)]),
    Case("interface is bind", f"{ECHO}\ninterface = {THIRD}", lambda port: [talk(port, host=host) for host in (OTHER, THIRD)]),
    Case("never the right time", f"{ECHO}\naccess_times = @NEVER"),
    Case("always the right time", f"{ECHO}\naccess_times = 0:00-23:59"),
    Case("instances", f"{CAT}\ninstances = 1", crowd),
    Case("no instances", f"{CAT}\ninstances = 0"),
    Case("per_source", f"{CAT}\nper_source = 1", crowd),
    Case("max_load", f"{CAT}\nmax_load = 0.000001"),
    Case("a banner comes first", f"{ECHO}\nbanner = @/banner", silent),
    Case("a banner for whoever is let in", f"{ECHO}\nbanner_success = @/banner", silent),
    Case("a banner for whoever is refused", f"{ECHO}\nbanner_fail = @/banner\nonly_from = {OTHER}", sources),
    Case("all banners", f"{ECHO}\n{BANNERS}\nno_access = {OTHER}", silent),
    Case("a banner for one too many", f"{CAT}\nbanner_fail = @/banner\ninstances = 0"),
    Case("a banner that is not there", f"{ECHO}\nbanner = @/none"),
    Case("wrappers by the program's name", "server = @/wrapped", sources),
    Case("wrappers by the name of argv", "flags = IPv4 NAMEINARGS\nserver = /bin/echo\nserver_args = wrapped served", sources),
    Case("wrappers by libwrap", f"{ECHO}\nlibwrap = wrapped", sources),
    Case("no wrappers", "server = @/wrapped\nflags = IPv4 NOLIBWRAP", sources),
    Case("a banner for whom the wrappers refuse", "server = @/wrapped\nbanner_fail = @/banner", sources),
    Case("redirect", "redirect = 127.0.0.1 @PLAIN", lambda port: talk(port, half=False)),
    Case("redirect there and back", "redirect = 127.0.0.1 @CAT", dialogue),
    Case("redirect to nobody", "redirect = 127.0.0.1 1", lambda port: talk(port, half=False)),
    Case("redirect by only_from", f"redirect = 127.0.0.1 @PLAIN\nonly_from = {OTHER}", readers),
    Case("echo", internal("echo"), lambda port: talk(port, b"hello\n" * 1000)),
    Case("discard", internal("discard"), lambda port: talk(port, b"hello\n" * 1000)),
    Case("chargen", internal("chargen"), lines(20)),
    Case("daytime", internal("daytime"), shape(DAYTIME)),
    Case("time", internal("time"), shape(rb"(?s).{4}")),
    Case("echo by lists", f"{internal('echo')}-by-lists\nonly_from = {OTHER}", sources),
    Case("echo by datagram", internal("echo", "dgram"), datagrams(b"hello", b"x" * 2000)),
    Case("daytime by datagram", internal("daytime", "dgram"), lambda port: re.fullmatch(DAYTIME, ask(port, b"x")) is not None),
    Case("time by datagram", internal("time", "dgram"), lambda port: len(ask(port, b"x"))),
    Case("a datagram program takes the socket", "socket_type = dgram\nwait = yes\n@TAKER", datagrams(b"one")),
    Case("a stream program takes the socket", "wait = yes\n@ACCEPTER", lambda port: [talk(port, b"a"), talk(port, b"b")]),
    Case("who is not known by ident may not come", f"{ECHO}\nflags = IPv4 IDONLY\n{LOGGED}"),
    Case("who is not known may come elsewhere", f"{ECHO}\n{LOGGED}"),
    Case("disable", f"{ECHO}\ndisable = yes"),
    Case("disabled by id", f"{ECHO}\nid = switched-off"),
    Case("a program that is not there is not served", "server = /nowhere/program"),
    Case("a user who is not there is not served", f"{ECHO}\nuser = nobody-of-this-name"),
    Case("an unknown value is not served", f"{ECHO}\nwait = perhaps"),
    Case("a sensor", SENSOR, lambda port: talk(port, source="127.0.0.66")),
    Case("whom the sensor caught", f"{ECHO}\nid = z-after-sensor", lambda port: talk(port, source="127.0.0.66")),
    Case("keepalive and nodelay", f"{ECHO}\nflags = IPv4 KEEPALIVE NODELAY REUSE"),
]  # fmt: skip


def entry(case: Case, port: int) -> str:
    """The service of a case: what it does not say itself is what most have."""
    text = case.lines
    names = {line.partition("=")[0].strip() for line in text.splitlines()}
    if "socket_type" not in names:
        text += "\nsocket_type = stream"
    if "type" not in names:
        text += "\ntype = UNLISTED"
    for name, value in {"wait": "no", "user": "root", "flags": "IPv4", "id": f"z{port}"}.items():
        if name not in names:
            text += f"\n{name} = {value}"
    text += "\nprotocol = udp" if "socket_type = dgram" in text else "\nprotocol = tcp"
    word = case.lines.partition("id = ")[2].split("-")[0] if "INTERNAL" in text and "SENSOR" not in text else f"s{port}"
    return f"service {word}\n{{\nport = {port}\n{text}\n}}\n"


PORTS = {case.name: FIRST_PORT + number for number, case in enumerate(CASES)}


def write(folder: Path) -> Path:
    """The programs, banners and one xinetd.conf of all the cases."""
    programs = {
        "show": SHOW,
        "cmdline": "tr '\\0' ' ' </proc/$$/cmdline\n",
        "files": "#!/bin/sh\nulimit -Sn\nulimit -Hn\n",
        "killed": "#!/bin/sh\necho before\nkill -9 $$\n",
        "wrapped": "#!/bin/sh\necho served\n",
        "taker": TAKER,
        "accepter": ACCEPTER,
    }
    write_programs(folder, programs)
    for name in ("banner", "second", "third"):
        (folder / name).write_text(f"this is the {name}\n")
    hour = 12 if time.localtime().tm_hour in (23, 0) else 0  # never this one, nor the next
    words = {
        "@TAKER": "server = /usr/bin/python3\nserver_args = @/taker",
        "@ACCEPTER": "server = /usr/bin/python3\nserver_args = @/accepter",
        "@/": f"{folder}/",
        "@NEVER": f"{hour}:00-{hour}:01",
        "@PLAIN": str(PORTS["what a program prints"]),
        "@CAT": str(PORTS["what is sent comes back after a half-close"]),
    }
    text = "defaults\n{\ndisabled = switched-off\ncps = 10000 1\n}\n"
    text += "".join(entry(case, PORTS[case.name]) for case in CASES)
    for word, meant in words.items():
        text = text.replace(word, meant)
    conf = folder / "xinetd.conf"
    conf.write_text(text)
    return conf


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    sides = Sides(tmp_path_factory.mktemp("sides"))
    (sides.world.etc / "hosts.deny").write_text(f"wrapped : {OTHER} 127.0.9.\n")
    conf = write(sides.folder)
    os.environ["SIDES_TEST"] = "passed on"
    first = PORTS["what a program prints"]
    try:
        yield sides.xinetd(conf, first), sides.superd(conf, first)
    finally:
        sides.stop()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_client_sees_the_same_of_both(both: tuple[Side, Side], case: Case) -> None:
    same(*both, case.probe, PORTS[case.name])
