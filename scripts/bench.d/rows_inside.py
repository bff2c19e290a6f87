"""What superd does itself: internal services, and redirects."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from report import Aim, Table, number
from servers import FIRST_PORT, Superd, openbsd_inetd, xinetd, xinetd_service
from stand import Bench, Results, Server, Stand, median, ratio, total

from superd.relay_count import relay_count

KINDS = ("echo", "discard", "chargen")


def internal(bench: Bench) -> list[Table]:
    """echo, discard and chargen: connections a second, bytes a second."""
    folder = bench.row_folder("internal")
    ports: dict[str, dict[str, int]] = {}
    ours = Superd(bench, folder)
    ports["superd"] = {kind: FIRST_PORT + n for n, kind in enumerate(KINDS)}
    for kind, port in ports["superd"].items():
        ours.add(kind, port, internal=kind)
    servers = [ours.server(FIRST_PORT)]
    if "xinetd" in bench.peers:
        ports["xinetd"] = {kind: FIRST_PORT + 10 + n for n, kind in enumerate(KINDS)}
        attributes = {"type": "INTERNAL UNLISTED", "user": "root", "bind": "127.0.0.1"}
        text = "".join(
            xinetd_service(kind, port, attributes | {"id": f"{kind}-stream"}) for kind, port in ports["xinetd"].items()
        )
        servers.append(xinetd(bench, folder, FIRST_PORT + 10, text))
    if bench.root and "openbsd-inetd" in bench.peers:
        # Its internal services have /etc/services' own ports.
        ports["openbsd-inetd"] = {"echo": 7, "discard": 9, "chargen": 19}
        text = "".join(f"127.0.0.1:{kind} stream tcp nowait root internal\n" for kind in KINDS)
        servers.append(openbsd_inetd(bench, folder, text, 7))
    ports["C"] = {kind: FIRST_PORT + 20 + n for n, kind in enumerate(KINDS)}
    servers.append(Server("C", [bench.program("pump"), str(FIRST_PORT + 20)], FIRST_PORT + 20))
    found: dict[str, Results] = {}
    with Stand(servers, bench.folder) as stand:
        trips = ["-c", 16, "-T", bench.seconds(0.7), "-m", "hello", "-w", 5]
        found["echo conn/s"] = bench.rounds_of(stand, lambda server: ["trips", "-p", ports[server.name]["echo"], *trips])
        for kind, way in zip(KINDS, ("echo", "send", "recv"), strict=True):
            for at_once in (1, 8):
                found[f"{kind} MB/s, {at_once} at once"] = bench.rounds_of(
                    stand,
                    lambda server, kind=kind, way=way, at_once=at_once: [  # type: ignore[misc]
                        "flow", "-p", ports[server.name][kind], "-k", way, "-c", at_once, "-T", bench.seconds(0.7),
                    ],
                )  # fmt: skip
    table = next_to("Internal services", found, ["superd", "xinetd", "openbsd-inetd", "C"])
    rate, echo = found["echo conn/s"], "internal echo, discard, chargen"
    table.aims.append(Aim(echo, "echo conn/s next to xinetd", ratio(rate, "superd", "xinetd", "rate"), 5))
    table.aims.append(Aim(echo, "echo conn/s next to the C program", ratio(rate, "superd", "C", "rate"), None, 1.0))
    for what, results in list(found.items())[1:]:
        table.aims.append(Aim(echo, f"{what} next to xinetd", ratio(results, "superd", "xinetd", "mbs"), 3))
    return [table]


def redirect(bench: Bench) -> list[Table]:
    """Bytes through a redirect to a C program, and connections through one."""
    folder, target = bench.row_folder("redirect"), FIRST_PORT + 50
    ways = {"echo": target, "send": target + 1, "recv": target + 2}
    ports: dict[str, dict[str, int]] = {"direct": ways}
    ours = Superd(bench, folder)
    ports["superd"] = {way: FIRST_PORT + n for n, way in enumerate(ways)}
    for way, to in ways.items():
        ours.add(way, ports["superd"][way], redirect=f"127.0.0.1:{to}")
    ports["C relays"] = {way: FIRST_PORT + 60 + n for n, way in enumerate(ways)}
    servers = [
        Server("direct", [bench.program("pump"), str(target)], target),
        Server("C relays", [bench.program("relay"), str(FIRST_PORT + 60), str(target), "2"], FIRST_PORT + 60),
        ours.server(FIRST_PORT),
    ]
    if "xinetd" in bench.peers:
        ports["xinetd"] = {way: FIRST_PORT + 10 + n for n, way in enumerate(ways)}
        text = "".join(
            xinetd_service(way, ports["xinetd"][way], {"user": "root", "bind": "127.0.0.1", "redirect": f"127.0.0.1 {to}"})
            for way, to in ways.items()
        )
        servers.append(xinetd(bench, folder, FIRST_PORT + 10, text))
    for offset, (name, options) in enumerate((("socat", []), ("socat -b65536", ["-b65536"])), 2):
        if "socat" not in bench.peers:
            continue
        ports[name] = {way: FIRST_PORT + offset * 10 + n for n, way in enumerate(ways)}
        commands = [
            f"{bench.peers['socat']} {' '.join(options)} "
            f"TCP4-LISTEN:{ports[name][way]},bind=127.0.0.1,reuseaddr,fork,backlog=4096 TCP4:127.0.0.1:{to}"
            for way, to in ways.items()
        ]
        # One socat is one address: a shell keeps the three of them and ends them.
        script = "trap 'kill $(jobs -p); exit' TERM; " + " & ".join(commands) + " & wait"
        servers.append(Server(name, ["/bin/bash", "-c", script], ports[name]["echo"]))
    found: dict[str, Results] = {}
    with Stand(servers, bench.folder) as stand:
        for way in ("recv", "send", "echo"):
            for at_once in (1, 8):
                found[f"{way} MB/s, {at_once} at once"] = bench.rounds_of(
                    stand,
                    lambda server, way=way, at_once=at_once: [  # type: ignore[misc]
                        "flow", "-p", ports[server.name][way], "-k", way, "-c", at_once, "-T", bench.seconds(0.7),
                    ],
                )  # fmt: skip
        trips = ["-c", 16, "-T", bench.seconds(0.7), "-m", "hello", "-w", 5]
        found["echo conn/s"] = bench.rounds_of(stand, lambda server: ["trips", "-p", ports[server.name]["echo"], *trips])
    table = next_to("Redirect", found, ["superd", "xinetd", "socat", "socat -b65536", "C relays", "direct"])
    for what in ("recv MB/s, 1 at once", "recv MB/s, 8 at once", "send MB/s, 1 at once", "send MB/s, 8 at once"):
        table.aims.append(Aim("redirect", f"{what} next to xinetd", ratio(found[what], "superd", "xinetd", "mbs"), 8))
        beside = ratio(found[what], "superd", "socat -b65536", "mbs")
        table.aims.append(Aim("redirect", f"{what} next to socat -b65536", beside, 1.5))
    for way in ("recv", "send", "echo"):
        what = f"{way} MB/s, 8 at once"
        table.aims.append(Aim("redirect", f"{what} next to two C relays", ratio(found[what], "superd", "C relays", "mbs"), 0.9))
    table.aims.append(
        Aim("redirect", "echo MB/s, 8 at once next to xinetd", ratio(found["echo MB/s, 8 at once"], "superd", "xinetd", "mbs"), 3)
    )
    table.notes.append(f"superd runs {relay_count(None)} relays here; `C relays` are two processes of one epoll each.")
    return [table]


def busy(bench: Bench) -> list[Table]:
    """What a new connection waits for while eight streams flow through a redirect of the same superd."""
    folder, target = bench.row_folder("busy"), FIRST_PORT + 52
    ours = Superd(bench, folder)
    ours.add("flow", FIRST_PORT, redirect=f"127.0.0.1:{target}")
    ours.add("tiny", FIRST_PORT + 1, program=bench.program("tiny"))
    pump = Server("pump", [bench.program("pump"), str(target - 2)], target)
    seconds = bench.seconds(2)
    trips = ["trips", "-p", FIRST_PORT + 1, "-c", 1, "-T", seconds, "-g", 10, "-w", 3]
    found: Results = {"idle": [], "eight streams": []}
    with Stand([pump, ours.server(FIRST_PORT + 1, (FIRST_PORT,))], bench.folder):
        for _ in range(bench.rounds):
            found["idle"].append(bench.load(*trips))
            with streams(bench, FIRST_PORT, 8, seconds + 1):
                found["eight streams"].append(bench.load(*trips))
    lines = [
        [
            name,
            number(median(found, name, "first50"), 0),
            number(median(found, name, "whole99"), 0),
            str(total(found, name, "errors")),
        ]
        for name in found
    ]
    table = Table("A new connection while eight streams flow", ["", "first byte µs (p50)", "p99 µs", "errors"], lines)
    table.notes.append("superd accepts, decides and starts a program; streams, clients and the target share the machine with it.")
    table.aims.append(Aim("busy", "p99 next to idle", ratio(found, "eight streams", "idle", "whole99"), 2, less=True))
    return [table]


@contextlib.contextmanager
def streams(bench: Bench, port: int, at_once: int, seconds: float) -> Iterator[None]:
    """Bytes that flow meanwhile."""
    arguments = [bench.program("load"), "flow", "-p", port, "-k", "recv", "-c", at_once, "-T", seconds]
    process = subprocess.Popen(list(map(str, arguments)), stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def next_to(title: str, found: dict[str, Results], names: list[str]) -> Table:
    """A line for each measurement, a column for each server, then superd's ratio to each."""
    note = "CPU: of the server, in µs for a connection or ms for a GB."
    present = [name for name in names if name in next(iter(found.values()))]
    lines = []
    for what, results in found.items():
        key = "rate" if "conn/s" in what else "mbs"
        ratios = [number(ratio(results, "superd", name, key)) for name in present[1:]]
        cost = [number(median(results, name, "server_us"), 0) for name in present]
        errors = sum(total(results, name, "errors") for name in present)
        lines.append([what, *(number(median(results, name, key), 0) for name in present), *ratios, *cost, str(errors)])
    return Table(
        title,
        ["", *present, *(f"superd × {name}" for name in present[1:]), *(f"CPU {name}" for name in present), "errors"],
        lines,
        [note],
    )
