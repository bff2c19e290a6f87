"""Who a simulated front talks to: clients, launchers and a master, as a schedule of random steps plays them.

All of them are in the front's own process, and act at once when they are called: nothing here waits.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import socket
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from superd.errors import ControlError
from superd.ipc import launch_codec as messages
from superd.ipc.descriptors import receive_with
from superd.ipc.front_orders import Order, Orphan, Orphaned
from superd.ipc.front_requests import receive_request
from superd.ipc.order_channel import OrderWriter
from superd.log.event import Kind
from superd.record import SessionRecord
from superd.verdict import Verdict


class Faults:
    """Which calls of the front to the kernel fail, and how: for each seam the numbers of these calls."""

    ERRORS: ClassVar = {
        "accept": (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ECONNABORTED, errno.EPROTO, errno.EAGAIN),
        "launch": (errno.EAGAIN, errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM),
        "reports": (errno.EAGAIN,),
        "order": (errno.EMFILE,),
        "request": (errno.EAGAIN, errno.ENOBUFS),
    }

    def __init__(self, chance: random.Random) -> None:
        self._calls = dict.fromkeys(self.ERRORS, 0)
        self._plan = {
            seam: {chance.randrange(1, 25): chance.choice(errors) for _ in range(chance.randrange(4))}
            for seam, errors in self.ERRORS.items()
        }
        self.on = True

    def strike(self, seam: str) -> None:
        """Raise ``OSError`` if it is this call's turn."""
        self._calls[seam] += 1
        number = self._plan[seam].get(self._calls[seam])
        if number is not None and self.on:
            raise OSError(number, os.strerror(number))


class SessionLog:
    """What the front logs: for each connection the kinds of its lines, in order."""

    def __init__(self) -> None:
        self.lines: dict[int, list[str]] = {}
        self.ports: dict[int, set[int]] = {}
        self.wrong: list[str] = []

    def _add(self, kind: str, record: SessionRecord) -> None:
        self.lines.setdefault(record.conn, []).append(kind)
        if record.peer is not None:
            self.ports.setdefault(record.peer.port, set()).add(record.conn)

    def started(self, record: SessionRecord) -> None:
        self._add("START", record)

    def exited(self, record: SessionRecord) -> None:
        self._add("EXIT", record)

    def refused(self, record: SessionRecord, verdict: Verdict) -> None:
        self._add("FAIL", record)

    def message(self, level: str, text: str, service: str = "", *, kind: Kind = Kind.MESSAGE, **more: object) -> None:
        if level in ("crit", "alert"):
            self.wrong.append(text)

    def admitted_by_rule(self, record: SessionRecord) -> None:
        pass

    def identified(self, record: SessionRecord) -> None:
        pass

    def configure(self, settings: object) -> None:
        pass

    def keep_files(self, targets: object) -> None:
        pass

    def flush(self) -> None:
        pass

    flush_soon = flush

    async def run(self) -> None:
        pass


class Client:
    """One client: its end of a connection. Its number is its port, and the last part of its address its source."""

    def __init__(self, number: int, source: int, path: str) -> None:
        self.number = number
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.sock.bind(f"\0superd-simulation-{os.getpid()}-{number}-192.0.2.{source}")
        self.ended = False
        try:
            self.sock.connect("\0" + path[1:])
        except (BlockingIOError, ConnectionRefusedError):
            self.leave()  # the queue is full, or the service is gone

    def leave(self) -> None:
        """Close the connection, whatever waits in it."""
        self.ended = True
        self.sock.close()

    def say(self, data: bytes) -> None:
        """Send what the connection takes."""
        with contextlib.suppress(OSError):
            self.sock.send(data)

    def finish(self) -> None:
        """Send no more."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def look(self) -> bool:
        """Read all there is; return whether the other side has ended."""
        try:
            while not self.ended:
                self.ended = not self.sock.recv(4096)
        except BlockingIOError:
            return False
        except ConnectionError:
            self.ended = True
        self.sock.close()
        return True


class Program:
    """A program that a launcher has started."""

    def __init__(self, conn: int, service: str, pid: int, source: str, started: float, fd: int) -> None:
        self.conn, self.service, self.pid, self.source, self.started, self.fd = conn, service, pid, source, started, fd

    def client_left(self) -> bool:
        """Whether its client sends no more."""
        with socket.socket(fileno=os.dup(self.fd)) as sock:
            try:
                return not sock.recv(4096, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            except OSError:
                return True


class Launcher:
    """The launcher of one number, through all of its deaths. ``launched`` gets each connection that it takes."""

    def __init__(self, number: int, chance: random.Random, clock: Callable[[], float], launched: Callable[[int], None]) -> None:
        self.number = number
        self._chance = chance
        self._clock = clock
        self._launched = launched
        self.front, self.sock = self._pair()
        self.taken: list[tuple[messages.Launch, int]] = []
        """What was read and not started yet."""
        self.hooks: list[messages.RunCommand] = []
        self.programs: dict[int, Program] = {}
        self.orphans: dict[int, Program] = {}
        self._unsent: list[messages.Report] = [messages.Fresh()]
        self._pid = 1000 * (number + 1)

    def _pair(self) -> tuple[int, socket.socket]:
        front, mine = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine.setblocking(False)
        return front.detach(), mine

    def renew(self) -> int:
        """Take another pair, as after a fault of this one; return the front's new end, which the caller must close."""
        self.sock.close()
        for _, fd in self.taken:
            os.close(fd)
        self.taken.clear()
        front, self.sock = self._pair()
        return front

    def read(self) -> None:
        """Read what the front has asked, and answer what has an answer at once."""
        while True:
            try:
                data, fds, _ = receive_with(self.sock, messages.MAX_MESSAGE, messages.MAX_LAUNCHES)
            except BlockingIOError:
                break
            if not data:
                break
            for request in messages.parse_requests(data):
                self._obey(request, fds)
            assert not fds, "descriptors without a launch"
        self.send()

    def _obey(self, request: messages.Request, fds: list[int]) -> None:
        match request:
            case messages.Launch():
                self._launched(request.remote_port)
                self.taken.append((request, fds.pop(0)))
            case messages.RunCommand():
                self.hooks.append(request)
            case messages.Signal():
                self._signal(request.conn)
            case messages.List():
                for program in self.programs.values():
                    self._unsent.append(
                        messages.Living(program.conn, program.service, program.pid, program.source, program.started)
                    )
                for launch, _ in self.taken:
                    self._unsent.append(messages.Living(launch.conn, launch.service, 0, launch.remote_host, self._clock()))
                self._unsent.append(messages.Listed(request.number))

    def _signal(self, conn: int) -> None:
        for launch, fd in self.taken:
            if launch.conn == conn:
                os.close(fd)
                self.taken.remove((launch, fd))
                self._unsent.append(messages.Failed(conn, errno.ETIMEDOUT, "launcher"))
                return
        program = self.programs.get(conn)
        if program is not None:
            self.end(program, 15)

    def start(self, *, fail: bool = False) -> None:
        """Start the first that was taken, or fail to."""
        if not self.taken:
            return
        launch, fd = self.taken.pop(0)
        if fail:
            os.close(fd)
            self._unsent.append(messages.Failed(launch.conn, errno.ENOENT, "/bin/cat"))
            return
        self.programs[launch.conn] = self._program(launch, fd)
        self._unsent.append(messages.Started(launch.conn, self.programs[launch.conn].pid, 0))

    def _program(self, launch: messages.Launch, fd: int) -> Program:
        self._pid += 1
        return Program(launch.conn, launch.service, self._pid, launch.remote_host, self._clock(), fd)

    def end(self, program: Program, status: int = 0) -> None:
        """A program ends."""
        del self.programs[program.conn]
        os.close(program.fd)
        lived = max(0.0, self._clock() - program.started)
        self._unsent.append(messages.Exited(program.conn, program.service, program.pid, status, 0.0, 0.0, 1, lived))

    def end_commands(self, status: int) -> None:
        """All commands of rules end."""
        self._unsent += [messages.CommandDone(hook.number, status) for hook in self.hooks]
        self.hooks.clear()

    def send(self, limit: int = 20) -> None:
        """Send reports, as far as the pair takes them."""
        while self._unsent:
            part = self._unsent[:limit]
            try:
                self.sock.send(messages.batch([messages.encode_report(report) for report in part]))
            except BlockingIOError:
                return
            except OSError:
                self._unsent.clear()
                return
            del self._unsent[:limit]

    def die(self) -> Orphaned:
        """Die, and have a successor at the same pair; return what lives of its programs. Reports that were not sent are lost."""
        self._unsent.clear()
        self.hooks.clear()
        for launch, fd in self.taken:
            if self._chance.random() < 0.5:
                self.programs[launch.conn] = self._program(launch, fd)
            else:
                os.close(fd)
        self.taken.clear()
        left = self.programs
        self.programs = {}
        self.orphans |= {program.pid: program for program in left.values()}
        self._unsent.append(messages.Fresh())
        return Orphaned(
            self.number,
            tuple(Orphan(one.pid, one.conn, one.service, one.source, one.started) for one in left.values()),
        )

    def close(self) -> None:
        """Close all that it has."""
        self.sock.close()
        for fd in (*(fd for _, fd in self.taken), *(one.fd for one in (*self.programs.values(), *self.orphans.values()))):
            os.close(fd)


class MasterEnd:
    """The master's end of the channel: orders out, requests in."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._writer = OrderWriter(channel)
        self.requests: list[Any] = []

    def send(self, order: Order, close: Iterable[int] = ()) -> None:
        """Send an order; ``close`` are descriptors of it that are not needed here any more."""
        self._writer.send(order)
        for fd in close:
            os.close(fd)

    def read(self) -> list[Any]:
        """Return what the front has asked since the last call."""
        self._writer.flush()
        found = []
        while True:
            try:
                found.append(receive_request(self._channel))
            except BlockingIOError:
                return found
            except (EOFError, ControlError) as problem:
                raise AssertionError(f"the front broke the protocol: {problem}") from problem

    def close(self) -> None:
        """Be gone."""
        self._writer.close()
        self._channel.close()
