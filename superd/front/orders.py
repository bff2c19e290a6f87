"""What the front does at each order of the master: the handlers of ``master_link.py``, over the parts that the orders are for.

Runs in: the front. Decides nothing about a client.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from superd.front.kept import pieces, restore
from superd.front.safekeeping import Safekeeping
from superd.front.sessions.status import status
from superd.ipc.front_requests import MAX_DUMP
from superd.log_target import FileTarget

if TYPE_CHECKING:
    from superd.front.datagram.datagrams import Datagrams
    from superd.front.gate.policy_watch import PolicyWatch
    from superd.front.handing_over import StartTask
    from superd.front.in_force import InForce
    from superd.front.kept import Counted
    from superd.front.leaving import Leaving
    from superd.front.master_link import MasterLink
    from superd.front.panel_link import PanelLink
    from superd.front.programs.launches import Launches
    from superd.front.relays.carriers import Carriers
    from superd.front.sessions.view import View
    from superd.ipc import front_orders
    from superd.log.log import Log
    from superd.net.listener import ListenerSet


@dataclass(slots=True)
class Orders:
    """The parts that orders are for."""

    in_force: InForce
    view: View
    counted: Counted
    listeners: ListenerSet
    policy_watch: PolicyWatch
    launches: Launches
    carriers: Carriers
    datagrams: Datagrams
    panel_link: PanelLink
    leaving: Leaving
    master: MasterLink
    log: Log
    start_task: StartTask
    safekeeping: Safekeeping | None = None

    def begin(self, order: front_orders.Begin) -> None:
        """Put the first order into force: everything, and what the front before this one left."""
        self._apply(order.first, order.running)
        for address in order.shared & self.in_force.listeners.keys():
            self.datagrams.shared(self.in_force.listeners[address])
        self.wished(order.wished)
        restore(order.kept, self.counted, time.monotonic())
        for orphaned in order.orphaned:
            self.orphaned(orphaned)
        if order.memory is not None:
            self.safekeeping = Safekeeping(
                order.memory, lambda: pieces(self.counted, time.monotonic()), self.view.book.state, self.start_task
            )

    def alive(self) -> None:
        """Do what is due every few seconds: the master has asked for a sign of life."""
        if self.safekeeping is not None:
            self.safekeeping.look()

    def change(self, order: front_orders.Change) -> None:
        """Put a new state of things into force."""
        self._apply(order, frozenset())

    def _apply(self, order: front_orders.Change, running: frozenset[int]) -> None:
        # No await below: no task sees half a reload.
        applied = self.in_force.apply(order, [socket.socket(fileno=fd) for fd in order.sockets.values()])
        self.launches.take(order.launchers, running)
        if order.logs is not None:
            self._take_logs(order.logs)
        for listener in applied.opened:
            self.listeners.add(listener)
        for listener in applied.closed:
            self.datagrams.forget(listener)
            self.listeners.remove(listener)
        if order.policy is not None:
            self.policy_watch.replace(order.policy)
        self._hold_listeners()

    def log_files(self, order: front_orders.LogFiles) -> None:
        """Take log files that were opened anew."""
        self._take_logs(order.logs)

    def _take_logs(self, logs: dict[FileTarget, front_orders.Fd]) -> None:
        for target, fd in logs.items():
            self.log.attach_file(target, fd)
        # A session writes its last line where it wrote its first.
        used = (session.record.service.log_type for session in self.view.book)
        self.log.keep_files({*logs, *(target for target in used if isinstance(target, FileTarget))})

    def policy(self, order: front_orders.PolicyReply) -> None:
        """Take the tables that were asked for, and launchers for their rules."""
        self.launches.take(order.launchers)
        self.in_force.launcher_for = order.launching.launcher_for
        self.policy_watch.answered(order)

    def pairs(self, order: front_orders.Pairs) -> None:
        """Take new pairs to launchers whose old ones are gone."""
        self.launches.take(order.launchers, order.running)

    def relays(self, order: front_orders.Relays) -> None:
        """Take new pairs to relays."""
        self.carriers.take(order.relays, order.running, order.in_use, order.secure, order.ends)

    def renewed(self, order: front_orders.Renewed) -> None:
        """Take a second socket at a datagram service's address."""
        sock = socket.socket(fileno=order.socket) if order.socket is not None else None
        self.datagrams.renewed(order.address, sock, order.failure)

    def orphaned(self, order: front_orders.Orphaned) -> None:
        """Take the programs that a launcher left when it died."""
        self.launches.recovery.orphaned(order)

    def stuck(self, order: front_orders.Stuck) -> None:
        """Take what a launcher stands still for, and the launchers that are started for the other services."""
        self.in_force.launchers_of = order.launching.launchers_of
        self.launches.take(order.launchers)
        self.launches.stuck.answered(order.number, order.service)

    def ended(self, order: front_orders.Ended) -> None:
        """Take the end of a program whose launcher died."""
        self.launches.orphan_ended(order.pid, order.status)

    def dump(self, order: front_orders.Dump) -> None:
        """Write the state as text into the master's memory."""
        state = status(self.view, time.monotonic(), time.time())  # noqa: TID251 - a certificate ends on a date
        text = state.text().encode("utf-8", "backslashreplace")[:MAX_DUMP]
        left = memoryview(text)
        with open(order.memory, "wb", buffering=0) as file:  # a buffer that cannot be written raises again when it is closed
            try:
                while left:
                    left = left[file.write(left) :]
            except OSError as problem:
                self.log.message("error", f"the front cannot write its state for a dump: {problem.strerror}")
                return
        self.master.request("dump", number=len(text))

    def wished(self, order: front_orders.Wished) -> None:
        """Put what operators want into force."""
        self.counted.wished.replace(order.bans, order.holds, time.monotonic())
        self._hold_listeners()

    def _hold_listeners(self) -> None:
        for listener in self.in_force.listeners.values():
            self.listeners.hold(listener, self.counted.wished.waits(listener.name))

    def panel(self, order: front_orders.Panel) -> None:
        """Answer the panel at the other end of a new pair."""
        self.start_task(self.panel_link.run, socket.socket(fileno=order.channel))

    def stop(self, order: front_orders.Stop) -> None:
        """Let sessions end, or end them; then end the process."""
        self.leaving.stop(order)

    def retire(self, order: front_orders.Retire) -> None:
        """Make room for another front when the master says so."""
        self.leaving.retire(order)

    def obeyed(self) -> None:
        """Write what an order had logged, and decide what waited for it."""
        self.launches.recovery.on_orders()
        self.log.flush()
