"""Services that hosts.allow and hosts.deny do not guard as they seem to (tcpdchk's inetcf.c). Pure: file modes come in.

Runs in: the reading child, the operator's commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.address import SocketType
from superd.problem import Origin, Problem, error, warning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from superd.service import Service

_SET_ID = 0o6000
_INSECURE = ("rexd", "rpc.rexd")


def check_wrapping(
    services: Mapping[str, Service],
    origins: Mapping[tuple[str, str], Origin],
    mode: Callable[[str], int],
    refusing: Callable[[str], str] = lambda _: "",
) -> list[Problem]:
    """What is wrong with those services. ``mode`` is a file's, 0 for one that does not exist.

    ``refusing`` names the rule that refuses the clients of a daemon that accepts them itself, or none.
    """
    found: list[Problem] = []
    for name, service in services.items():

        def at(key: str, name: str = name) -> Origin:
            return origins.get((name, key)) or origins.get((name, ""), Origin(name))

        if not service.server or "NOLIBWRAP" in service.flags:
            continue
        program = service.server.rpartition("/")[2]
        if program == "tcpd":
            message = "`tcpd` asks hosts.allow and hosts.deny once more, and by another name perhaps"
            found.append(warning(at("server"), message, "write the program itself"))
        if program in _INSECURE:
            found.append(warning(at("server"), f"`{service.server}` may be an insecure service: it runs what any client sends"))
        if mode(service.server) & _SET_ID:
            message = f"`{service.server}` is set-uid or set-gid: users of this host can start it themselves"
            found.append(warning(at("server"), message))
        if service.wait and service.socket_type is SocketType.STREAM:
            rule = refusing(service.daemon)
            if rule:
                message = f"every client is refused: {rule} names `{service.daemon}`, and with wait = true superd sees no client"
                remedy = 'use wait = false; or flags = "NOLIBWRAP" where the program asks hosts.allow and hosts.deny itself'
                found.append(error(at("wait"), message, remedy))
            else:
                message = f"a rule of hosts.deny that names `{service.daemon}` will refuse every client: superd sees none of them"
                found.append(warning(at("wait"), message, 'use wait = false, or flags = "NOLIBWRAP"'))
    return found
