"""What is in force: settings, services, listeners, launchers. The one cell that a reload swaps.

Runs in: the front. Written by ``apply`` alone, in one synchronous step, so that no task sees half a reload. Opens nothing
and closes nothing: the caller does that with what ``apply`` returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from superd.address import SocketType
from superd.front.gate.compiled_service import CompiledService
from superd.frozen import frozen
from superd.net.listener import Listener

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Mapping

    from superd.address import BindAddress
    from superd.ipc.front_orders import Change
    from superd.settings import Settings


class Configured(Protocol):
    """A part of the front that a reload must give its settings: it may not keep a setting in any other way."""

    def configure(self, settings: Settings) -> None: ...


@frozen
class Applied:
    """What an order changed: listeners that are new, and listeners that nothing serves any more."""

    opened: tuple[Listener, ...]
    closed: tuple[Listener, ...]


class InForce:
    """The configuration that the front works by.

    ``launchers_of`` maps a service to the numbers of the launchers that start it, ``launcher_for`` the (user, group) of a
    rule to one number; ``command_launcher`` is the number that runs commands of ``policy.hook_user``, if that is set.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.services: dict[str, CompiledService] = {}
        self.listeners: dict[BindAddress, Listener] = {}
        self.launchers_of: Mapping[str, tuple[int, ...]] = {}
        self.launcher_for: Mapping[tuple[str, str], int] = {}
        self.command_launcher: int | None = None
        self.datagram_ports: frozenset[int] = frozenset()
        """Ports that this superd answers datagrams on: an answer to one of them could come back for ever."""
        self._configured: list[Configured] = []

    def configures(self, parts: Iterable[Configured]) -> None:
        """Give these parts the settings now and at each reload."""
        for part in parts:
            self._configured.append(part)
            part.configure(self.settings)

    def _unblock(self, listener: Listener) -> None:
        """Make a listener non-blocking that this process accepts from.

        The socket of a `wait` service is its program's: one that runs already would find nothing where it waits.
        """
        service = self.services.get(listener.name)
        if service is not None and not service.service.hands_over:
            listener.sock.setblocking(False)

    def speaks_for(self, number: int, service: str) -> bool:
        """Return whether launcher ``number`` starts programs of ``service``, and so may report on them."""
        return number in self.launchers_of.get(service, ()) or number in self.launcher_for.values()

    def apply(self, order: Change, sockets: Iterable[socket.socket]) -> Applied:
        """Put an order into force. ``sockets`` are those of ``order.sockets``, and the listeners' from here."""
        self.settings = order.settings
        launching = order.launching
        self.launchers_of, self.launcher_for = launching.launchers_of, launching.launcher_for
        self.command_launcher = launching.command_launcher
        for name in order.removed:
            self.services.pop(name, None)
        for name, service in order.services.items():
            self.services[name] = CompiledService(service, self.services.get(name))
        opened: list[Listener] = []
        closed: list[Listener] = []
        for address, sock in zip(order.sockets, sockets, strict=True):
            if address in self.listeners:
                closed.append(self.listeners[address])  # a path that was deleted, and is bound again
            self.listeners[address] = listener = Listener(address, order.listeners[address], sock)
            opened.append(listener)
        for address, name in order.listeners.items():
            known = self.listeners.get(address)
            if known is not None:
                known.name = name
                self._unblock(known)
        closed += [self.listeners.pop(address) for address in order.closed if address in self.listeners]
        self.datagram_ports = frozenset(address.port for address in self.listeners if address.socket_type is SocketType.DGRAM)
        for part in self._configured:
            part.configure(self.settings)
        return Applied(tuple(opened), tuple(closed))
