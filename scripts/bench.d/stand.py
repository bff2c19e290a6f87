"""Servers side by side, and what one measurement of each is: all are up at once, rounds are interleaved.

Says what was measured; what it means is the rows' and the report's business.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE = 20.0
"""Seconds a server has to come up, and to end."""
FOREIGN = 0.12
"""The part of all cores' time that others may use during a measurement; above it the measurement is made again."""
ATTEMPTS = 2

Result = dict[str, Any]
Results = dict[str, list[Result]]


@dataclass(frozen=True)
class Server:
    """One column: a command that listens on a port of loopback."""

    name: str
    argv: list[str]
    port: int
    ports: tuple[int, ...] = ()
    """Other ports that have to be open before it counts as up."""
    env: dict[str, str] = field(default_factory=dict)
    identity: tuple[int, int] | None = None


class Stand:
    """Running servers. ``with Stand(...)`` starts them, and ends them whatever happens."""

    def __init__(self, servers: Sequence[Server], folder: Path, cage: str = "") -> None:
        self.servers = list(servers)
        self.missing: list[str] = []
        self._folder = folder
        self._cage = cage
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Stand:
        try:
            for server in self.servers:
                self._start(server)
            for server in list(self.servers):
                if not self._up(server):
                    self.missing.append(server.name)
                    self.servers.remove(server)
                    tail = (self._folder / f"{server.name}.log").read_text(errors="replace")[-300:]
                    print(f"bench: {server.name} did not come up: {tail}", flush=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, server: Server) -> None:
        argv = server.argv
        if self._cage:
            argv = ["/bin/sh", "-c", f'echo $$ >{self._cage}/cgroup.procs; exec "$@"', "sh", *argv]
        uid, gid = server.identity or (None, None)
        with open(self._folder / f"{server.name}.log", "wb") as log:
            self._running[server.name] = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, env={**os.environ, **server.env},
                cwd="/", user=uid, group=gid, extra_groups=[] if gid is not None else None,
            )  # fmt: skip

    def _up(self, server: Server) -> bool:
        return all(wait_open(port, self._running[server.name]) for port in (server.port, *server.ports))

    def pid(self, name: str) -> int:
        """The server's first process."""
        return self._running[name].pid

    def cpu(self, name: str) -> float:
        """Seconds of processor time of the server and all that it started."""
        return sum(_cpu_of(pid) for pid in tree(self.pid(name)))

    def log(self, name: str) -> str:
        """What the server said on its standard error."""
        return (self._folder / f"{name}.log").read_text(errors="replace")


def wait_open(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether the port takes connections before the patience ends."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.01)
    return False


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for known in found:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{known}/task"):
                found += map(int, Path(f"/proc/{known}/task/{thread}/children").read_text().split())
    return found


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0  # it ended since: its parent has its time
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _busy() -> float:
    fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


@dataclass
class Bench:
    """What every row gets: where the programs are, how often to measure, and whether tiny counts will do."""

    folder: Path
    """Readable by every user; one folder below it for each row."""
    peers: dict[str, str]
    rounds: int
    quick: bool
    root: bool
    beside: Path | None = None
    """Another checkout, with a .venv of its own, whose superd gets a column."""
    repeated: int = 0
    worst: float = 0.0

    def seconds(self, wanted: float) -> float:
        """How long one measurement lasts."""
        return 0.05 if self.quick else wanted

    def count(self, wanted: int) -> int:
        """How many of something there are to be; a hundredth, at least ten, in a quick run."""
        return max(10, wanted // 100) if self.quick else wanted

    def program(self, name: str) -> str:
        """The path of one of our C programs."""
        return str(self.folder / name)

    def row_folder(self, row: str) -> Path:
        """A fresh folder for a row's files."""
        path = self.folder / row
        path.mkdir(mode=0o755)
        return path

    def load(self, *arguments: object) -> Result:
        """One run of the load generator, or of another program that prints as it does, by its path."""
        words = list(map(str, arguments))
        if not words[0].startswith("/"):
            words.insert(0, self.program("load"))
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return {"errors": 1, "rate": 0.0, "mbs": 0.0, "said": done.stderr.strip()}
        answer: Result = json.loads(done.stdout)
        return answer

    def measure(self, stand: Stand, server: Server, arguments: Sequence[object]) -> Result:
        """One measurement, made again while others keep the machine busy; the least disturbed one is kept."""
        best: Result = {}
        for _ in range(1 if self.quick else ATTEMPTS):
            began, busy, used = time.monotonic(), _busy(), stand.cpu(server.name)
            found = self.load(*arguments)
            used = stand.cpu(server.name) - used
            took = time.monotonic() - began
            found["foreign"] = max(0.0, _busy() - busy - used - found.get("cpu", 0)) / took / (os.cpu_count() or 1)
            done = found.get("good") or found.get("mbs", 0) * found.get("seconds", 0)
            found["server_us"] = used / done * 1e6 if done else float("nan")  # of one connection, or of one MB
            if not best or found["foreign"] < best["foreign"]:
                best = found
            if best["foreign"] <= FOREIGN:
                break
            self.repeated += not self.quick
        self.worst = max(self.worst, best["foreign"])
        return best

    def rounds_of(self, stand: Stand, arguments: Callable[[Server], Sequence[object]]) -> Results:
        """A warm-up, then round after round every server once: A B C, A B C."""
        results: Results = {server.name: [] for server in stand.servers}
        for number in range(self.rounds + (not self.quick)):
            for server in stand.servers:
                found = self.measure(stand, server, arguments(server))
                if number >= (not self.quick):
                    results[server.name].append(found)
        return results


def median(results: Results, name: str, key: str) -> float:
    """The median over the rounds, of a server that may not be there."""
    found = [result[key] for result in results.get(name, []) if key in result]
    return statistics.median(found) if found else float("nan")


def span(results: Results, name: str, key: str) -> tuple[float, float]:
    """The least and the most of the rounds."""
    found = [result[key] for result in results.get(name, []) if key in result]
    return (min(found), max(found)) if found else (float("nan"), float("nan"))


def ratio(results: Results, name: str, base: str, key: str) -> float:
    """The median of each round's own ratio: what slows a round down slows down both."""
    pairs = zip(results.get(name, []), results.get(base, []), strict=False)
    found = [one[key] / other[key] for one, other in pairs if one.get(key) and other.get(key)]
    return statistics.median(found) if found else float("nan")


def total(results: Results, name: str, key: str) -> int:
    """The sum over the rounds."""
    return sum(int(result.get(key, 0)) for result in results.get(name, []))


@contextlib.contextmanager
def holding(bench: Bench, *arguments: object) -> Iterator[Result]:
    """Connections that stay open meanwhile."""
    process = subprocess.Popen(
        [bench.program("load"), "hold", *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield json.loads(process.stdout.readline() or '{"open": 0, "errors": 1}')
    finally:
        process.stdin.close()
        process.wait(PATIENCE)
        process.stdout.close()
