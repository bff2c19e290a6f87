"""The front: the process that accepts, admits, decides and passes connections on.

Runs in: the front, as an unprivileged user without capabilities. Starts no program. This file builds the parts and introduces
them to each other; it knows none of their trades.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import trio

from superd.front.datagram.internal_answers import InternalAnswers
from superd.front.datagram.names import SenderNames
from superd.front.datagram.peer_programs import PeerPrograms
from superd.front.datagram.sockets import DatagramSockets
from superd.front.datagram.verdicts import DatagramVerdicts
from superd.front.datagram.wait_programs import WaitPrograms
from superd.front.gate.conditions import World
from superd.front.gate.exempt_names import ExemptNames
from superd.front.gate.gate import Gate
from superd.front.gate.policy_watch import PolicyWatch
from superd.front.gate.waiting_room import WaitingRoom
from superd.front.in_force import InForce
from superd.front.master_link import MasterLink
from superd.front.memory import tidy
from superd.front.orders import Orders
from superd.front.panel_link import PanelLink
from superd.front.programs.launches import Launches
from superd.front.relays.carriers import Carriers
from superd.front.sessions.answers import Answers, Work
from superd.front.sessions.book import SessionBook
from superd.front.sessions.deadlines import Deadlines
from superd.front.stream.arrivals import Arrivals
from superd.front.stream.connection import Trip
from superd.front.stream.internal_services import InternalStreams
from superd.front.stream.passing_on import passed_on
from superd.front.stream.queueing import WaitingQueue
from superd.log.event import Kind
from superd.net.hostname_threads import HostnameThreads
from superd.net.listener import ListenerSet
from superd.net.resolve import Resolver
from superd.occupancy import Occupancy
from superd.record import first_number

if TYPE_CHECKING:
    from superd.front.sessions.live import LiveSession
    from superd.ipc import front_orders
    from superd.log.log import Log

COALESCE = 0.001
"""Seconds that the loop stands still at most for a busy launcher: epoll's smallest step."""
ADOPT_SECONDS = 2.0
"""Seconds a new front waits for launchers and relays to report what runs, before it accepts without knowing."""


async def run(begin: front_orders.Begin, channel: socket.socket, log: Log) -> int:
    """Serve until the master says stop, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C of the terminal is the master's to answer
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    trio.socket.set_custom_hostname_resolver(HostnameThreads())
    async with trio.open_nursery() as nursery:
        await _Front(begin, channel, log, nursery).run(begin)
        nursery.cancel_scope.cancel()
    log.close()
    return 0


class _Front:
    """All parts of one front. One thread, so nothing is locked."""

    def __init__(self, begin: front_orders.Begin, channel: socket.socket, log: Log, nursery: trio.Nursery) -> None:
        settings = begin.first.settings
        clock, start_task = time.monotonic, nursery.start_soon
        self._log, self._nursery = log, nursery
        self._in_force = in_force = InForce(settings)
        self._counts = counts = Occupancy()
        self._world = world = World(settings)
        self._listeners = listeners = ListenerSet(self._on_overload)
        self._master = master = MasterLink(channel, start_task, lambda: listeners.pause(errno.EMFILE))
        self._policy = PolicyWatch(begin.policy, master.read_policy, log.message)
        self._deadlines = Deadlines(clock)
        number = first_number(time.time())  # noqa: TID251 - a name for people, and no limit depends on it
        self._book = book = SessionBook(log, counts, self._deadlines, world.sensors, clock, lambda: start_task(tidy), number)
        self._room = WaitingRoom()
        self._gate = gate = Gate(in_force, self._policy, counts, world, clock)
        resolver = Resolver()
        self._carriers = carriers = Carriers(book, in_force.services, listeners, log, clock, master.replace_relay)
        self._launches = launches = Launches(
            log, in_force, book, listeners, start_task, carriers, master.request, self._on_adopted_wait
        )
        dispatch, commands = launches.dispatch, launches.commands
        launches.recovery.held_up = lambda: master.held_up
        self._queue = queue = WaitingQueue(in_force.services, gate, clock, self._on_batch_end)
        book.tell_ends(queue.freed)
        trip = Trip(gate, book, dispatch, commands, carriers, resolver, self._room, queue, log, start_task, in_force, clock)

        names = SenderNames(resolver, start_task)
        verdicts = DatagramVerdicts(gate, names, commands, book, log, clock)
        answers = InternalAnswers(verdicts, gate, lambda: in_force.datagram_ports)
        self._wait = WaitPrograms(verdicts, gate, book, dispatch, listeners, log, start_task, clock)
        self._peers = PeerPrograms(verdicts, gate, book, dispatch, listeners, in_force.services, master.renew, start_task, clock)
        self._datagrams = DatagramSockets(answers, self._wait, self._peers)
        self._arrivals = Arrivals(trip, listeners, InternalStreams(book, carriers, log, start_task), self._datagrams.on_ready)
        leftovers_of = launches.reports.leftovers_of

        def work() -> Work:
            return Work(self._policy.rules, self._policy.seconds, resolver.lookups, resolver.seconds)

        answers_for_panel = Answers(
            in_force, book, counts, world, self._room, log, leftovers_of, clock, work, lambda: carriers.ends, queue.waiting
        )
        self._panel = PanelLink(answers_for_panel, log.message)
        self._orders = Orders(
            in_force, book, counts, world, self._room, queue, listeners, self._policy, launches, carriers, self._datagrams,
            self._wait, self._peers, self._panel, master, log, start_task, nursery.cancel_scope.cancel,
        )  # fmt: skip
        self._exempt_names = ExemptNames(resolver, in_force.services)
        in_force.configures((world, self._room, queue, launches, resolver, names, log, self._exempt_names))

    async def run(self, begin: front_orders.Begin) -> None:
        """Apply the first order, then serve; returns when the master is gone. The end cancels the nursery."""
        self._orders.begin(begin)
        parts = (self._log, self._policy, self._launches, self._carriers, self._deadlines, self._queue, self._exempt_names)
        for part in parts:
            self._nursery.start_soon(part.run)
        self._nursery.start_soon(self._accept, begin)
        self._master.request("ready")
        await self._master.run(self._orders)

    async def _accept(self, begin: front_orders.Begin) -> None:
        # What an earlier front started counts: limits would let too many in before launchers have reported what lives.
        with trio.move_on_after(ADOPT_SECONDS):
            await self._launches.adopted()
            await self._carriers.adopted()
        if begin.waiting is not None:
            with socket.socket(fileno=begin.waiting) as waiting:
                for waited in passed_on(waiting):
                    self._arrivals.take_on(waited)
        await self._listeners.run(self._arrivals.on_ready, self._on_batch_end, self._on_busy)

    # ------------------------------------------------------------------ introductions

    def _on_adopted_wait(self, session: LiveSession) -> None:
        self._wait.adopt(session, self._in_force.listeners.values())

    def _on_batch_end(self) -> None:
        self._gate.end_batch()
        self._launches.flush()
        self._log.flush()

    def _on_busy(self) -> bool:
        """Whether launchers are so busy that the next connections are better taken together.

        They wait at most COALESCE, in which time a launcher starts a handful of programs. Without this the front wakes for
        each connection, and costs more than the program's start.
        """
        return self._launches.busy and self._launches.poll(COALESCE)

    def _on_overload(self, number: int) -> None:
        self._log.message("error", f"accepting pauses until there is room: {os.strerror(number)}", kind=Kind.PAUSE)
        self._log.flush()
