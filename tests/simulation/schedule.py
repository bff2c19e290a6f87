"""One schedule of a simulated front: random steps of its clients, launchers and master, and what must hold at the end.

``__main__.py`` gives the front virtual time before this is imported, and faults at its calls to the kernel.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import random
import socket
import time
from typing import Any

import trio

from superd.address import BindAddress, SocketType
from superd.front import process as front_process
from superd.front.sessions.live import Stage
from superd.ipc import front_orders as orders
from superd.ipc import order_channel
from superd.policy_snapshot import PolicySnapshot
from superd.record import Ending
from superd.service import Service
from superd.settings import Settings
from superd.system.policy_files import signature
from tests.simulation.players import Client, Faults, Launcher, MasterEnd, SessionLog
from tests.simulation.services import LAUNCHERS, LISTENING, SERVICES

STEPS = 30
_QUIET = 8
"""Looks, half a second apart: accepting may pause for a second."""
PATIENCE = 600.0
"""Virtual seconds in which all must be over once clients have gone."""
TABLES = (b"", b"ALL: 192.0.2.3: deny\n", b"named, plain: .example.org: spawn /bin/x\nALL: 192.0.2.4: aclexec /bin/y\n")
_numbers = itertools.count(20000)


NO_FILES = signature(("", ""))


class Channel:
    """The front's end of the channel, whose sends may fail."""

    def __init__(self, sock: socket.socket, faults: Faults) -> None:
        self._sock, self._faults = sock, faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def send(self, data: bytes, flags: int = 0) -> int:
        self._faults.strike("request")
        return self._sock.send(data, flags)


class Steps(trio.abc.Instrument):
    """Counts the steps of all tasks, and lets something happen right before some of them."""

    def __init__(self, schedule: Schedule, at: set[int]) -> None:
        self._schedule, self._at, self._count, self.on = schedule, at, 0, True

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._count += 1
        if self.on and self._count in self._at:
            self._schedule.in_between()


class Schedule:
    """One front, from its start to its end."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.faults = Faults(self.chance)
        self.log = SessionLog()
        self.accepted: set[int] = set()
        self.launched: list[int] = []
        self.clients: list[Client] = []
        self.done: list[str] = []
        self.listeners: dict[str, BindAddress] = {}
        self.orders = itertools.count(2)
        self.numbers = itertools.count(20000)
        self.launchers = [Launcher(number, self.chance, time.monotonic, self.launched.append) for number in range(3)]
        mine, theirs = order_channel.pair()
        self.master = MasterEnd(mine)
        self.channel = Channel(theirs, self.faults)
        self.fault: BaseException | None = None

    # ------------------------------------------------------------------ the front

    async def to_the_end(self) -> None:
        """Play the schedule, and close everything, as the end of the front's process would."""
        try:
            await self.run()
        finally:
            self.close()

    async def run(self) -> None:
        """Play the schedule. Raises ``AssertionError`` for anything that should not be."""
        steps = Steps(self, {self.chance.randrange(20, 900) for _ in range(self.chance.randrange(6))})
        first = self._change(1, {name: variants[0] for name, variants in SERVICES.items()}, LISTENING)
        first = orders.Change(**{**_fields(first), "launchers": {one.number: orders.Fd(one.front) for one in self.launchers}})
        begin = orders.Begin(first, PolicySnapshot(NO_FILES, deny=self.chance.choice(TABLES)))
        async with trio.open_nursery() as nursery:
            front = self.front = front_process._Front(begin, self.channel, self.log, nursery)  # type: ignore[arg-type]
            nursery.start_soon(front.run, begin)
            await trio.sleep(5)
            self._serve_all()
            await trio.sleep(1)
            self.begun = descriptors_open()
            trio.lowlevel.add_instrument(steps)
            for _ in range(STEPS):
                step = self.chance.choice(self._choices())
                self.done.append(step.__name__)
                step()
                await self._let_go_on()
            steps.on = self.faults.on = False
            trio.lowlevel.remove_instrument(steps)
            await self._settle()
            self._check()
            self.master.close()
            nursery.cancel_scope.cancel()
        if self.fault is not None:
            raise self.fault

    async def _let_go_on(self) -> None:
        kind = self.chance.random()
        if kind < 0.5:
            for _ in range(self.chance.randrange(8)):
                await trio.lowlevel.checkpoint()
        elif kind < 0.9:
            await trio.sleep(self.chance.random() / 10)
        else:
            await trio.sleep(self.chance.random() * 8)

    async def _settle(self) -> None:
        """All clients go, all programs end; then nothing must be left, within some minutes."""
        for client in self.clients:
            client.finish()
        until = time.monotonic() + PATIENCE
        front, quiet = self.front, 0
        while quiet < _QUIET:
            self._serve_all()
            open_clients = [client for client in self.clients if not client.look()]
            busy = len(front.view.book) + len(front.view.room) + front._queue.waiting("queue") + len(open_clients)
            if not busy and not any(link.in_flight or link.backlog for link in front._launches.links):
                quiet += 1
            else:
                quiet = 0
            assert time.monotonic() < until, (
                f"left: {[(one.record.conn, one.stage.name) for one in front.view.book]}, waiting {len(front.view.room)}, "
                f"queue {front._queue.waiting('queue')}, clients {[client.number for client in open_clients]}, "
                f"in flight {[(link.in_flight, link.backlog) for link in front._launches.links]}"
            )
            await trio.sleep(0.5)

    def _check(self) -> None:
        front = self.front
        assert not self.log.wrong, self.log.wrong
        counts = front.view.counts
        left = (counts.total, counts.by_service, counts.by_source)
        assert left == (0, {}, {}), left
        assert all(timer[2].stage is Stage.OVER for timer in front._deadlines._timers)
        bad = {conn: lines for conn, lines in self.log.lines.items() if lines not in (["FAIL"], ["START", "EXIT"])}
        assert not bad, f"lines of connections: {bad}"
        silent = [port for port in self.accepted if not self.log.ports.get(port)]
        assert not silent, f"accepted, and in no line: {silent}"
        twice = {port for port in self.launched if self.launched.count(port) > 1}
        assert not twice, f"launched twice: {twice}"
        # What a reload opened or closed is the only difference.
        now = descriptors_open()
        more = len(self.listeners) - len(LISTENING)
        assert len(now) - len(self.begun) == more, f"descriptors: {sorted(now - self.begun)}, {more}"

    def _change(self, number: int, services: dict[str, Service], opened: tuple[str, ...]) -> orders.Change:
        sockets: dict[BindAddress, orders.Fd] = {}
        for name in opened:
            path = f"@superd-simulation-{os.getpid()}-{next(_numbers)}"
            address = self.listeners[name] = BindAddress(SocketType.STREAM, path=path)
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.bind("\0" + path[1:])
            sock.listen(8)
            sockets[address] = orders.Fd(sock.detach())
        return orders.Change(
            number, Settings(), orders.Launching(LAUNCHERS), services=services, sockets=sockets,
            listeners={self.listeners[name]: name for name in opened},
        )  # fmt: skip

    # ------------------------------------------------------------------ steps

    def _choices(self) -> list[Any]:
        return [
            *[self.connect] * 10, *[self.speak] * 3, *[self.leave] * 3, *[self.work] * 8, *[self.end_program] * 4, self.fail,
            self.die, self.renew, self.reload, self.remove_or_add, self.new_tables, self.kick, self.ping, self.commands,
        ]  # fmt: skip

    def in_between(self) -> None:
        """Something happens between two steps of the front's tasks."""
        try:
            step = self.chance.choice((self.leave, self.kick, self.die, self.connect, self.work, self.end_program))
            self.done.append(f"({step.__name__})")
            step()
        except BaseException as fault:
            self.fault = self.fault or fault

    def connect(self) -> None:
        name = self.chance.choice(list(self.listeners))
        client = Client(next(self.numbers), self.chance.randrange(1, 6), self.listeners[name].path)
        self.clients.append(client)
        if name == "mux" and not client.ended:
            client.say(self.chance.choice((b"plainer\r\n", b"help\r\n", b"nothing\r\n", b"plai")))

    def _open(self) -> list[Client]:
        return [client for client in self.clients if not client.ended]

    def speak(self) -> None:
        for client in self.chance.sample(self._open(), min(2, len(self._open()))):
            client.say(b"hello")
            if self.chance.random() < 0.3:
                client.finish()

    def leave(self) -> None:
        if self._open():
            self.chance.choice(self._open()).leave()

    def work(self) -> None:
        launcher = self.chance.choice(self.launchers)
        launcher.read()
        for _ in range(self.chance.randrange(4)):
            launcher.start()
        launcher.send(self.chance.randrange(1, 5))
        self._answer_master()

    def end_program(self) -> None:
        launcher = self.chance.choice(self.launchers)
        if launcher.programs:
            status = self.chance.choice((0, 0, 256, 11))
            launcher.end(self.chance.choice(list(launcher.programs.values())), status)
            if self.chance.random() < 0.8:  # else a death may take the report along
                launcher.send()
        elif launcher.orphans:
            self._end_orphan(launcher, self.chance.choice(list(launcher.orphans)), 0)

    def _end_orphan(self, launcher: Launcher, pid: int, status: int) -> None:
        os.close(launcher.orphans.pop(pid).fd)
        self.master.send(orders.Ended(pid, status))

    def fail(self) -> None:
        launcher = self.chance.choice(self.launchers)
        launcher.read()
        launcher.start(fail=True)
        launcher.send()

    def die(self) -> None:
        launcher = self.chance.choice(self.launchers)
        if self.chance.random() < 0.5:
            launcher.read()
        self.master.send(launcher.die())
        if self.chance.random() < 0.5:
            launcher.read()

    def renew(self) -> None:
        """The pair of a launcher broke: it gets another, and lists what it has."""
        launcher = self.chance.choice(self.launchers)
        front = launcher.renew()
        self.master.send(orders.Pairs({launcher.number: orders.Fd(front)}, frozenset({launcher.number})), close=(front,))

    def reload(self) -> None:
        name = self.chance.choice([name for name in SERVICES if name in self.listeners or name == "behind"])
        self.master.send(self._change(next(self.orders), {name: self.chance.choice(SERVICES[name])}, ()))

    def remove_or_add(self) -> None:
        name = self.chance.choice(LISTENING)
        if name in self.listeners:
            change = orders.Change(
                next(self.orders), Settings(), orders.Launching(LAUNCHERS), removed=(name,), closed=(self.listeners.pop(name),)
            )
            self.master.send(change)
        else:
            change = self._change(next(self.orders), {name: SERVICES[name][0]}, (name,))
            self.master.send(change, close=tuple(change.sockets.values()))

    def new_tables(self) -> None:
        change = self._change(next(self.orders), {}, ())
        tables = PolicySnapshot(NO_FILES, deny=self.chance.choice(TABLES))
        self.master.send(orders.Change(**{**_fields(change), "policy": tables}))

    def kick(self) -> None:
        sessions = [session for session in self.front.view.book if session.stage is not Stage.OVER]
        if sessions:
            self.front.view.book.end_one(self.chance.choice(sessions), Ending.KICK, at_once=self.chance.random() < 0.5)

    def ping(self) -> None:
        self.master.send(orders.Ping(next(self.orders)))

    def commands(self) -> None:
        for launcher in self.launchers:
            launcher.read()
            launcher.end_commands(self.chance.choice((0, 1, -1, 137)))
            launcher.send()

    def _answer_master(self) -> None:
        for request in self.master.read():
            if request.word in ("terminate", "kill"):
                for launcher in self.launchers:
                    if request.number in launcher.orphans:
                        self._end_orphan(launcher, request.number, 15)

    def _serve_all(self) -> None:
        self._answer_master()
        for launcher in self.launchers:
            launcher.read()
            while launcher.taken:
                launcher.start()
            launcher.end_commands(0)
            for program in list(launcher.programs.values()):
                if program.client_left():
                    launcher.end(program)
            for pid, program in list(launcher.orphans.items()):
                if program.client_left():
                    self._end_orphan(launcher, pid, 0)
            launcher.send()

    def close(self) -> None:
        """Close what the front's process would have closed by its end."""
        for client in self.clients:
            client.sock.close()
        for launcher in self.launchers:
            launcher.close()
        self.master.close()
        front = getattr(self, "front", None)
        if front is None:
            return
        front._accepting._listeners.close()
        for link in front._launches.links:
            link.close()
        front._launches.links._epoll.close()
        front._queue._epoll.close()
        stderr = front._launches.reports._stderr
        for fd in (front._launches._stdio._null, stderr._out, stderr._into, front._arrivals._descriptors._spare):
            os.close(fd)
        self.channel.close()


def _fields(change: orders.Change) -> dict[str, Any]:
    return {field.name: getattr(change, field.name) for field in dataclasses.fields(change)}


def descriptors_open() -> set[int]:
    """Return the numbers of this process's open descriptors."""
    return {int(name) for name in os.listdir("/proc/self/fd")}
