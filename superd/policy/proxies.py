"""Which peers of a service must announce their client with a PROXY header, which may connect without one, and which neither.

Pure; runs in the front and in the operator's commands. By address alone: never by a name, and never by the bytes that come.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from superd.policy.addresses import AddressList, address_list
from superd.verdict import Reason, Verdict

if TYPE_CHECKING:
    from superd.peer import Peer
    from superd.service import Service

_VERSIONS = {"v1": frozenset({1}), "v2": frozenset({2}), "any": frozenset({1, 2})}


class Sender(Enum):
    """What a peer is to the service."""

    PROXY = "proxy"
    """It is in `proxy_from`: its first bytes are a header, or it is refused."""
    CLIENT = "client"
    """It is in `proxy_optional_from`: it is the client itself, and its first bytes are its own."""
    STRANGER = "stranger"
    """It is in neither: refused before a byte is read."""


STRANGER = Verdict(False, Reason.PROXY, detail="not in proxy_from")


class Proxies:
    """The lists of one service, compiled. ``versions`` are those of the protocol that are read."""

    __slots__ = ("_clients", "_proxies", "versions")

    def __init__(self, service: Service) -> None:
        """Raises ``ValueError`` naming a word that is not an address."""
        self._proxies = sender_list(service.proxy_from or ())
        self._clients = sender_list(service.proxy_optional_from)
        self.versions = _VERSIONS[service.proxy_protocol or "any"]

    def sender(self, peer: Peer) -> Sender:
        """Return what the peer at the other end of the socket is. `proxy_from` wins over `proxy_optional_from`."""
        if self._proxies.matches(peer) is True:
            return Sender.PROXY
        return Sender.CLIENT if self._clients.matches(peer) is True else Sender.STRANGER


def sender_list(words: tuple[str, ...]) -> AddressList:
    """Return the list of these words. Raises ``ValueError`` for a name, and for `ALL`.

    The name server that answers for a name could choose the proxies; and with `ALL` each client would choose its own address.
    """
    made = address_list(words)
    wrong = next((word for word in words if word.upper() == "ALL"), "") if made.all else next(iter(made.names), "")
    if wrong:
        raise ValueError(f"`{wrong}` is not an address or a network")
    return made


def compile_proxies(service: Service) -> Proxies | None:
    """The service's lists, or None where no header is read. Raises ``ValueError`` naming a bad word."""
    return Proxies(service) if service.proxy_protocol else None
