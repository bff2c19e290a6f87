"""The front: the process that accepts, admits, decides and passes connections on.

Runs in: the front, as an unprivileged user without capabilities. Starts no program. This file builds the parts and introduces
them to each other; it knows none of their trades.
"""

from __future__ import annotations

import errno
import signal
import socket
import time
from typing import TYPE_CHECKING

import trio

from superd.front.datagram.datagrams import Datagrams
from superd.front.gate.conditions import FrontConditions
from superd.front.gate.exempt_names import ExemptNames
from superd.front.gate.gate import Gate
from superd.front.gate.policy_watch import PolicyWatch
from superd.front.gate.waiting_room import WaitingRoom
from superd.front.in_force import InForce
from superd.front.kept import Counted
from superd.front.leaving import Leaving
from superd.front.master_link import MasterLink
from superd.front.memory import tidy
from superd.front.orders import Orders
from superd.front.panel_link import PanelLink
from superd.front.programs.launches import Launches
from superd.front.relays.carriers import Carriers
from superd.front.sessions.answers import Answers
from superd.front.sessions.book import SessionBook
from superd.front.sessions.deadlines import Deadlines
from superd.front.sessions.view import View
from superd.front.stream.accepting import Accepting, log_overload
from superd.front.stream.arrivals import Arrivals
from superd.front.stream.connection import Trip
from superd.front.stream.internal_services import InternalStreams
from superd.front.stream.queueing import WaitingQueue
from superd.net.hostname_threads import HostnameThreads
from superd.net.listener import ListenerSet
from superd.net.resolve import Resolver
from superd.occupancy import Occupancy
from superd.record import first_number

if TYPE_CHECKING:
    from superd.front.sessions.live import LiveSession
    from superd.ipc import front_orders
    from superd.log.log import Log


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
        clock, start_task = time.monotonic, nursery.start_soon
        self._log, self._nursery = log, nursery
        self._in_force = in_force = InForce(begin.first.settings)
        counts = Occupancy()
        conditions = FrontConditions(begin.first.settings)
        listeners = ListenerSet(log_overload(log))
        self._master = master = MasterLink(channel, start_task, lambda: listeners.pause(errno.EMFILE))
        self._policy = policy = PolicyWatch(begin.policy, master.read_policy, log.message)
        self._deadlines = Deadlines(clock)
        number = first_number(time.time())  # noqa: TID251 - a name for people, and no limit depends on it
        book = SessionBook(log, counts, self._deadlines, conditions.sensors, clock, lambda: start_task(tidy), number)
        room = WaitingRoom()
        gate = Gate(in_force, policy, counts, conditions, clock)
        resolver = Resolver()
        self._carriers = carriers = Carriers(book, in_force.services, listeners, log, clock, master.replace_relay)
        self._launches = launches = Launches(
            log, in_force, book, listeners, start_task, carriers, master.request, self._on_adopted_wait
        )
        launches.recovery.held_up = lambda: master.held_up
        dispatch, commands = launches.dispatch, launches.commands
        self._accepting = accepting = Accepting(listeners, gate, launches, carriers, log)
        self._queue = queue = WaitingQueue(in_force.services, gate, clock, accepting.end_batch)
        book.tell_ends(queue.freed)
        trip = Trip(gate, book, dispatch, commands, carriers, resolver, room, queue, log, start_task, in_force, clock)
        self._datagrams = datagrams = Datagrams(
            resolver, gate, book, dispatch, commands, listeners, in_force, master.renew, log, start_task, clock
        )
        self._arrivals = Arrivals(trip, listeners, InternalStreams(book, carriers, log, start_task), datagrams.on_ready)

        leftovers_of = launches.reports.leftovers_of
        self.view = view = View(in_force, book, counts, conditions, room, queue, carriers, policy, resolver, leftovers_of)
        panel = PanelLink(Answers(view, log, clock), log.message)
        counted = Counted(in_force.services, conditions.sensors, conditions.wished, book.tallies)
        leaving = Leaving(
            in_force, book, room, queue, listeners, launches, carriers, counted, log, start_task,
            lambda: master.request("stopped"), nursery.cancel_scope.cancel,
        )  # fmt: skip
        self._orders = Orders(
            in_force, view, counted, listeners, policy, launches, carriers, datagrams, panel, leaving, master, log, start_task
        )
        self._exempt_names = ExemptNames(resolver, in_force.services)
        in_force.configures((conditions, room, queue, launches, resolver, datagrams, log, self._exempt_names))

    async def run(self, begin: front_orders.Begin) -> None:
        """Apply the first order, then serve; returns when the master is gone. The end cancels the nursery."""
        self._orders.begin(begin)
        parts = (self._log, self._policy, self._launches, self._carriers, self._deadlines, self._queue, self._exempt_names)
        for part in parts:
            self._nursery.start_soon(part.run)
        self._nursery.start_soon(self._accepting.run, self._arrivals, begin.waiting)
        self._master.request("ready")
        await self._master.run(self._orders)

    def _on_adopted_wait(self, session: LiveSession) -> None:
        self._datagrams.adopt(session, self._in_force.listeners.values())
