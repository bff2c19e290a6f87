"""What grows with the number of services and connections: time to start and reload, memory, crowds of connections."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from report import Aim, Table, number
from servers import FIRST_PORT, MANY, Superd, openbsd_inetd, tiny_by_rlinetd, tiny_by_xinetd, xinetd, xinetd_service
from size import MIB, cage, caged, front_of, launchers_of, pss_of, rollup
from stand import PATIENCE, Bench, Server, Stand, holding, tree

FIRST_OF_MANY = FIRST_PORT + 1000
TARGET = FIRST_PORT + 50
FEW = 10
"""Services of a small host."""


def reload(bench: Bench) -> list[Table]:
    """Starting with a thousand services, and changing one of them."""
    return [_starting(bench), _reloading(bench)]


# ---------------------------------------------------------------------- starting


def _starting(bench: Bench) -> Table:
    folder, tiny, count = bench.row_folder("starting"), bench.program("tiny"), max(FEW + 1, bench.count(MANY))
    few, many = Superd(bench, folder, f"superd, {FEW}"), Superd(bench, folder, f"superd, {count}")
    few_ports = few.add_many(FEW, FIRST_PORT, tiny)
    ports = many.add_many(count, FIRST_OF_MANY, tiny)
    servers = [few.server(few_ports[0], tuple(few_ports)), many.server(ports[0], tuple(ports))]
    if bench.root and "xinetd" in bench.peers:
        servers.append(_named(tiny_by_xinetd(bench, folder, ports[0], ports[1:]), f"xinetd, {count}", ports))
    if bench.root and "openbsd-inetd" in bench.peers:
        text = "".join(f"127.0.0.1:{port} stream tcp nowait nobody {tiny} tiny\n" for port in ports)
        servers.append(_named(openbsd_inetd(bench, folder, text, ports[0]), f"openbsd-inetd, {count}", ports))
    if bench.root and "rlinetd" in bench.peers:
        servers.append(_named(tiny_by_rlinetd(bench, folder, ports[0], ports[1:]), f"rlinetd, {count}", ports))
    found: dict[str, list[tuple[float, float]]] = {server.name: [] for server in servers}
    interpreter: list[float] = []
    for _ in range(bench.rounds):
        interpreter.append(_interpreter_once())
        for server in servers:
            found[server.name].append(_start_once(bench, server))
    python = statistics.median(interpreter)
    lines = [["python -c pass", number(python * 1e3, 0), "", number(1.0)]]
    for name, times in found.items():
        first, every = (statistics.median(each) for each in zip(*times, strict=True))
        lines.append([name, number(first * 1e3, 0), number(every * 1e3, 0), number(first / python)])
    table = Table("Starting", ["server, services", "first answer ms", "all ports open ms", "× python -c pass"], lines)
    for name, most in ((few.name, 0.4), (many.name, 0.5)):
        first, every = (statistics.median(each) for each in zip(*found[name], strict=True))
        table.aims.append(Aim(f"start: {name}", "seconds until the first answer", first, most, unit="s", less=True))
        table.aims.append(Aim(f"start: {name}", "seconds until all ports are open", every, most, unit="s", less=True))
    return table


def _interpreter_once() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.monotonic() - began


def _named(server: Server, name: str, ports: range) -> Server:
    return Server(name, server.argv, server.port, tuple(ports), server.env)


def _start_once(bench: Bench, server: Server) -> tuple[float, float]:
    """Seconds from the command to the first answer, and until every port is open."""
    began = time.monotonic()
    process = subprocess.Popen(
        server.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, **server.env}, cwd="/",
    )  # fmt: skip
    try:
        first = 0.0
        while not first and time.monotonic() - began < PATIENCE:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 5) as sock:
                first = time.monotonic() - began if sock.recv(3) else 0.0
            time.sleep(0.001)
        last = first
        for port in server.ports:
            while time.monotonic() - began < PATIENCE:
                with contextlib.suppress(OSError), socket.socket() as sock:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    sock.connect(("127.0.0.1", port))
                    break
                last = time.monotonic() - began
        return first, last
    finally:
        process.terminate()
        process.wait(PATIENCE)


# ---------------------------------------------------------------------- reloading


def _reloading(bench: Bench) -> Table:
    folder, tiny, count = bench.row_folder("reloading"), bench.program("tiny"), bench.count(MANY)
    ours = Superd(bench, folder)
    ours.add("daytime", FIRST_PORT, internal="daytime")
    ports = ours.add_many(count, FIRST_OF_MANY, tiny)
    changed = ours.services / f"many{ports[0]}.toml"
    text = changed.read_text()
    changes: dict[str, Callable[[int], Any]] = {"superd": lambda n: _replace(changed, f"{text}nice = {n % 2}\n")}
    servers = [ours.server(FIRST_PORT)]
    clients = {"superd": (FIRST_PORT, ports[0])}
    if bench.root and "xinetd" in bench.peers:
        attributes = {"user": "nobody", "server": tiny, "bind": "127.0.0.1"}
        theirs = range(FIRST_OF_MANY + 2000, FIRST_OF_MANY + 2000 + count)
        inside = {"type": "INTERNAL UNLISTED", "user": "root", "bind": "127.0.0.1", "id": "daytime-stream"}
        conf = xinetd_service("daytime", FIRST_PORT + 1, inside) + "".join(
            xinetd_service(f"t{port}", port, attributes) for port in theirs
        )
        server = xinetd(bench, folder, FIRST_PORT + 1, conf)
        path = folder / "xinetd.conf"
        whole = path.read_text()
        changes["xinetd"] = lambda n: _replace(
            path, whole.replace(f"service t{theirs[0]}\n{{", f"service t{theirs[0]}\n{{\n nice = {n % 2}")
        )
        clients["xinetd"] = (FIRST_PORT + 1, theirs[0])
        servers.append(server)
    lines, aims = [], []
    with Stand(servers, bench.folder) as stand:
        for server in stand.servers:
            calm: list[float] = []
            during: list[float] = []
            errors = 0
            inner, outer = clients[server.name]
            for turn in range(bench.rounds + 1):
                for action in (None, changes[server.name]):
                    found = _while_loaded(bench, stand, server.name, inner, outer, action, turn)
                    if turn:
                        (during if action else calm).append(found["longest"] / 1e3)
                        errors += found["errors"]
            cells = [statistics.median(calm), statistics.median(during), max(during)]
            lines.append([f"{server.name}, {count}", *(number(cell, 1) for cell in cells), str(errors)])
            if server.name == "superd":
                what = "ms, longest answer of an internal service during it"
                aims.append(Aim("reload that changes 1 of 1,000", what, statistics.median(during), 10, unit="ms", less=True))
                aims.append(Aim("reload that changes 1 of 1,000", "connections lost", errors, 0, unit="", less=True))
    head = ["server, services", "longest answer ms, no reload", "with a reload (median)", "(most)", "connections lost"]
    notes = ["One client asks the internal daytime without a pause, four start programs of the very service that changes."]
    return Table("Reload that changes one service", head, lines, notes, aims)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.rename(path)


def _while_loaded(
    bench: Bench, stand: Stand, name: str, inner: int, outer: int, action: Callable[[int], Any] | None, turn: int
) -> dict[str, Any]:
    """Both kinds of clients for a while; in its midst the action, and a SIGHUP."""
    seconds = 0.4 if bench.quick else 3.0
    commands = [
        ["trips", "-p", str(inner), "-c", "1", "-T", str(seconds)],
        ["trips", "-p", str(outer), "-c", "4", "-g", "5", "-T", str(seconds), "-w", "3"],
    ]
    runs = [subprocess.Popen([bench.program("load"), *each], stdout=subprocess.PIPE, text=True) for each in commands]
    time.sleep(seconds / 6)
    if action is not None:
        action(turn)
        os.kill(stand.pid(name), signal.SIGHUP)
    found = [json.loads(run.communicate()[0]) for run in runs]
    return {"longest": found[0]["longest"], "errors": sum(each["errors"] for each in found)}


# ---------------------------------------------------------------------- memory


def memory(bench: Bench) -> list[Table]:
    """Processes at rest, then what each open connection adds."""
    return [_processes(bench), _connections(bench)]


def _processes(bench: Bench) -> Table:
    folder, tiny, count = bench.row_folder("memory"), bench.program("tiny"), bench.count(MANY)
    lines, fronts, launchers = [], [], []
    for name, services in (("one", 1), ("many", count)):
        ours = Superd(bench, folder, name)
        ports = ours.add_many(services, FIRST_OF_MANY, tiny)
        with Stand([ours.server(ports[0])], bench.folder) as stand:
            bench.load("trips", "-p", ports[0], "-c", 4, "-n", 200)
            master = stand.pid(name)
            shown = [("master", master), ("front", front_of(master)), *(("launcher", pid) for pid in launchers_of(master))]
            for what, pid in shown:
                size = rollup(pid)
                lines.append([f"superd, {services}: {what}", *(number(size[key] / MIB, 1) for key in ("rss", "pss", "private"))])
                if what == "front":
                    fronts.append(size["rss"] / MIB)
                elif what == "launcher":
                    launchers.append((size["rss"] / MIB, size["private"] / MIB))
    if bench.root and "xinetd" in bench.peers:
        many = range(FIRST_OF_MANY + 1, FIRST_OF_MANY + count)
        with Stand([tiny_by_xinetd(bench, folder, FIRST_OF_MANY, many)], bench.folder) as stand:
            size = rollup(stand.pid("xinetd"))
            lines.append([f"xinetd, {count}", *(number(size[key] / MIB, 1) for key in ("rss", "pss", "private"))])
    aims = [
        Aim("memory: front, 1 service", "MiB resident", fronts[0], 40, 30, unit="MiB", less=True),
        Aim("memory: front, 1,000 services", "MiB more", fronts[1] - fronts[0], 5, unit="MiB", less=True),
        Aim("memory: launcher", "MiB resident", max(each[0] for each in launchers), 12, unit="MiB", less=True),
        Aim("memory: launcher", "MiB private", max(each[1] for each in launchers), 5, unit="MiB", less=True),
    ]
    return Table("Memory at rest", ["process", "RSS MiB", "PSS MiB", "private MiB"], lines, [], aims)


def _connections(bench: Bench) -> Table:
    folder, held = bench.row_folder("connections"), bench.count(1000)
    target = Server("target", [bench.program("pump"), str(TARGET)], TARGET)
    lines: list[list[str]] = []
    aims: list[Aim] = []
    for kind in ("internal", "relayed", "program"):
        for name in ("superd", "xinetd"):
            if name not in {"superd", *bench.peers} or (name == "xinetd" and not bench.root):
                continue
            port = FIRST_PORT + len(lines)
            make = _ours if name == "superd" else _theirs
            server = make(bench, folder, kind, port)
            with Stand([target], bench.folder), cage() as group, Stand([server], bench.folder, group) as stand:
                own, whole = _per_connection(bench, stand, group, kind, port, held)
            lines.append([f"{name}: {kind}", number(own, 1), number(whole, 1)])
            if name == "superd" and kind != "program":
                what = "KiB with the kernel's share" if whole == whole else "KiB without the kernel's share"
                found = whole if whole == whole else own
                aims.append(Aim(f"memory: idle {kind} connection", what, found, 25, unit="KiB", less=True))
    head = ["connection", "KiB in the server", "KiB with the kernel's share"]
    return Table(f"Memory for each of {held:,} idle connections", head, lines, [], aims)


def _per_connection(bench: Bench, stand: Stand, group: str, kind: str, port: int, held: int) -> tuple[float, float]:
    server = stand.servers[0].name
    say = [] if kind == "program" else ["-m", "hello"]
    with holding(bench, "-p", port, "-n", max(10, held // 10), *say):
        pass  # what the first connections make once belongs to none of them
    time.sleep(0.5)
    own, whole = pss_of(stand.pid(server)), caged(group)
    with holding(bench, "-p", port, "-n", held, *say) as found:
        if kind == "program":
            _wait_for_programs(stand.pid(server), held)
        time.sleep(0.5)
        opened = max(1, int(found["open"]))
        return (pss_of(stand.pid(server)) - own) / opened, (caged(group) - whole) / opened


def _wait_for_programs(pid: int, count: int) -> None:
    until = time.monotonic() + PATIENCE
    while len(tree(pid)) < count and time.monotonic() < until:
        time.sleep(0.1)


def _ours(bench: Bench, folder: Path, kind: str, port: int) -> Server:
    ours = Superd(bench, folder / kind)
    if kind == "internal":
        ours.add("echo", port, internal="echo")
    elif kind == "relayed":
        ours.add("relay", port, redirect=f"127.0.0.1:{TARGET}")
    else:
        ours.add("holder", port, program=bench.program("holder"))
    return ours.server(port)


def _theirs(bench: Bench, folder: Path, kind: str, port: int) -> Server:
    attributes = {"user": "nobody", "bind": "127.0.0.1"}
    if kind == "internal":
        attributes |= {"type": "INTERNAL UNLISTED", "id": "echo-stream"}
    elif kind == "relayed":
        attributes["redirect"] = f"127.0.0.1 {TARGET}"
    else:
        attributes["server"] = bench.program("holder")
    return xinetd(bench, folder, port, xinetd_service("echo", port, attributes))


# ---------------------------------------------------------------------- crowds


def crowd(bench: Bench) -> list[Table]:
    """Ten thousand idle relayed connections over a thousand services, then a hundred thousand sources."""
    folder, services = bench.row_folder("crowd"), bench.count(MANY)
    may = (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - services - 200) // 2
    held = min(bench.count(10_000), may)
    ours = Superd(bench, folder)
    ours.add("relay", FIRST_PORT, redirect=f"127.0.0.1:{TARGET}")
    ours.add("daytime", FIRST_PORT + 1, internal="daytime")
    ours.add_many(services, FIRST_OF_MANY, bench.program("tiny"))
    target = Server("target", [bench.program("pump"), str(TARGET)], TARGET)
    lines: list[list[str]] = []
    with Stand([target, ours.server(FIRST_PORT)], bench.folder) as stand:
        ask = ["trips", "-p", FIRST_PORT + 1, "-c", 1, "-n", bench.count(2000)]
        bench.load(*ask)  # the master opens ports before there is a front
        front = front_of(stand.pid("superd"))

        def size() -> float:
            return rollup(front)["rss"] / MIB

        before, calm = size(), bench.load(*ask)
        lines.append(["before", number(before, 1), "", number(calm["first50"], 0), str(calm["errors"])])
        with holding(bench, "-p", FIRST_PORT, "-n", held, "-m", "hello") as found:
            full, busy = size(), bench.load(*ask)
            did = f"{found['open']:,} in {found['seconds']:.1f} s"
            lines.append(["relayed connections held", number(full, 1), did, number(busy["first50"], 0), str(found["errors"])])
        after = _settled(size, before, bench)
        lines.append(["closed again", number(after, 1), "", number(bench.load(*ask)["first50"], 0), "0"])
        sources = bench.count(100_000)
        flood = bench.load("trips", "-p", FIRST_PORT + 1, "-c", 32, "-n", sources, "-S")
        most = size()
        did = f"{flood['good']:,} in {flood['seconds']:.1f} s"
        lines.append(["distinct sources", number(most, 1), did, number(flood["first50"], 0), str(flood["errors"])])
        calmed = _settled(size, after, bench)
        lines.append(["some seconds later", number(calmed, 1), "", number(bench.load(*ask)["first50"], 0), "0"])
    row = "10,000 relayed, 100,000 sources"
    aims = [
        Aim(row, "relayed connections that failed", found["errors"], 0, unit="", less=True),
        Aim(row, "MiB left when they are closed", after - before, 10, unit="MiB", less=True),
        Aim(row, "sources that failed", flood["errors"], 0, unit="", less=True),
        Aim(row, "seconds for all sources", flood["seconds"], 60, unit="s", less=True),
        Aim(row, "MiB left when they are gone", calmed - after, 10, unit="MiB", less=True),
    ]
    notes = [] if held == bench.count(10_000) else [f"{held:,} connections are what this machine's limit on open files allows."]
    head = ["", "front's RSS MiB", "done", "first byte of an internal service µs", "errors"]
    return [Table(f"Crowds, with {services:,} services", head, lines, notes, aims)]


def _settled(size: Callable[[], float], aim: float, bench: Bench) -> float:
    """The size when it has come down to ``aim``, or after a while."""
    until = time.monotonic() + (1 if bench.quick else 20)
    while (now := size()) > aim + 1 and time.monotonic() < until:
        time.sleep(0.25)
    return now
