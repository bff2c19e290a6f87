"""One service as it is served: the frozen ``Service`` and what was compiled from it.

Runs in: the front. Made anew when the service changes; a session keeps the one it began with. Counts of sessions belong to
the service's id and outlive a reload (``occupancy.py``).
Never: changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.address import SocketType
from superd.internal import CARRIED, STREAM
from superd.policy.admission import Access, compile_access
from superd.policy.proxies import Sender, compile_proxies

if TYPE_CHECKING:
    from superd.peer import Peer
    from superd.service import Service


class CompiledService:
    """``fast``: a connection that policy admits goes straight to the launcher: nothing has to be waited for.

    ``inside``: the same, but the front itself serves it; the name of the internal service.
    ``carried``: its bytes are a relay's business.
    ``secure``: its clients speak TLS.
    ``proto``: the service's, which is not made anew for each connection.
    ``proxies``: who may and must announce its client, or None.
    ``waits``: clients above a limit of what runs at once wait in the queue.
    ``closes_at_once``: a refused connection gets no banner, and no ident server is asked about it.
    """

    __slots__ = (
        "access",
        "carried",
        "closes_at_once",
        "daemon",
        "fast",
        "inside",
        "name",
        "program",
        "proto",
        "proxies",
        "secure",
        "service",
        "waits",
        "wrapped",
    )

    def __init__(self, service: Service, before: CompiledService | None = None) -> None:
        """``before`` is the service's earlier self: the counts of its rates go on."""
        self.service = service
        self.name = service.name
        self.access: Access = compile_access(service)
        if before is not None:
            self.access.adopt(before.access)
        self.secure = bool(service.tls) and not service.mux_client
        self.proxies = compile_proxies(service)
        self.daemon = service.daemon
        self.proto = service.proto
        self.wrapped = "NOLIBWRAP" not in service.flags
        self.program = bool(service.server) and not service.sensor
        self.waits = service.at_limit == "wait"
        waits_for_nothing = (
            service.socket_type is not SocketType.DGRAM
            and not service.mux_client
            and not service.tls
            and service.limits.idle is None
            and service.limits.first_byte is None
            and not (service.banner or service.banner_success or service.banners)
            and not {"IDONLY"} & service.flags
            and "USERID" not in service.log_on_success
        )
        self.fast = self.program and waits_for_nothing
        self.inside = service.internal if service.internal in STREAM.keys() | CARRIED and waits_for_nothing else ""
        apart = self.program and service.stdio != "socket"
        self.carried = bool(service.redirect) or service.internal in CARRIED or apart
        self.closes_at_once = (
            not (service.banner or service.banner_fail or service.banners) and "USERID" not in service.log_on_failure
        )

    def announces(self, peer: Peer) -> bool:
        """Whether the peer is a proxy of this service."""
        return self.proxies is not None and self.proxies.sender(peer) is Sender.PROXY
