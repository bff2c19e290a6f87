"""Starting a tiny program: sixteen at a time, with a thousand services, 256 at a time, and one now and then."""

from __future__ import annotations

from report import Aim, Table, number
from servers import BESIDE, FIRST_PORT, MANY, RULES, Superd, tiny_by_xinetd, tiny_servers
from stand import Bench, Results, Server, Stand, median, ratio, span, total

OK = 3
"""Bytes that the tiny program says."""


def _table(title: str, results: Results, bases: list[str]) -> Table:
    present = [base for base in bases if base in results]
    head = ["server", "conn/s", "least–most", "first byte µs (p50)", "p99 µs", "server CPU µs/conn", "errors"]
    lines = []
    for name in sorted(results, key=lambda name: -median(results, name, "rate")):
        low, high = span(results, name, "rate")
        cells = [name, number(median(results, name, "rate")), f"{number(low)}–{number(high)}"]
        cells += [number(median(results, name, key), 0) for key in ("first50", "whole99", "server_us")]
        cells.append(str(total(results, name, "errors")))
        lines.append(cells + [number(ratio(results, name, base, "rate")) for base in present])
    return Table(title, [*head, *(f"× {base}" for base in present)], lines)


def start(bench: Bench) -> list[Table]:
    """Sixteen at a time, and 256, on the same servers."""
    with Stand(tiny_servers(bench, bench.row_folder("start")), bench.folder) as stand:
        few = bench.rounds_of(stand, lambda server: _trips(server, 16, bench.seconds(0.7)))
        many = bench.rounds_of(stand, lambda server: _trips(server, 256, bench.seconds(1.5)))
    bases = ["xinetd", "tcpserver", "floor", BESIDE]
    first = _table("Starting a program, 16 at a time", few, bases)
    first.notes.append(
        f"superd with {bench.count(RULES):,} rules in hosts.deny, limits, environment and START/EXIT lines on (`rlimits`: "
        "with limits on the program itself, too); the others with nothing of it. `floor`: accept and vfork in C."
    )
    row = "start, 16 at a time"
    first.aims += [
        Aim(row, "conn/s against xinetd", ratio(few, "superd", "xinetd", "rate"), 1.6, 2.1),
        Aim(row, "conn/s against tcpserver", ratio(few, "superd", "tcpserver", "rate"), 1.0, 1.3),
        Aim(row, "conn/s against the floor", ratio(few, "superd", "floor", "rate"), 0.70, 0.95),
        Aim("CPU of the whole tree", "µs/conn against xinetd", ratio(few, "superd", "xinetd", "server_us"), 0.5, 0.4, less=True),
    ]
    second = _table("Starting a program, 256 at a time", many, bases)
    slow = median(few, "superd", "rate")
    held = median(many, "superd", "rate") / slow if slow else float("nan")
    second.aims += [
        Aim("start, 256 at a time", "conn/s against those at 16", held, 0.85),
        Aim("start, 256 at a time", "errors", total(many, "superd", "errors"), 0, unit="", less=True),
    ]
    return [first, second]


def start_many(bench: Bench) -> list[Table]:
    """What other listeners cost the start of a program."""
    folder, tiny, count = bench.row_folder("start-many"), bench.program("tiny"), bench.count(MANY) - 1
    one, more = Superd(bench, folder, "superd, 1", RULES), Superd(bench, folder, f"superd, {count + 1}", RULES)
    one.add("tiny", FIRST_PORT, program=tiny)
    more.add("tiny", FIRST_PORT + 1, program=tiny)
    more.add_many(count, FIRST_PORT + 1000, tiny)
    servers = [one.server(FIRST_PORT), more.server(FIRST_PORT + 1)]
    if "xinetd" in bench.peers and bench.root:
        servers.append(tiny_by_xinetd(bench, folder, FIRST_PORT + 2, name="xinetd, 1"))
        many = range(FIRST_PORT + 3000, FIRST_PORT + 3000 + count)
        servers.append(tiny_by_xinetd(bench, folder, FIRST_PORT + 3, many, name=f"xinetd, {count + 1}"))
    with Stand(servers, bench.folder) as stand:
        results = bench.rounds_of(stand, lambda server: _trips(server, 16, bench.seconds(0.7)))
    table = _table(f"Starting a program with {count + 1:,} services listening", results, [one.name, "xinetd, 1"])
    kept = ratio(results, more.name, one.name, "rate")
    table.aims.append(Aim("start with 1,000 services", "conn/s against those with one", kept, 0.95))
    return [table]


GUARDS = {
    "off": "",
    "time limits": '[limits]\nsession = "1h"\nidle = "5m"\nfirst_byte = "30s"\nstart = "20s"',
    "rlimits": 'rlimit_cpu = 60\nrlimit_as = "1G"',
    "sandbox": '[sandbox]\nno_new_privs = true\ncapabilities = []\nread_only = ["/"]\nprivate_network = true\n'
    'private_ipc = true\nseccomp = ["default"]',
    "processes of its own": "[sandbox]\nprivate_pids = true",
}
A_GROUP = {"a group": 'require = ["cgroup"]', "a group with limits": '[limits]\nmemory = "64M"\npids = 50\ncpu_quota = 100'}
"""Where this host has them, and superd may make them."""


def guards(bench: Bench) -> list[Table]:
    """What each guard of a program costs its start."""
    folder, tiny, servers = bench.row_folder("guards"), bench.program("tiny"), []
    wanted = GUARDS | A_GROUP if bench.root else {"off": "", "time limits": GUARDS["time limits"]}
    for offset, (name, keys) in enumerate(wanted.items()):
        each = Superd(bench, folder, f"superd, {name}")
        each.add("tiny", FIRST_PORT + 10 * offset, program=tiny, more=keys)
        if name not in A_GROUP or each.can_be_served():
            servers.append(each.server(FIRST_PORT + 10 * offset))
    with Stand(servers, bench.folder) as stand:
        results = bench.rounds_of(stand, lambda server: _trips(server, 16, bench.seconds(0.7)))
    table = _table("Starting a program under guards, 16 at a time", results, ["superd, off"])
    if missing := [name for name in wanted if f"superd, {name}" not in results]:
        table.notes.append(f"Not on this host: {', '.join(missing)}.")
    for name, aim in (("sandbox", 0.9), ("time limits", 0.5)):
        if name in wanted:
            found = ratio(results, f"superd, {name}", "superd, off", "rate")
            table.aims.append(Aim(name, "conn/s against no guard", found, aim))
    return [table]


def first_byte(bench: Bench) -> list[Table]:
    """One connection now and then: what an idle server needs to wake up and answer."""
    with Stand(tiny_servers(bench, bench.row_folder("first-byte")), bench.folder) as stand:
        results = bench.rounds_of(
            stand, lambda server: ["trips", "-p", server.port, "-c", 1, "-T", bench.seconds(2), "-g", 10, "-w", OK]
        )
    present = [base for base in ("xinetd", "tcpserver", "floor", BESIDE) if base in results]
    lines = []
    for name in sorted(results, key=lambda name: median(results, name, "first50")):
        cells = [number(median(results, name, key), 0) for key in ("first50", "first99", "server_us")]
        ratios = [number(ratio(results, name, base, "first50")) for base in present]
        lines.append([name, *cells, str(total(results, name, "errors")), *ratios])
    head = ["server", "first byte µs (p50)", "p99", "server CPU µs/conn", "errors", *(f"× {base}" for base in present)]
    table = Table("One connection every 10 ms: time to first byte", head, lines)
    found = ratio(results, "superd", "xinetd", "first50")
    table.aims.append(Aim("one at a time, idle server", "first byte against xinetd's", found, 0.85, 0.6, less=True))
    return [table]


def _trips(server: Server, at_once: int, seconds: float) -> list[object]:
    return ["trips", "-p", server.port, "-c", at_once, "-T", seconds, "-w", OK]
