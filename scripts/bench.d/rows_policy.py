"""Refusing: how many a second a flood may be, and what one decision costs as the tables grow."""

from __future__ import annotations

import ctypes
import ctypes.util
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from report import Aim, Table, number
from servers import BESIDE, FIRST_PORT, RULES, Superd, deny_lines, xinetd, xinetd_service
from stand import Bench, Server, Stand, median, ratio, total

from superd.load.policy import load_policy, parse_policy
from superd.peer import peer_from_text
from superd.policy.hosts_access import NO_FACTS, compile_policy, decide


def refuse(bench: Bench) -> list[Table]:
    """Each daemon refuses loopback; superd by the last of its many rules."""
    folder, port, tiny = bench.row_folder("refuse"), FIRST_PORT, bench.program("tiny")
    ours = Superd(bench, folder, rules=RULES, last="ALL : 127.0.0.0/255.0.0.0\n")
    ours.add("tiny", port, program=tiny)
    servers = [ours.server(port)]
    if bench.beside is not None:
        other = Superd(bench, folder, BESIDE, rules=RULES, last="ALL : 127.0.0.0/255.0.0.0\n")
        other.add("tiny", port + 5, program=tiny)
        servers += other.server_beside(port + 5)
    if bench.root and "xinetd" in bench.peers:
        attributes = {"user": "nobody", "server": tiny, "bind": "127.0.0.1", "no_access": "127.0.0.0/8"}
        servers.append(xinetd(bench, folder, port + 1, xinetd_service("tiny", port + 1, attributes)))
    if {"tcpserver", "tcprules"} <= bench.peers.keys():
        servers.append(_tcpserver(bench, folder, port + 2))
    if "socat" in bench.peers:
        listen = f"TCP4-LISTEN:{port + 3},bind=127.0.0.1,reuseaddr,fork,backlog=4096,range=10.0.0.0/8"
        servers.append(Server("socat range=", [bench.peers["socat"], listen, f"EXEC:{tiny},nofork"], port + 3))
    servers.append(Server("floor", [bench.program("floor"), "close", str(port + 4)], port + 4))
    with Stand(servers, bench.folder) as stand:
        results = bench.rounds_of(
            stand, lambda server: ["trips", "-p", server.port, "-c", 32, "-T", bench.seconds(0.7), "-r", "-w", 0]
        )
    bases = [base for base in ("xinetd", "tcpserver", "floor", BESIDE) if base in results]
    lines = [
        [
            name,
            number(median(results, name, "rate")),
            *(number(median(results, name, key), 0) for key in ("whole50", "whole99", "server_us")),
            str(total(results, name, "errors")),
            *(number(ratio(results, name, base, "rate")) for base in bases),
        ]
        for name in sorted(results, key=lambda name: -median(results, name, "rate"))
    ]
    head = ["server", "refused/s", "p50 µs", "p99 µs", "server CPU µs/conn", "errors", *(f"× {base}" for base in bases)]
    notes = [
        f"superd: the last of {bench.count(RULES) + 1:,} rules in hosts.deny, and a log line for each; xinetd: `no_access`; "
        "tcpserver: `deny` in a cdb; `floor`: accept and close in C."
    ]
    row = "refusals under flood"
    aims = [
        Aim(row, "refused/s against xinetd", ratio(results, "superd", "xinetd", "rate"), 8),
        Aim(row, "refused/s against tcpserver", ratio(results, "superd", "tcpserver", "rate"), 4),
        Aim(row, "refused/s against accept+close", ratio(results, "superd", "floor", "rate"), None, 1.0),
    ]
    return [Table("Refusals under flood, 32 at a time", head, lines, notes, aims)]


def _tcpserver(bench: Bench, folder: Path, port: int) -> Server:
    rules = folder / "rules.cdb"
    subprocess.run([bench.peers["tcprules"], str(rules), str(folder / "rules.new")], input=b"127.:deny\n:allow\n", check=True)
    argv = [bench.peers["tcpserver"], "-H", "-R", "-l0", "-c1000", "-b4096", "-x", str(rules), "127.0.0.1", str(port)]
    return Server("tcpserver", [*argv, bench.program("tiny")], port)


def decision(bench: Bench) -> list[Table]:
    """One decision, by tables of growing length: the first rule, the last, none; and libwrap on the same files."""
    folder = bench.row_folder("decision")
    theirs = _libwrap()
    lines, worst = [], 0.0
    for count in (10, 1000, 100_000):
        entries = bench.count(count)
        for how, text in (("addresses", deny_lines(entries)), ("networks", _networks(entries))):
            deny, allow = folder / f"{how}-{count}", folder / "allow"
            deny.write_text(text)
            allow.write_text("")
            began = time.perf_counter()
            files, _ = load_policy(str(allow), str(deny))
            policy, _ = parse_policy(files)
            parsed = time.perf_counter()
            tables = compile_policy(policy)
            built = time.perf_counter()
            first, last = text.split("\n", 1)[0].split()[-1], text.rstrip("\n").rsplit(" ", 1)[1]
            cells = [f"{entries:,} {how}"]
            for where, client in (("first", first), ("last", last), ("none", "192.0.2.1")):
                address = client.split("/")[0]
                peer, server = peer_from_text(address), peer_from_text("127.0.0.1")
                spent = _time(bench, partial(decide, tables, "tiny", peer, server, NO_FACTS))
                cells.append(number(spent, 2))
                worst = max(worst, spent)
                if where != "first":
                    asked = None if theirs is None else _time(bench, partial(theirs, allow, deny, address))
                    cells.append("-" if asked is None else number(asked, 1))
            lines.append([*cells, number((parsed - began) * 1e3, 1), number((built - parsed) * 1e3, 1)])
    head = ["rules", "first µs", "last µs", "libwrap µs", "none µs", "libwrap µs", "read ms", "compile ms"]
    notes = ["" if theirs else "libwrap is not installed (package libwrap0)."]
    aims = [Aim("policy decision", "µs, the slowest of all positions and lengths", worst, 2, unit="µs", less=True)]
    return [Table("One decision of hosts.allow and hosts.deny", head, lines, [note for note in notes if note], aims)]


def _networks(count: int) -> str:
    return "".join(f"ALL : {11 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.0/24\n" for n in range(count))


def _time(bench: Bench, what: Callable[[], object]) -> float:
    """Microseconds of one call: the median of several rows of calls."""
    began = time.perf_counter()
    what()
    once = time.perf_counter() - began
    calls = max(1, min(20_000, int(bench.seconds(0.2) / max(once, 1e-7))))
    found = []
    for _ in range(bench.rounds):
        began = time.perf_counter()
        for _ in range(calls):
            what()
        found.append((time.perf_counter() - began) / calls * 1e6)
    return sorted(found)[len(found) // 2]


def _libwrap() -> Callable[[Path, Path, str], int] | None:
    name = ctypes.util.find_library("wrap") or "libwrap.so.0"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        return None

    def ask(allow: Path, deny: Path, address: str) -> int:
        ctypes.c_char_p.in_dll(library, "hosts_allow_table").value = bytes(allow)
        ctypes.c_char_p.in_dll(library, "hosts_deny_table").value = bytes(deny)
        return int(library.hosts_ctl(b"tiny", b"unknown", address.encode(), b"unknown"))

    return ask
