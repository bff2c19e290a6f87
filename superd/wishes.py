"""What operators asked for while superd runs: bans, and services that are paused. Values; the master keeps them.

Runs in: master, front, panel. Never: changes.
"""

from __future__ import annotations

import ipaddress

from superd.frozen import frozen

MAX_BANS = 4096
MAX_HOLDS = 4096
MAX_TEXT = 200
"""Characters of a reason."""


@frozen
class Ban:
    """Clients of ``prefix`` are refused, by one service or by all (""). Times are wall-clock seconds; ``until`` 0 is for ever.

    ``by`` is the uid of the operator.
    """

    prefix: str
    service: str
    since: float
    until: float
    by: int
    because: str = ""


@frozen
class Hold:
    """A service is paused since a wall-clock time. ``refuse``: clients are refused; else they wait in the kernel's queue."""

    service: str
    since: float
    by: int
    because: str = ""
    refuse: bool = False
    drain: bool = False


@frozen
class Wishes:
    """All that is in force."""

    bans: tuple[Ban, ...] = ()
    holds: tuple[Hold, ...] = ()


def parse_prefix(text: str) -> str:
    """Return an address or network in its one spelling, v4-mapped IPv6 as IPv4. Raises ``ValueError`` with the reason."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(f"`{text}` is not an address like 192.0.2.1 or 2001:db8::/32") from None
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is not None and network.prefixlen >= 96:
        network = ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}", strict=False)
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
