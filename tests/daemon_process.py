"""superd as a process of its own: the real command, real sockets, real signals; its log is read, never waited for blindly."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import random
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.block_watch import BlockWatch
from tests.step_watch import StepWatch

WAIT = 20.0
"""Seconds after which a test gives up; nothing is slept through, every wait ends with what it waits for."""

ROOT = os.geteuid() == 0

_given: set[tuple[int, int]] = set()


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port of loopback that is free just now, and was not given out before."""
    while True:
        # Not the kernel's choice: that is one that any connection's own end can be given a moment later.
        port = random.randrange(10240, 32768)  # below ip_local_port_range
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind(("", port))
            except OSError:
                continue
        if (kind, port) not in _given:
            _given.add((kind, port))
            return port


class Superd:
    """One daemon over one folder of services."""

    def __init__(self, services: Path, folder: Path) -> None:
        self.services = services
        self.folder = folder
        self.allow = folder / "hosts.allow"
        self.deny = folder / "hosts.deny"
        self.process: subprocess.Popen[bytes] | None = None
        self._watch: BlockWatch | None = None
        self.watched = "User Mode Linux" not in Path("/proc/cpuinfo").read_text()
        """Whether no process of it may sleep where it waits for no work; not where the test is one of its processes, nor in a
        kernel of its own, which does not say where a process sleeps."""
        self.steps = StepWatch(folder / "steps") if self.watched and "SUPERD_COVERAGE" not in os.environ else None
        """Whether no step of its loops may take long; a kernel of its own counts processor time in hundredths of a second."""
        self.events: list[dict[str, Any]] = []
        self._fresh: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.sources: list[str] | None = None
        """Options that say where its files are; without them its own folder and tables."""
        """What it reads: on its command line, unless a test is about superd.toml."""
        self.arguments: list[str] = []
        self.prefix: list[str] = []
        """The command that starts it, like setpriv with its options; nothing is itself."""
        self.pass_fds: tuple[int, ...] = ()
        self.control = folder / "control"
        """Its control socket: several tests run at once."""

    def service(self, name: str, text: str) -> None:
        """Writes one service file whole."""
        temporary = self.services / f".{name}"
        if ROOT and re.search(r"^server\s*=", text, re.M) and not re.search(r"^user\s*=|dynamic_user", text, re.M):
            # A native file must name its user where superd runs as root. After what it says itself, and before its tables.
            table = re.search(r"^\[", text, re.M)
            end = table.start() if table else len(text)
            text = f'{text[:end].rstrip()}\nuser = "root"\n{text[end:]}'
        temporary.write_text(text)
        temporary.rename(self.services / f"{name}.toml")

    def start(self, *arguments: str) -> None:
        """Starts it and waits until it serves."""
        manager = self._manager()
        self._close_streams()  # of an earlier run
        self.process = subprocess.Popen(
            [
                *self.prefix, sys.executable, "-m", "superd", "run", *self._sources(), *self.arguments, *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment
            | ({} if manager is None else {"NOTIFY_SOCKET": str(self.folder / "ready")})
            | ({} if self.steps is None else self.steps.environment()),
            cwd=Path(__file__).parent.parent,
            pass_fds=self.pass_fds,
        )  # fmt: skip
        self._watch = BlockWatch(self.process.pid) if self.watched else None
        self._fresh = queue.Queue()  # an earlier run's ended with None
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reader.start()
        if manager is None:
            self.event(event="ready")
            return
        ended = os.pidfd_open(self.process.pid)
        try:
            with manager:
                while manager.fileno() in select.select([manager.fileno(), ended], [], [], WAIT)[0]:
                    if manager.recv(4096).startswith(b"READY=1"):
                        return
        finally:
            os.close(ended)
        raise AssertionError(f"superd did not start: {self.events}")

    def _sources(self) -> list[str]:
        if self.sources is not None:
            return self.sources
        return ["--services", str(self.services), "--hosts-allow", str(self.allow), "--hosts-deny", str(self.deny)]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the daemon, and of commands that are to reach it."""
        return os.environ | {"SUPERD_SOCKET": str(self.control), "STATE_DIRECTORY": str(self.folder / "state")}

    def command(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Runs `superd WORDS` as an operator, against this daemon."""
        return subprocess.run(
            [sys.executable, "-m", "superd", *words],
            env=self.environment | (env or {}),
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            timeout=WAIT,
            check=False,
        )

    def _manager(self) -> socket.socket | None:
        """A service manager's socket, which hears when superd serves; None where the test has its own."""
        if "NOTIFY_SOCKET" in os.environ:
            return None
        path = self.folder / "ready"
        path.unlink(missing_ok=True)
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(str(path))
        path.chmod(0o777)
        return manager

    def _read(self, stream: Any) -> None:
        for line in stream:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "text", "message": line.decode("utf-8", "replace").rstrip()}
            self._fresh.put(event)
        self._fresh.put(None)

    def _next(self, fits: Callable[[dict[str, Any]], bool], wanted: str) -> dict[str, Any]:
        for index, event in enumerate(self.events):
            if fits(event):
                return self.events.pop(index)
        deadline = time.monotonic() + WAIT
        while True:
            try:
                fresh = self._fresh.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {wanted} among {self.events}") from None
            assert fresh is not None, f"superd ended; no {wanted} among {self.events}"
            if fits(fresh):
                return fresh
            self.events.append(fresh)

    def event(self, **wanted: Any) -> dict[str, Any]:
        """The next event, seen or still to come, that has all these values; each event is given out once."""
        if "event" in wanted:
            wanted["event"] = wanted["event"].lower()  # as the text log has it, or as JSON has it
        return self._next(lambda event: all(event.get(key) == value for key, value in wanted.items()), f"event {wanted}")

    def message(self, part: str) -> dict[str, Any]:
        """The next message that holds ``part``."""
        return self._next(lambda event: part in event.get("message", ""), f"message `{part}`")

    def rest(self) -> list[dict[str, Any]]:
        """Ends it; all events that the test has not asked for."""
        self.stop()
        while (event := self._fresh.get(timeout=WAIT)) is not None:
            self.events.append(event)
        self._fresh.put(None)
        return self.events

    def reload(self) -> str:
        """SIGHUP, and waits for its result, which it returns."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)
        # At its beginning: a path can hold the word too.
        return str(self._next(lambda event: event.get("message", "").startswith("reload"), "reload")["message"])

    def front(self) -> int:
        """The pid of the front, as soon as there is one. Programs whose launcher died are children of the master, too."""
        deadline = time.monotonic() + WAIT
        while not (found := self._children(b"superd: front")):
            assert time.monotonic() < deadline, "there is no front"
        return found[0]

    @contextlib.contextmanager
    def stopped_front(self) -> Iterator[None]:
        """What comes meanwhile waits in the kernel's queues, and is found all at once."""
        front = self.front()
        os.kill(front, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(front, signal.SIGCONT)

    def launchers(self) -> set[int]:
        """The pids of all launchers."""
        return set(self._children(b"superd: launcher"))

    def relays(self) -> set[int]:
        """The pids of all relays that run."""
        return set(self._children(b"superd: relay"))

    def panels(self) -> set[int]:
        """The pid of the panel, if one runs."""
        return set(self._children(b"superd: panel"))

    def _children(self, part: bytes = b"") -> list[int]:
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        found = []
        for pid in children:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                if part in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(int(pid))
        return found

    def stop(self) -> None:
        """SIGINT, and waits for the end."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._close_streams()
        if self._watch is not None:
            watch, self._watch = self._watch, None
            slept = watch.end()
            assert not slept, f"processes of superd slept where they wait for no work: {slept}"
        if self.steps is not None:
            long = self.steps.found()
            assert not long, f"steps of superd's loops took long: {long}"

    def _close_streams(self) -> None:
        if self.process is not None:
            self._reader.join(WAIT)
            for stream in (self.process.stdout, self.process.stderr):
                if stream is not None:
                    stream.close()


def talk(port: int, data: bytes = b"", *, source: str = "127.0.0.1", host: str = "127.0.0.1") -> bytes:
    """Sends ``data``, ends our side, returns all that comes back."""
    with socket.create_connection((host, port), WAIT, source_address=(source, 0)) as sock:
        if data:
            sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
        return answer


def living(pid: int) -> bool:
    """Whether a process of this number is there and no zombie."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
