"""One service while it is served: the frozen ``Service`` and what was compiled from it.

Made anew when the service changes; sessions keep the one they began with. Counts are not here: they belong to the id and
outlive a reload (``occupancy.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.address import SocketType
from superd.front.stream.internal_services import HANDLERS
from superd.policy.admission import Access, compile_access

if TYPE_CHECKING:
    from superd.service import Service


class ServiceState:
    """``fast``: a connection that policy lets in goes straight to the launcher, nothing has to be waited for.

    ``inside``: the same, but the front itself serves it: the name of the internal service.
    ``closes_at_once``: nothing is said to a connection that is refused, and nobody is asked about it.
    """

    __slots__ = (
        "access",
        "closes_at_once",
        "daemon",
        "fast",
        "inside",
        "name",
        "program",
        "service",
        "wrapped",
    )

    def __init__(self, service: Service, before: ServiceState | None = None) -> None:
        """``before`` is the state of the service's earlier self: what was counted for its rates goes on counting."""
        self.service = service
        self.name = service.name
        self.access: Access = compile_access(service)
        if before is not None:
            self.access.adopt(before.access)
        self.daemon = service.daemon
        self.wrapped = "NOLIBWRAP" not in service.flags
        self.program = bool(service.server) and not service.sensor
        waits_for_nothing = (
            service.socket_type is not SocketType.DGRAM
            and not service.mux_client
            and service.limits.idle is None
            and not (service.banner or service.banner_success or service.banners)
            and not {"IDONLY"} & service.flags
            and "USERID" not in service.log_on_success
        )
        self.fast = self.program and waits_for_nothing
        self.inside = service.internal if service.internal in HANDLERS and waits_for_nothing else ""
        self.closes_at_once = (
            not (service.banner or service.banner_fail or service.banners) and "USERID" not in service.log_on_failure
        )
