"""How far one front goes: what a connection costs each process here, and by that a model of machines with more cores."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from many_cores import Costs, Found, simulate, spread
from report import Aim, Table, number
from servers import FIRST_PORT, RULES, Superd
from stand import Bench, Result, Stand, tree

from superd.system.spawn import choose_spawn

CORES = (2, 4, 16, 64)
PROGRAMS = {"tiny": 0.0, "+ 2 ms": 2000.0, "+ 20 ms": 20000.0}
_SPAWNS = 300


def scale(bench: Bench) -> list[Table]:
    """Costs by process, the model against what was measured here, and the model where this machine ends."""
    folder, tiny = bench.row_folder("scale"), bench.program("tiny")
    ours, refusing = Superd(bench, folder, "superd", RULES), Superd(bench, folder, "refusing", RULES, "ALL : 127.0.0.0/8\n")
    for each, port in ((ours, FIRST_PORT), (refusing, FIRST_PORT + 2)):
        each.add("tiny", port, program=tiny)
    ours.add("daytime", FIRST_PORT + 1, internal="daytime")
    asked: dict[str, tuple[str, list[object]]] = {
        "start of a program": ("superd", ["-p", FIRST_PORT, "-c", 16, "-w", 3]),
        "internal daytime": ("superd", ["-p", FIRST_PORT + 1, "-c", 16]),
        "refusal": ("refusing", ["-p", FIRST_PORT + 2, "-c", 32, "-r", "-w", 0]),
    }
    found: dict[str, Result] = {}
    with Stand([ours.server(FIRST_PORT), refusing.server(FIRST_PORT + 2)], bench.folder) as stand:
        for what, (server, words) in asked.items():
            for _ in range(1 if bench.quick else 2):  # the first is the warm-up
                found[what] = _by_process(bench, stand, server, ["trips", *words, "-T", bench.seconds(3)])
    start = found["start of a program"]
    costs = Costs(start["front"], start["launcher"], start["program"], start["client"], _wait_for_exec(tiny))
    return [_costs(found, costs), _model(costs, start), _more_fronts(costs, found["refusal"]["front"])]


def _by_process(bench: Bench, stand: Stand, name: str, words: list[object]) -> Result:
    pid = stand.pid(name)
    before, all_before = _used(pid), stand.cpu(name)
    found = bench.load(*words)
    after, all_after = _used(pid), stand.cpu(name)
    count = max(1, found.get("good", 0))
    for kind in ("front", "launcher"):
        found[kind] = (after[kind] - before[kind]) / count
    found["program"] = max(0.0, (all_after - all_before) * 1e6 / count - found["front"] - found["launcher"])
    found["client"] = found.get("cpu", 0.0) * 1e6 / count
    return found


def _used(pid: int) -> dict[str, float]:
    """Return the microseconds on a processor of the front and of all launchers (``proc_pid_schedstat(5)``)."""
    used = {"front": 0.0, "launcher": 0.0}
    for one in tree(pid):
        with contextlib.suppress(OSError):
            title = Path(f"/proc/{one}/cmdline").read_bytes()
            kind = "front" if title.startswith(b"superd: front") else "launcher" if b"superd: launcher" in title else ""
            if kind:
                used[kind] += int(Path(f"/proc/{one}/schedstat").read_text().split()[0]) / 1e3
    return used


def _wait_for_exec(program: str) -> float:
    """Return the microseconds that a launcher stands still in vfork(2) for one program while nothing else runs."""
    spawn, null = choose_spawn(), os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    waits = []
    for _ in range(_SPAWNS):
        wall, own = time.perf_counter(), time.process_time()
        pid = spawn((program.encode(),), [b"tiny"], [], null, null, 0o022)
        waits.append(time.perf_counter() - wall - (time.process_time() - own))
        os.waitpid(pid, 0)
    os.close(null)
    return max(0.0, sorted(waits)[_SPAWNS // 2] * 1e6)


def _costs(found: dict[str, Result], costs: Costs) -> Table:
    head = ["µs of a processor for one", "front", "launcher", "program", "client", "one front's most, a second"]
    lines = [
        [what, *(number(each[kind], 0) for kind in ("front", "launcher", "program", "client")), number(1e6 / each["front"], 0)]
        for what, each in found.items()
        if each["front"]
    ]
    note = f"While a program is executed its launcher waits for {number(costs.wait, 0)} µs more in vfork(2)."
    return Table("What a connection costs each process", head, lines, [note])


def _model(costs: Costs, start: Result) -> Table:
    here = simulate(costs, os.cpu_count() or 1, at_once=16, here=True)
    head = [
        "cores",
        "program",
        "starts/s",
        "limited by",
        "with a launcher for each core",
        "limited by",
        "four fronts too",
        "limited by",
    ]
    lines = []
    for cores in CORES:
        for name, extra in PROGRAMS.items():
            cells = [str(cores), name]
            for fronts, launchers in ((1, 2), (1, max(2, cores)), (4, max(2, cores))):
                seconds = 0.4 + extra / 10_000
                cells += _cells(simulate(costs, cores, fronts=fronts, launchers=launchers, extra=extra, seconds=seconds))
            lines.append(cells)
    off = here.rate / start["rate"] if start.get("rate") else float("nan")
    table = Table(
        "Starts on more cores, by the model", head, lines,
        ["Clients are elsewhere, sixteen at once for each core. `tiny` is the program of the other rows."],
    )  # fmt: skip
    table.aims += [
        Aim("the model, on this machine", "its starts/s against those measured", off, 0.75),
        Aim("the model, on this machine", "its starts/s against those measured", off, 1.33, less=True),
    ]
    return table


def _cells(found: Found) -> list[str]:
    return [number(found.rate, 0), found.limit()]


def _more_fronts(costs: Costs, refusal: float) -> Table:
    head = [
        "fronts",
        "starts of tiny/s at most",
        "refusals/s at most",
        *(f"{kind}, {count:,} sources" for kind, count in _CROWDS),
    ]
    lines = []
    for fronts in (1, 2, 4, 16):
        cells = [str(fronts), *(number(fronts * 1e6 / each, 0) if each else "-" for each in (costs.front, refusal))]
        lines.append(cells + [number(spread(count, fronts, even=kind == "even")) for kind, count in _CROWDS])
    notes = ["The last columns: the work of how many fronts is done, if each source belongs to one front by its hash."]
    return Table("Fronts that share a port", head, lines, notes)


_CROWDS = (("even", 10), ("even", 1000), ("Zipf", 1000), ("Zipf", 100_000))
