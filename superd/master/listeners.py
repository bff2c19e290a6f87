"""Every socket that the master has bound, and the addresses it could not bind yet.

What: binds at the start and at a reload, tries again what is in use, makes deleted unix paths anew.
Runs in: master.
Never: accepts.
"""

from __future__ import annotations

import dataclasses
import errno
import socket
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from superd.address import BindAddress, SocketType
from superd.errors import BindError
from superd.log.event import Kind
from superd.net.bind import adjust, again, lost_path, open_address, place_of, remove_path
from superd.system.closing import let_socket_go
from superd.system.port_holder import holder_of

if TYPE_CHECKING:
    from superd.log.log import Log
    from superd.plan import Plan
    from superd.registry import Registry
    from superd.service import Service

FIRST_RETRY = 0.5
LAST_RETRY = 5.0
"""Seconds between tries to bind what was in use at the start: doubles from the first to the last, for ever."""
_FORBIDDEN = (errno.EACCES, errno.EPERM)


class BoundSockets(Mapping[BindAddress, socket.socket]):
    """Bound sockets by address. ``due`` is when the next try for the others is made (monotonic), or None."""

    def __init__(self, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._sockets: dict[BindAddress, socket.socket] = {}
        self._missing: dict[BindAddress, BindError] = {}
        self._pauses: dict[BindAddress, float] = {}
        self._from_manager: set[BindAddress] = set()
        self._own: set[BindAddress] = set()
        self.due: float | None = None

    def __iter__(self) -> Iterator[BindAddress]:
        return iter(tuple(self._sockets))

    def __len__(self) -> int:
        return len(self._sockets)

    def __getitem__(self, address: BindAddress) -> socket.socket:
        return self._sockets[address]

    def missing(self) -> dict[BindAddress, str]:
        """Return the addresses that are configured and not open, each with the reason."""
        return {address: problem.why for address, problem in self._missing.items()}

    def from_manager(self) -> frozenset[BindAddress]:
        """Return the addresses whose sockets a service manager has opened."""
        return frozenset(self._from_manager)

    def forbidden(self) -> bool:
        """Return whether nothing is open and the kernel refuses something because rights are missing: waiting will not help."""
        return not self._sockets and any(problem.errno in _FORBIDDEN for problem in self._missing.values())

    def all_in_use(self) -> bool:
        """Return whether nothing is open, and other processes have every address."""
        return (
            not self._sockets
            and bool(self._missing)
            and all(problem.errno == errno.EADDRINUSE for problem in self._missing.values())
        )

    # ------------------------------------------------------------------ at the start

    def bind_all(self, registry: Registry, inherited: dict[BindAddress, socket.socket]) -> None:
        """Open every address, or take the socket that a service manager has opened; what is in use is tried again."""
        for address, service in registry.by_address().items():
            adopted = inherited.pop(address, None)
            if adopted is not None:
                self._sockets[address] = adopted
                if address not in self._own:
                    self._from_manager.add(address)
                self._adjust(address, service)
                continue
            try:
                self._open(address, service)
            except BindError as problem:
                self._miss(address, problem, service.name)
        for address, sock in inherited.items():
            self._log.message("warning", f"closing inherited socket {address.describe()}: no service listens there")
            let_socket_go(sock)
            remove_path(sock)
        inherited.clear()
        self._set_due()

    def table(self) -> list[dict[str, Any]]:
        """Return the sockets for the next program of this process."""
        return [
            {
                "address": dataclasses.astuple(address),
                "fd": sock.fileno(),
                "place": place_of(sock),
                "manager": address in self._from_manager,
            }
            for address, sock in self._sockets.items()
        ]

    def bound_before(self, table: list[dict[str, Any]]) -> None:
        """Take note which sockets of ``bind_all`` an earlier program of this process has bound itself."""
        self._own = {_address_of(row) for row in table if not row["manager"]}

    def _open(self, address: BindAddress, service: Service) -> None:
        self._sockets[address] = open_address(address, service)

    def _miss(self, address: BindAddress, problem: BindError, service: str) -> None:
        known = self._missing.get(address)
        self._missing[address] = problem
        if problem.errno not in _FORBIDDEN:
            self._pauses[address] = min(self._pauses.get(address, FIRST_RETRY / 2) * 2, LAST_RETRY)
        if known is None or known.errno != problem.errno:
            self._log.message("error", explain(address, problem) + ("; trying again" if address in self._pauses else ""), service)

    def _set_due(self) -> None:
        self.due = self._clock() + min(self._pauses.values()) if self._pauses else None

    def bind_again(self, registry: Registry) -> list[BindAddress]:
        """Try what was in use; return what could be opened now."""
        table = registry.by_address()
        opened: list[BindAddress] = []
        for address in list(self._pauses):
            service = table.get(address)
            if service is None:
                self._found(address)
                continue
            try:
                self._open(address, service)
            except BindError as problem:
                self._miss(address, problem, service.name)
                continue
            self._found(address)
            opened.append(address)
            self._log.message("notice", f"listening on {address.describe()} now", service.name, kind=Kind.LISTENING)
        self._set_due()
        return opened

    def _found(self, address: BindAddress) -> None:
        self._missing.pop(address, None)
        self._pauses.pop(address, None)

    # ------------------------------------------------------------------ at a reload

    def open_all(self, changes: Plan) -> dict[BindAddress, socket.socket]:
        """Open every address that the plan opens, or none: a failure closes what this call opened. Raises ``BindError``.

        An address that waited before goes on waiting if it still cannot be opened: it does not keep the reload from its work.
        A unix path that was deleted is made anew. An address that a `wait` program has had, and that superd accepts from now,
        gets another socket.
        """
        opened: dict[BindAddress, socket.socket] = {}
        try:
            for address, service in changes.open:
                if address in self._sockets:
                    continue
                leaving = [self._sockets[old] for old in changes.close if old in self._sockets and old.overlaps(address)]
                opened[address] = open_address(address, service, beside=[] if address.path else leaving)
            for address, service in changes.retarget:
                if address in changes.renew and address in self._sockets:
                    opened[address] = self._open_anew(address, service)
        except BindError:
            _close_new(opened)
            raise
        for address, service in (*changes.keep, *changes.retarget):
            lost = address in self._missing or (address in self._sockets and lost_path(self._sockets[address]))
            if not lost or address in opened:
                continue
            try:
                opened[address] = open_address(address, service)
            except BindError as problem:
                self._miss(address, problem, service.name)
        return opened

    def _open_anew(self, address: BindAddress, service: Service) -> socket.socket:
        """Open another socket in the place of one that a `wait` program has had. Raises ``BindError``.

        A process that the program left shares the old one's description and can make it blocking at any time, and accept(2) has
        no MSG_DONTWAIT: the front would stand still. ``take`` makes the old one stop listening, also for a program that runs.
        """
        old = self._sockets[address]
        if address in self._from_manager or address.path.startswith("@"):
            why = "a `wait` program has had this socket, and it cannot be bound again while superd runs"
            raise BindError(address.describe(), errno.EBUSY, why)
        if address.path:
            remove_path(old)
            return open_address(address, service)
        where = address if address.port else replace(address, port=old.getsockname()[1])
        # The new one listens before the old one stops: a process that the program left could listen again in between.
        return open_address(where, service, beside=[old])

    def take(self, opened: dict[BindAddress, socket.socket], changes: Plan) -> None:
        """The plan is carried out: ``opened`` are this object's, and what stays gets its service's options."""
        for address, sock in opened.items():
            old = self._sockets.get(address)
            if old is not None:
                if address in changes.renew:
                    _stop_listening(old)
                let_socket_go(old)
            self._sockets[address] = sock
            self._from_manager.discard(address)
            self._found(address)
        wanted = {address for address, _ in (*changes.open, *changes.keep, *changes.retarget)}
        for address in [address for address in self._missing if address not in wanted]:
            self._found(address)
        self._set_due()
        for address, service in changes.retarget:
            if address in self._sockets:
                self._adjust(address, service)

    def _adjust(self, address: BindAddress, service: Service) -> None:
        try:
            adjust(self._sockets[address], service)
        except OSError as problem:
            self._log.message("error", f"{address.describe()} keeps the options it had: {problem.strerror}", service.name)

    def close(self, addresses: Iterable[BindAddress]) -> None:
        """Close these: no service listens there any more."""
        for address in addresses:
            sock = self._sockets.pop(address, None)
            self._from_manager.discard(address)
            if sock is not None:
                let_socket_go(sock)
                remove_path(sock)

    # ------------------------------------------------------------------ other

    def renew(self, text: str, registry: Registry) -> tuple[int, str]:
        """Bind another socket for a datagram service whose old one has become its program's: (descriptor, ""), or (-1, why)."""
        table = registry.by_address()
        address = next((address for address in self._sockets if address.describe() == text), None)
        service = table.get(address) if address is not None else None
        if address is None or service is None or service.wait or not service.server or address.path:
            return -1, "no such datagram service listens there"
        old = self._sockets[address]
        where = address if address.port else replace(address, port=old.getsockname()[1])
        try:
            self._sockets[address] = open_address(where, service, beside=[old])
        except BindError as problem:
            return -1, str(problem)
        let_socket_go(old)
        return self._sockets[address].fileno(), ""

    def close_copies(self) -> None:
        """In another child of the master: a listener closed later must have no forgotten copy there."""
        for sock in self._sockets.values():
            let_socket_go(sock)

    def give_up(self, fds: Collection[int]) -> None:
        """Leave these descriptors open, and to the caller: in a front, which knows their numbers."""
        for sock in self._sockets.values():
            if sock.fileno() in fds:
                sock.detach()

    def close_all(self) -> None:
        """Close everything and remove the paths: superd ends."""
        self.due = None
        self._missing.clear()
        self._pauses.clear()
        self.close(tuple(self._sockets))


def sockets_of(table: list[dict[str, Any]]) -> dict[BindAddress, socket.socket]:
    """Return the sockets of ``BoundSockets.table``, which are the caller's."""
    return {_address_of(row): again(row["fd"], row["place"]) for row in table}


def _address_of(row: dict[str, Any]) -> BindAddress:
    kind, *rest = row["address"]
    return BindAddress(SocketType(kind), *rest)


def explain(address: BindAddress, problem: BindError) -> str:
    """Return the failure with what an operator can do: who has the address, or which right is missing."""
    text = str(problem)
    if problem.errno == errno.EADDRINUSE:
        holder = holder_of(address)
        return f"{text}: {holder} has it" if holder is not None else text
    if problem.errno in _FORBIDDEN and 0 < address.port < 1024:
        return f"{text}: ports below 1024 need root or CAP_NET_BIND_SERVICE; choose a port from 1024"
    return text


def _stop_listening(sock: socket.socket) -> None:
    """Stop the socket in every process that has it."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # its program has done that


def _close_new(opened: dict[BindAddress, socket.socket]) -> None:
    for sock in opened.values():
        let_socket_go(sock)
        remove_path(sock)
