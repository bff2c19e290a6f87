"""The orders that the master gives its front, made out of what it holds.

What: builds each order, numbers it, and remembers what it closes until the front has applied it.
Runs in: master.
Never: decides when one is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.ipc.front_orders import (
    Begin,
    Change,
    Ended,
    Fd,
    LogFiles,
    Pairs,
    PolicyReply,
    Relays,
    Renewed,
    Stop,
    Stuck,
    Wished,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from superd.address import BindAddress
    from superd.log_target import FileTarget
    from superd.master.configuration import Unusable
    from superd.master.front_child import FrontChild
    from superd.master.in_service import InService
    from superd.master.launcher_pool import LauncherPool
    from superd.master.listeners import BoundSockets
    from superd.master.log_files import LogFiles as OpenLogs
    from superd.master.relay_pool import RelayPool
    from superd.master.reload import Reloaded
    from superd.master.wishes_store import WishesStore


class FrontOrders:
    """The orders of one master, to whichever front lives."""

    def __init__(
        self,
        front: FrontChild,
        state: InService,
        sockets: BoundSockets,
        launchers: LauncherPool,
        relays: RelayPool,
        log_files: OpenLogs,
        wishes: WishesStore,
    ) -> None:
        self._front = front
        self._state = state
        self._sockets = sockets
        self._launchers = launchers
        self._relays = relays
        self._log_files = log_files
        self._wishes = wishes
        self._number = 0
        self.certificate_ends: dict[str, float] | None = None
        """When the certificate of each service with keys ends, in seconds since 1970; None until keys were read."""
        self._closing: dict[int, tuple[BindAddress, ...]] = {}
        """Addresses that the front does not accept from once it has applied the order of this number."""
        self._lent: set[BindAddress] = set()
        """Addresses of `wait` services that an earlier front may have given to a program."""

    def begin(self, kept: bytes = b"", waiting: int = -1) -> Begin:
        """Return the first order of a new front, with everything. The log files are open until ``close_logs``.

        ``kept`` is what the front before it wrote for it, ``waiting`` the descriptor of who waited in its queues, -1 for none.
        """
        state = self._state
        table = state.registry.by_address()
        open_here = [address for address in self._sockets if address in table]
        running = self._launchers.running()
        first = Change(
            self._next(),
            state.registry.settings,
            self._launchers.launching,
            services=dict(state.registry.services),
            sockets=self._sockets_of(open_here),
            listeners={address: table[address].name for address in open_here},
            launchers=self._launchers.pairs(),
            logs=self._open_logs(),
        )
        self._launchers.take_orphaned()  # all that live are in the order
        shared = self._sockets.from_manager() | self._lent
        self._lend(open_here)
        return Begin(
            first, state.policy, running, self._launchers.orphans.all(), frozenset(shared), self._wished(0), kept,
            Fd(waiting) if waiting >= 0 else None,
        )  # fmt: skip

    def lent(self) -> list[str]:
        """Return the addresses that a program may have, as text: for the next program of this process."""
        return [address.describe() for address in self._lent]

    def lent_before(self, addresses: Iterable[str]) -> None:
        """Take over what ``lent`` returned in an earlier program of this process."""
        known = {*addresses}
        self._lent.update(address for address in self._sockets if address.describe() in known)

    def _lend(self, addresses: Iterable[BindAddress]) -> None:
        table = self._state.registry.by_address()
        self._lent.update(address for address in addresses if table[address].hands_over)

    def reloaded(self, reload: Reloaded) -> int:
        """Give the order of a reload that is in force in the master; return its number."""
        number = self._next()
        self._closing[number] = reload.changes.close
        self._lent.difference_update(reload.changes.close, reload.opened)
        self._lend(reload.listeners())
        logs = self._open_logs()
        self._log_files.follow()
        self._front.tell(
            Change(
                number,
                self._state.registry.settings,
                self._launchers.launching,
                services=reload.changed,
                removed=reload.removed,
                sockets=self._sockets_of(reload.opened),
                listeners=reload.listeners(),
                closed=reload.changes.close,
                launchers=self._launchers.take_new(),
                policy=self._state.policy,
                logs=logs,
            )
        )
        self.close_logs()
        return number

    def opened(self, addresses: list[BindAddress]) -> None:
        """Give the listeners that could be bound at last."""
        table = self._state.registry.by_address()
        self._lend(addresses)
        self._front.tell(
            Change(
                self._next(),
                self._state.registry.settings,
                self._launchers.launching,
                sockets=self._sockets_of(addresses),
                listeners={address: table[address].name for address in addresses},
                launchers=self._launchers.take_new(),
            )
        )

    def log_files(self) -> None:
        """Give all log files, opened anew."""
        logs = self._open_logs()
        self._log_files.follow()
        self._front.tell(LogFiles(logs))
        self.close_logs()

    def pairs(self) -> None:
        """Give the pairs that are new, if there are any."""
        fresh = self._launchers.take_new()
        if fresh:
            self._front.tell(Pairs(fresh, self._launchers.running()))

    def relays(self, *, all_of_them: bool = False) -> None:
        """Give the pairs of relays that are new; to a new front all."""
        pairs, running = self._relays.take_new(), frozenset[int]()
        if all_of_them:
            pairs, running = self._relays.pairs(), self._relays.running
        self._front.tell(Relays(pairs, running, self._relays.in_use, self._relays.secure, self.certificate_ends))

    def policy(self) -> None:
        """Answer with the tables in force."""
        self._front.tell(
            PolicyReply(self._state.policy, launchers=self._launchers.take_new(), launching=self._launchers.launching)
        )

    def no_policy(self, why: Unusable) -> None:
        """Answer that the tables cannot be used."""
        text = "; ".join(problem.line() for problem in why.problems)
        self._front.tell(PolicyReply(None, text, why.looked_at, why.unsettled, launching=self._launchers.launching))

    def renewed(self, address: str, fd: int, failure: str) -> None:
        """Answer with another socket for a datagram service, or with why there is none."""
        self._front.tell(Renewed(address, Fd(fd) if fd >= 0 else None, failure))

    def stuck(self, number: int, service: str) -> None:
        """Answer that a launcher stands still for a service, with the launchers that are new."""
        self._front.tell(Stuck(number, service, self._launchers.launching, self._launchers.take_new()))

    def orphaned(self) -> None:
        """Give what launchers left that died just now, if they left anything."""
        for left in self._launchers.take_orphaned():
            self._front.tell(left)

    def ended(self, pid: int, status: int) -> None:
        """A program whose launcher died has ended; without a front, the next one learns of it."""
        orphans = self._launchers.orphans
        orphans.reaped(pid, status)
        if self._front.tell(Ended(pid, status)):
            orphans.told(pid)

    def ended_meanwhile(self) -> None:
        """Tell a new front of orphans that ended while there was none: they are in its first order."""
        for pid, status in self._launchers.orphans.untold():
            self.ended(pid, status)

    def wishes(self) -> int:
        """Give what operators want now; return the order's number."""
        number = self._next()
        self._front.tell(self._wished(number))
        return number

    def _wished(self, number: int) -> Wished:
        wishes = self._wishes.wishes
        return Wished(number, tuple((ban, self._wishes.seconds_left(ban)) for ban in wishes.bans), wishes.holds)

    def stop(self, *, end: bool, grace: float) -> None:
        """Give the order to end."""
        self._front.tell(Stop(end, grace))

    def applied(self, number: int) -> None:
        """The front has applied an order: close what it does not accept from any more."""
        self._sockets.close(self._closing.pop(number, ()))

    def front_ended(self) -> None:
        """No front accepts any more: close what was to be closed."""
        for addresses in self._closing.values():
            self._sockets.close(addresses)
        self._closing.clear()

    def close_logs(self) -> None:
        """Close the log files; the front has them."""
        self._log_files.close()

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _open_logs(self) -> dict[FileTarget, Fd]:
        names = self._log_files.open_all(self._state.registry)
        return {name: Fd(fd) for name, fd in zip(names, self._log_files.fds(names), strict=True)}

    def _sockets_of(self, addresses: Iterable[BindAddress]) -> dict[BindAddress, Fd]:
        return {address: Fd(self._sockets[address].fileno()) for address in addresses}
