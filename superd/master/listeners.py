"""Every socket the master has bound, and those it could not bind yet. Accepts nothing; tells nobody."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from superd.address import BindAddress
from superd.errors import BindError
from superd.net.bind import adjust, open_address
from superd.registry import Registry

if TYPE_CHECKING:
    from superd.log.log import Log
    from superd.plan import Plan
    from superd.service import Service

FIRST_RETRY = 0.5
LAST_RETRY = 5.0
"""Seconds between tries to bind what was taken at the start: doubles from the first to the last, for ever."""


class BoundSockets(Mapping[BindAddress, socket.socket]):
    """Bound sockets by address. ``due`` is when the next try for what was taken is made (monotonic), or None."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._sockets: dict[BindAddress, socket.socket] = {}
        self._unbound: dict[BindAddress, float] = {}
        self._inherited: set[BindAddress] = set()
        """Those that a service manager opened: a path among them is its own, to keep and to remove."""
        self.due: float | None = None

    def __iter__(self) -> Iterator[BindAddress]:
        return iter(tuple(self._sockets))

    def __len__(self) -> int:
        return len(self._sockets)

    def __getitem__(self, address: BindAddress) -> socket.socket:
        return self._sockets[address]

    def fds(self, addresses: Iterable[BindAddress]) -> list[int]:
        """Their descriptors, which stay this object's."""
        return [self._sockets[address].fileno() for address in addresses]

    # ------------------------------------------------------------------ at the start

    def bind_all(self, registry: Registry, inherited: dict[BindAddress, socket.socket]) -> None:
        """Opens every address, or takes the socket a service manager has opened; what is taken is tried again."""
        for address, service in registry.by_address().items():
            adopted = inherited.pop(address, None)
            if adopted is not None:
                self._sockets[address] = adopted
                self._inherited.add(address)
                self._adjust(address, service)
                continue
            try:
                self._sockets[address] = open_address(address, service)
            except BindError as problem:
                self._log.message("error", f"{problem}; trying again", service.name)
                self._unbound[address] = FIRST_RETRY
        for address, sock in inherited.items():
            self._log.message("warning", f"nobody serves the socket that was handed over for {address.describe()}")
            sock.close()
        inherited.clear()
        if self._unbound:
            self.due = time.monotonic() + FIRST_RETRY

    def bind_again(self, registry: Registry, now: float) -> list[BindAddress]:
        """Tries what was taken; what could be opened now."""
        table = registry.by_address()
        opened: list[BindAddress] = []
        for address, pause in list(self._unbound.items()):
            service = table.get(address)
            if service is None:
                del self._unbound[address]
                continue
            try:
                self._sockets[address] = open_address(address, service)
            except BindError:
                self._unbound[address] = min(pause * 2, LAST_RETRY)
                continue
            del self._unbound[address]
            opened.append(address)
            self._log.message("notice", f"listening on {address.describe()} at last", service.name)
        self.due = now + min(self._unbound.values()) if self._unbound else None
        return opened

    # ------------------------------------------------------------------ at a reload

    def registry_of(self, registry: Registry) -> Registry:
        """The registry as far as it is bound: what could not be bound at the start is opened by the reload."""
        if not self._unbound:
            return registry
        bound = {
            name: service
            for name, service in registry.services.items()
            if not any(address in self._unbound for address in service.addresses())
        }
        return Registry(bound, registry.settings)

    def open_all(self, changes: Plan) -> dict[BindAddress, socket.socket]:
        """Every address the plan opens, or none: a failure closes what this call opened. Raises ``BindError``."""
        opened: dict[BindAddress, socket.socket] = {}
        try:
            for address, service in changes.open:
                if address not in self._sockets:
                    leaving = [self._sockets[old] for old in changes.close if old in self._sockets and old.overlaps(address)]
                    opened[address] = open_address(address, service, beside=[] if address.path else leaving)
        except BindError:
            for address, sock in opened.items():
                sock.close()
                _unlink(address)
            raise
        return opened

    def take(self, opened: dict[BindAddress, socket.socket], changes: Plan) -> None:
        """The plan is carried out: ``opened`` are this object's, and what stays gets its service's options."""
        self._sockets.update(opened)
        self._unbound.clear()
        self.due = None
        for address, service in changes.retarget:
            self._adjust(address, service)

    def _adjust(self, address: BindAddress, service: Service) -> None:
        try:
            adjust(self._sockets[address], service, path=address not in self._inherited)
        except OSError as problem:
            self._log.message("error", f"{address.describe()} keeps the options it had: {problem.strerror}", service.name)

    def close(self, addresses: Iterable[BindAddress]) -> None:
        """Nothing serves these any more."""
        for address in addresses:
            sock = self._sockets.pop(address, None)
            if sock is not None:
                sock.close()
                if address not in self._inherited:
                    _unlink(address)
                self._inherited.discard(address)

    # ------------------------------------------------------------------ else

    def renew(self, text: str, registry: Registry) -> tuple[int, str]:
        """Another socket for a datagram service whose old one has become its program's: (descriptor, ""), or (-1, why not)."""
        table = registry.by_address()
        address = next((address for address in self._sockets if address.describe() == text), None)
        service = table.get(address) if address is not None else None
        if address is None or service is None or service.wait or not service.server or address.path:
            return -1, "nothing of the kind is served there"
        old = self._sockets[address]
        where = address if address.port else replace(address, port=old.getsockname()[1])
        try:
            self._sockets[address] = open_address(where, service)
        except BindError as problem:
            return -1, str(problem)
        old.close()
        return self._sockets[address].fileno(), ""

    def close_copies(self) -> None:
        """In a child of the master: a listener closed later must have no forgotten copy there."""
        for sock in self._sockets.values():
            sock.close()

    def close_all(self) -> None:
        """The end: nobody connects any more, and no path of ours is left."""
        self.due = None
        self.close(tuple(self._sockets))


def _unlink(address: BindAddress) -> None:
    if address.path.startswith("/"):
        with contextlib.suppress(OSError):  # somebody removed it, or its folder, before us
            os.unlink(address.path)
