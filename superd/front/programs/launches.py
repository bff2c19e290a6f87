"""What the front asks of launchers, and what it hears from them. Admits nobody: who comes here has been let in."""

from __future__ import annotations

import os
import select
import socket
import time
from typing import TYPE_CHECKING

import trio

from superd.address import SocketType
from superd.expansion import without_ampersand
from superd.front.programs.launcher_link import MAX_QUEUE, LauncherClient
from superd.front.programs.stderr_lines import StderrCollector
from superd.front.sessions.book import Exited, Refused
from superd.front.sessions.live import Stage
from superd.ipc import launch_codec as messages
from superd.peer import Peer, peer_from_text, unix_peer
from superd.record import SessionRecord
from superd.verdict import Reason, Verdict

if TYPE_CHECKING:
    from superd.expansion import Values
    from superd.front.process import Front
    from superd.front.sessions.live import LiveSession
    from superd.net.listener import Listener
    from superd.rule import Option
    from superd.settings import Settings

BEHIND, MAX_SECONDS = 60, 86400.0
"""How many times as long as a command that holds its connection one may run that nobody waits for: a finger and a mail."""
BUSY = 4
"""Launches on their way from which on a launcher has enough to do: what comes next is accepted by the batch."""
NOBODY = Peer("", 4, 0)
"""The peer of a ``wait`` stream service: its program accepts by itself."""


class Launches:
    """The front's clients of all launchers, by number, and what is on its way through them."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._clients: dict[int, LauncherClient] = {}
        self._epoll = select.epoll()
        self._by_fd: dict[int, LauncherClient] = {}
        self._held: dict[LauncherClient, list[Listener]] = {}
        """Listeners that are not heard until their launcher has room again."""
        self._hooks: dict[int, tuple[trio.Event, list[int]]] = {}
        self._hook_number = 0
        self._behind = 0
        """Commands that run and that nobody waits for."""
        self._doubted: dict[int, list[int]] = {}
        """Connections that a dead launcher may have taken with it, by the question whose answer tells."""
        self._question = 0
        self._unanswered: set[int] = set()
        self._adopted = trio.Event()
        self._hook_limit = trio.CapacityLimiter(1)
        self._nursery: trio.Nursery
        self._stderr: StderrCollector

    def configure(self, settings: Settings) -> None:
        """Take the limit on commands from the settings."""
        self._hook_limit.total_tokens = settings.policy.hooks_at_once

    def begin(self, nursery: trio.Nursery) -> None:
        """Inside the loop, before anything else."""
        log = self._front.log
        self._nursery = nursery
        self._stderr = StderrCollector(nursery, lambda service, text: log.message("info", text, service), log.flush)

    def take(self, numbers: tuple[int, ...], fds: list[int], running: frozenset[int] = frozenset()) -> None:
        """New launchers, or new pairs to launchers that were known. ``fds`` are this object's.

        Those that are ``running`` are asked what they started for the front before this one; the others are left asleep.
        """
        for number, fd in zip(numbers, fds, strict=True):
            client = LauncherClient(
                socket.socket(fileno=fd),
                lambda report, fd, number=number: self._on_report(number, report, fd),  # type: ignore[misc]
                self._on_room,
                lambda problem: self._front.log.message("alert", f"a launcher says what is not in the table: {problem}"),
            )
            old = self._clients.get(number)
            if old is not None:
                self._drop(old)
                for session in self._front.book:
                    if session.launcher != number:
                        continue
                    if session.stage is Stage.HANDED_OVER:
                        self._lost(session, "its launcher cannot be started")
                    else:
                        session.running = client
            self._clients[number] = self._by_fd[client.fileno()] = client
            self._epoll.register(client.fileno(), select.EPOLLIN)
            self._front.nursery.start_soon(client.run)
            if number in running:
                self._unanswered.add(self._ask(number))

    def _drop(self, client: LauncherClient) -> None:
        fd = client.fileno()
        if self._by_fd.pop(fd, None) is not None:
            self._epoll.unregister(fd)
            client.close()

    async def adopted(self) -> None:
        """Returns when every launcher that ran before this front has said what lives."""
        if self._unanswered:
            await self._adopted.wait()

    # ------------------------------------------------------------------ to launchers

    def hand_over(
        self,
        session: LiveSession,
        server: Peer,
        fd: int,
        *,
        steps: tuple[str, ...] = (),
        values: Values | None = None,
        launcher: int | None = None,
    ) -> None:
        """Gives the session's socket to the launcher of its service; ``fd`` is the launcher's from here."""
        record, service = session.record, session.record.service
        number = launcher if launcher is not None else self._least_busy(service.name)
        client = self._clients.get(number) if number is not None else None
        if client is None:
            os.close(fd)
            self._lost(session, "no launcher")
            return
        if service.limits.per_minute is not None:
            self._front.book.count_start(session)
        peer = record.peer or NOBODY
        session.launcher, session.running, session.stage = number, client, Stage.HANDED_OVER
        request = messages.Launch(
            record.conn,
            service.name,
            peer.address,
            peer.port,
            server.address,
            server.port,
            peer.name,
            peer.user,
            service.proto if peer.version else "unix",
            steps,
            values,
        )
        if not client.launch(request, fd):
            self._hold(client, service.name)

    def _hold(self, client: LauncherClient, service: str) -> None:
        """Enough waits for this launcher: what more comes for it stays in the kernel's queues. The others are heard."""
        front = self._front
        for listener in front.listeners:
            state = front.in_force.services.get(listener.name)
            # Datagrams and `wait` services are heard and ignored for reasons of their own, and ask for one program at a time.
            if listener.deaf or state is None or state.service.wait or listener.address.socket_type is SocketType.DGRAM:
                continue
            numbers = self._front.in_force.launchers_of.get(listener.name, ())
            if listener.name == service or any(self._clients[number] is client for number in numbers):
                front.listeners.ignore(listener)
                self._held.setdefault(client, []).append(listener)

    def _least_busy(self, service: str) -> int | None:
        """The launcher to use: the first while it has little to do, so that the others can sleep and end."""
        numbers = self._front.in_force.launchers_of.get(service, ())
        for number in numbers:
            if self._clients[number].in_flight < BUSY:
                return number
        return min(numbers, key=lambda number: self._clients[number].in_flight, default=None)

    def flush(self) -> None:
        """Sends what is queued: once a batch, and once for a session that had to wait."""
        for client in self._clients.values():
            if client.backlog:
                client.flush()

    def profile_for(self, user: str, group: str) -> int | None:
        """The launcher for a rule's `user` and `group` options."""
        return self._front.in_force.launcher_for.get((user, group))

    async def run_hook(self, option: Option, values: Values, record: SessionRecord, steps: tuple[str, ...] = ()) -> int:
        """Runs a command of the policy as the service's user (or `hook_user`); its exit status, 1 if it did not run.

        ``steps`` are the rule's options before it that change what it finds: `setenv`, `umask`, `nice`.
        """
        chosen = self._front.in_force.hook_launcher
        number = chosen if chosen is not None else self._least_busy(record.service.name)
        client = self._clients.get(number) if number is not None else None
        if client is None:
            return 1
        policy = self._front.in_force.settings.policy
        if option.name == "spawn" and without_ampersand(option.value) is not None:
            if self._behind >= policy.hooks_at_once:
                self._front.log.message(
                    "error", f"{option.origin}: spawn was not run: too many commands run", record.service.name
                )
                return 0
            self._behind += 1
            self._nursery.start_soon(self._run_behind, client, option, values, record, steps)
            return 0
        async with self._hook_limit:
            return await self._run(client, option, values, record, steps, policy.hook_timeout)

    async def _run_behind(
        self, client: LauncherClient, option: Option, values: Values, record: SessionRecord, steps: tuple[str, ...]
    ) -> None:
        """For a `spawn` that ends in `&`: nobody's connection waits, but it has its number and its end."""
        seconds = min(self._front.in_force.settings.policy.hook_timeout * BEHIND, MAX_SECONDS)
        try:
            await self._run(client, option, values, record, steps, seconds)
        finally:
            self._behind -= 1

    async def _run(
        self,
        client: LauncherClient,
        option: Option,
        values: Values,
        record: SessionRecord,
        steps: tuple[str, ...],
        seconds: float,
    ) -> int:
        self._hook_number = (self._hook_number + 1) & 0x7FFFFFFF
        hook, done = self._hook_number, trio.Event()
        result = [1]
        self._hooks[hook] = (done, result)
        client.send(messages.Hook(hook, option.digest, values, seconds, steps))
        with trio.move_on_after(seconds + 1):
            await done.wait()
        self._hooks.pop(hook, None)
        if result[0] < 0:
            self._front.log.message("error", f"{option.origin}: {option.name} could not be run", record.service.name)
        return result[0] if result[0] >= 0 else 1

    # ------------------------------------------------------------------ from launchers

    def _on_report(self, number: int, report: messages.Report, fd: int) -> None:
        book = self._front.book
        match report:
            case messages.Started():
                session = book.get(report.conn)
                if session is not None and session.launcher == number:
                    book.started(session, report.pid)
            case messages.Exited():
                session = book.get(report.conn)
                if session is None:
                    self._stranger_exited(report)
                # A launcher is what its user is: of the sessions of others it has nothing to say.
                elif session.launcher == number:
                    session.record.pid = report.pid
                    book.over(session, Exited(report.status, report.seconds, (report.utime, report.stime, report.maxrss)))
            case messages.Failed():
                session = book.get(report.conn)
                if session is not None and session.launcher == number:
                    detail = f"cannot execute `{report.what}`: {os.strerror(report.errno)}"
                    self._front.log.message("error", detail, session.service.name)
                    self._lost(session, detail)
            case messages.HookDone():
                waiting = self._hooks.get(report.hook)
                if waiting is not None:
                    waiting[1][0] = report.status
                    waiting[0].set()
            case messages.StderrPipe():
                self._stderr.take(number, report.service, fd)
            case messages.Living():
                self._adopt(number, report)
            case messages.Fresh():
                self._begun(number)
            case messages.Listed():
                self._unanswered.discard(report.number)
                if not self._unanswered:
                    self._adopted.set()
                for conn in self._doubted.pop(report.number, ()):
                    session = book.get(conn)
                    if session is not None and session.stage is Stage.HANDED_OVER:
                        self._clients[number].in_flight -= 1
                        self._lost(session, "the launcher died")

    def _lost(self, session: LiveSession, detail: str) -> None:
        self._front.book.over(session, Refused(Verdict(False, Reason.LAUNCH, detail=detail)))

    def _stranger_exited(self, report: messages.Exited) -> None:
        """A program that this front does not know has ended: log it."""
        service = self._front.in_force.services.get(report.service)
        if service is None:
            return
        record = SessionRecord(report.conn, service.service, None, 0.0)
        record.pid, record.status, record.seconds = report.pid, report.status, report.seconds
        record.usage = (report.utime, report.stime, report.maxrss)
        self._front.log.exited(record)

    def orphan_ended(self, pid: int, status: int) -> None:
        """A program whose launcher died has ended: the master, which inherited it, says so."""
        for session in self._front.book:
            if session.record.pid == pid:
                self._front.book.over(session, Exited(status, time.monotonic() - session.record.started))
                return

    def _adopt(self, number: int, report: messages.Living) -> None:
        """A program that an earlier front started: it counts, and its end is logged."""
        front = self._front
        for doubted in self._doubted.values():
            if report.conn in doubted:
                doubted.remove(report.conn)
        service = front.in_force.services.get(report.service)
        if service is None:
            return
        peer = _peer_of(report.source)
        session = front.book.adopt(service, report.conn, report.pid, peer, time.monotonic(), number, self._clients[number])
        if session is not None and service.service.wait:
            front.datagrams.adopted(session)

    def _begun(self, number: int) -> None:
        """A launcher has just begun. What its forerunner took and did not start is lost; what waits in the pair is not.

        Only its answer to a question that we put behind everything else tells the two apart.
        """
        doubted = [
            session.record.conn
            for session in self._front.book
            if session.launcher == number and session.stage is Stage.HANDED_OVER
        ]
        if doubted:
            self._doubted[self._ask(number)] = doubted

    def _ask(self, number: int) -> int:
        self._question = self._question % 0x7FFFFFFF + 1
        self._clients[number].send(messages.List(self._question))
        return self._question

    # ------------------------------------------------------------------ the loop

    async def run(self) -> None:
        """Hears launchers for ever."""
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            self.poll(0)

    def poll(self, seconds: float) -> bool:
        """Hears what launchers say, and waits ``seconds`` for it, with the whole loop. False: nothing was said."""
        ready = self._epoll.poll(seconds)
        for fd, _ in ready:
            client = self._by_fd.get(fd)
            if client is not None and not client.read():
                self._drop(client)
        if ready:
            self._on_room()
            self._front.log.flush()
        return bool(ready)

    @property
    def busy(self) -> bool:
        """Whether some launcher has its hands full."""
        return any(client.in_flight >= BUSY for client in self._clients.values())

    def _on_room(self) -> None:
        front = self._front
        for client, held in list(self._held.items()):
            if client.backlog < MAX_QUEUE // 2:
                del self._held[client]
                for listener in held:
                    front.listeners.hear(listener)


def _peer_of(source: str) -> Peer | None:
    """The client that a launcher remembers by its address; of a unix socket's client it knows no user."""
    if not source:
        return None
    try:
        return peer_from_text(source)
    except ValueError:
        return unix_peer()
