"""What a service's values must be together, and with /etc/services and /etc/rpc: ports, addresses, RPC numbers. Pure.

Values with a grammar of their own are parsed in the model. Runs in the master and the operator's commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.service import Service


def check_words(service: Service) -> list[tuple[str, str]]:
    """(key, what is wrong) for each such value of a service whose names have been looked up."""
    found: list[tuple[str, str]] = []
    if isinstance(service.port, str):
        found.append(("port", f"`{service.port}` is not in /etc/services"))
    elif service.port is not None and not 0 <= service.port <= 65535:
        found.append(("port", f"`{service.port}` is not from 0 to 65535"))
    else:
        try:
            service.addresses()
        except ValueError as problem:
            found.append(("listen", str(problem)))
    if service.redirect and isinstance(service.redirect.port, str):
        found.append(("redirect", f"port `{service.redirect.port}` is not in /etc/services"))
    if "RPC" in service.type:
        found += _rpc(service)
    if service.internal == "auth":
        try:
            _ = service.auth_options
        except ValueError as problem:
            found.append(("server_args", str(problem)))
    return found


def _rpc(service: Service) -> list[tuple[str, str]]:
    if service.rpc_version is None:
        return [("rpc_version", "an RPC service has a version: n or n-m")]
    if service.rpc_number is None:
        return [("rpc_number", f"`{service.service}` is not in /etc/rpc: give the number")]
    if not 0 < service.rpc_number < 1 << 32 or service.proto not in ("tcp", "udp"):
        return [("rpc_number", "an RPC service has a number of 32 bits, and tcp or udp")]
    return []
