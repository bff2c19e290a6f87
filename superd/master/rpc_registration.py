"""Which RPC services rpcbind should know, and whether it does. The master's; blocks it for ``SECONDS`` at most.

Never: binds.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping as Table
from typing import TYPE_CHECKING

from superd.net import rpcbind
from superd.wire import rpc

if TYPE_CHECKING:
    from superd.address import BindAddress
    from superd.log.log import Log
    from superd.registry import Registry

SECONDS = 2.0
"""An rpcbind that lives answers in a millisecond; one that hangs must not keep reloads waiting."""
RETRY = 30.0
"""Seconds until rpcbind is asked again after it did not take everything: it may start later than superd."""


def mappings_of(registry: Registry, sockets: Table[BindAddress, socket.socket]) -> dict[rpc.Mapping, str]:
    """What is to be registered → the service's id: each version, at each address where it is really bound."""
    found: dict[rpc.Mapping, str] = {}
    for service in registry.services.values():
        if "RPC" not in service.type or service.rpc_number is None or service.rpc_version is None:
            continue
        for address in service.addresses():
            sock = sockets.get(address)
            if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
                continue
            host, port = sock.getsockname()[:2]
            places = [(service.proto, host)]
            if sock.family == socket.AF_INET6:
                places = [(service.proto + "6", host)]
                if not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
                    places.append((service.proto, "0.0.0.0"))  # noqa: S104 - what the socket takes
            for netid, where in places:
                for version in service.rpc_version:
                    found[rpc.Mapping(service.rpc_number, version, netid, where, port)] = service.name
    return found


class RpcRegistrar:
    """The mappings of this superd at rpcbind."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._wanted: dict[rpc.Mapping, str] = {}
        self._known: set[rpc.Mapping] = set()
        self.due: float | None = None

    def want(self, mappings: dict[rpc.Mapping, str]) -> None:
        """Makes rpcbind's table say this and nothing else of ours."""
        if not mappings and not self._known:
            return
        deadline = time.monotonic() + SECONDS
        # What stays there by a failure points at a closed port, which a client finds out by itself.
        rpcbind.change(rpc.UNSET, self._known - mappings.keys(), deadline)
        self._wanted = mappings
        # All of them, each time: rpcbind forgets everything when it is restarted, and says yes to what it knows.
        self._register(set(mappings), deadline)

    def on_timer(self, now: float) -> None:
        """Tries again what was not taken."""
        if self.due is not None and now >= self.due:
            self._register(self._wanted.keys() - self._known, time.monotonic() + SECONDS)

    def close(self) -> None:
        """Takes everything back."""
        rpcbind.change(rpc.UNSET, self._known, time.monotonic() + SECONDS)
        self._known = set()
        self.due = None

    def _register(self, missing: set[rpc.Mapping], deadline: float) -> None:
        refused = rpcbind.change(rpc.SET, missing, deadline)
        stale = [mapping for mapping, why in refused.items() if not why]
        if stale:
            # A superd that was killed has left its own: rpcbind refuses a second mapping of the same program.
            rpcbind.change(rpc.UNSET, stale, deadline)
            refused = {mapping: why for mapping, why in refused.items() if why} | rpcbind.change(rpc.SET, stale, deadline)
        taken = missing - refused.keys()
        for name, why in sorted({(self._wanted[mapping], why) for mapping, why in refused.items()}):
            self._log.message("warning", f"not registered with rpcbind: {why or 'it refuses'}; trying again in {RETRY:g} s", name)
        for name in sorted({self._wanted[mapping] for mapping in taken - self._known}):
            self._log.message("info", "registered with rpcbind", name)
        self._known = (self._known & self._wanted.keys() - refused.keys()) | taken
        self.due = time.monotonic() + RETRY if refused else None
