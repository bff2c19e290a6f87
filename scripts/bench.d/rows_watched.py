"""What operators cost: starts and refusals while the panel is up, a scrape comes every second and `superd top` runs."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

from report import Aim, Table, number
from servers import FIRST_PORT, Superd
from stand import Bench, Results, Server, Stand, median, ratio, total
from tools import ROOT

OK = 3
"""Bytes that the tiny program says."""
SCRAPE = 1.0
"""Seconds between two scrapes, as Prometheus never asks more often."""
METRICS = FIRST_PORT + 900
ALONE, WATCHED = "superd", "superd, watched"


def watched(bench: Bench) -> list[Table]:
    """The same superd twice: alone, and with operators who look at it all the time."""
    folder, tiny, servers = bench.row_folder("watched"), bench.program("tiny"), []
    for number_of_it, name in enumerate((ALONE, WATCHED)):
        one = Superd(bench, folder, name)
        port = FIRST_PORT + 10 * number_of_it
        one.add("tiny", port, program=tiny)
        one.add("shut", port + 1, internal="echo", more="only_from = []")
        servers.append(_server(one, port, name == WATCHED))
    with Stand(servers, bench.folder) as stand, _operators(servers[1]):
        starts = bench.rounds_of(stand, lambda server: ["trips", "-p", server.port, "-c", 16, "-T", bench.seconds(1.5), "-w", OK])
        refused = bench.rounds_of(
            stand, lambda server: ["trips", "-p", server.port + 1, "-c", 32, "-T", bench.seconds(1.5), "-r", "-w", 0]
        )
    return [_table("Starting a program, watched by operators", starts), _table("Refusing, watched by operators", refused)]


def _server(one: Superd, port: int, is_watched: bool) -> Server:
    server = one.server(port, (port + 1,))
    conf = one.folder / "superd.toml"
    conf.write_text(f'[metrics]\nlisten = "127.0.0.1:{METRICS}"\n' if is_watched else "")
    own = {"SUPERD_SOCKET": str(one.folder / "control"), "STATE_DIRECTORY": str(one.folder)}
    return replace(server, argv=[*server.argv, "--config", str(conf)], env={**(server.env or {}), **own})


@contextlib.contextmanager
def _operators(server: Server) -> Iterator[None]:
    """A scrape every second, and `superd top` on a terminal."""
    ends = threading.Event()

    def scrape() -> None:
        while not ends.wait(SCRAPE):
            with urllib.request.urlopen(f"http://127.0.0.1:{METRICS}/metrics", timeout=10) as answer:
                answer.read()

    reader, terminal = pty.openpty()
    top = subprocess.Popen(
        [sys.executable, "-m", "superd", "top"], stdin=terminal, stdout=terminal, stderr=terminal, cwd=ROOT,
        env={**os.environ, **(server.env or {}), "TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
    )  # fmt: skip
    os.close(terminal)
    threads = [threading.Thread(target=scrape), threading.Thread(target=_drain, args=(reader,))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ends.set()
        alive = top.poll() is None
        top.send_signal(signal.SIGTERM)
        top.wait()
        for thread in threads:
            thread.join()
        os.close(reader)
    if not alive:
        raise RuntimeError("superd top ended before the measurement did")


def _drain(reader: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(reader, 65536):
            pass


def _table(title: str, results: Results) -> Table:
    lines = []
    for name in (ALONE, WATCHED):
        cells = [number(median(results, name, key), 0) for key in ("rate", "first50", "whole99", "server_us")]
        lines.append([name, *cells, str(total(results, name, "errors")), number(ratio(results, name, ALONE, "rate"))])
    head = ["server", "conn/s", "first byte µs (p50)", "p99 µs", "server CPU µs/conn", "errors", f"× {ALONE}"]
    table = Table(title, head, lines)
    table.aims.append(
        Aim("watched by operators", f"{title.split(',')[0].lower()}, conn/s", ratio(results, WATCHED, ALONE, "rate"), 0.95)
    )
    table.notes.append("Watched: `[metrics]` scraped every second, and `superd top` on a terminal, which looks every second.")
    return table
