"""Stop accepting for services whose launchers have long queues, and accept again when there is room.

Runs in: the front. What is not accepted stays in the kernel's queue; the other services are served meanwhile.
Never: drops a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.address import SocketType

if TYPE_CHECKING:
    from superd.front.in_force import InForce
    from superd.front.programs.dispatch import Dispatch
    from superd.net.listener import Listener, ListenerSet


class Backpressure:
    """Listeners that are ignored until a launcher of their service has room."""

    def __init__(self, listeners: ListenerSet, in_force: InForce) -> None:
        self._listeners = listeners
        self._in_force = in_force
        self._ignored: dict[Listener, str] = {}
        """Listener → the service it is ignored for: a reload can give it another."""

    def on_full(self, dispatch: Dispatch, service: str) -> None:
        """A queue of the service's launchers is full: ignore each listener that has nowhere else to go."""
        for listener in self._listeners:
            known = self._in_force.services.get(listener.name)
            # Datagrams and `wait` services are ignored for reasons of their own, and ask for one program at a time.
            if listener.ignored or known is None or known.service.wait or listener.address.socket_type is SocketType.DGRAM:
                continue
            links = dispatch.links_of(listener.name)
            if links and all(link.is_full(listener.name) for link in links):
                self._listeners.ignore(listener)
                self._ignored[listener] = listener.name

    def on_room(self, dispatch: Dispatch) -> None:
        """Reports came, or requests were sent: watch the listeners again whose service has a launcher with room."""
        for listener, service in list(self._ignored.items()):
            links = dispatch.links_of(service)
            if not links or any(link.has_room(service) for link in links):
                del self._ignored[listener]
                self._listeners.watch(listener)
