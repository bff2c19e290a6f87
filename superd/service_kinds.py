"""Which key of a service works with which kind of service: one table, for the checks, the importers and the reference.

Runs in the master and in the operator's commands. Says only what there is; ``key_conflicts.py`` holds a service against it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.address import SocketType
from superd.frozen import frozen

if TYPE_CHECKING:
    from superd.service import Service


@frozen
class Kind:
    """A kind of service. ``key`` is how a message names it: the key, or the key with its value, that makes it one.

    A service has one kind by what answers its clients, and further ones by how its clients reach it.
    """

    title: str
    key: str
    has: Callable[[Service], bool]


def _stream(service: Service) -> bool:
    return service.socket_type is not SocketType.DGRAM


def _program(service: Service) -> bool:
    return bool(service.server) and not service.sensor


def paths_of(service: Service) -> list[bool]:
    """For each address whether it is a unix socket; a port alone is an address of the network."""
    return [] if service.mux_client else [text.startswith("unix:") for text in service.listen] or [False]


PROGRAM = Kind("program", "`server`", lambda s: _program(s) and _stream(s) and not s.wait)
WAIT = Kind("program, `wait`", "`wait = true`", lambda s: _program(s) and _stream(s) and s.wait)
DGRAM = Kind("datagram program", '`socket_type = "dgram"`', lambda s: _program(s) and not _stream(s) and not s.wait)
DGRAM_WAIT = Kind("datagram program, `wait`", "`wait = true`", lambda s: _program(s) and not _stream(s) and s.wait)
INTERNAL = Kind("internal", '`type = "INTERNAL"`', lambda s: bool(s.internal) and _stream(s))
INTERNAL_DGRAM = Kind("internal datagrams", '`type = "INTERNAL"`', lambda s: bool(s.internal) and not _stream(s))
REDIRECT = Kind("redirect", "`redirect`", lambda s: bool(s.redirect) and not s.sensor)
SENSOR = Kind("sensor", '`flags = "SENSOR"`', lambda s: s.sensor)
UNIX = Kind("unix socket", "`listen = unix:`", lambda s: any(paths_of(s)))
NETWORK = Kind("network alone", "`listen` without a unix socket", lambda s: not any(paths_of(s)))
TCPMUX = Kind("through tcpmux", '`type = "TCPMUX"`', lambda s: s.mux_client)
PROXIED = Kind("announced by a proxy", "`proxy_protocol`", lambda s: bool(s.proxy_protocol))
NO_REDIRECT = Kind("not a redirect", "`redirect` unset", lambda s: not s.redirect)
NO_RPC = Kind("not RPC", '`type` without "RPC"', lambda s: "RPC" not in s.type)
PRIVATE_PIDS = Kind("own processes", "`sandbox.private_pids`", lambda s: s.sandbox.private_pids)
OWN_USERS = Kind("a user for each program", "`sandbox.dynamic_user`", lambda s: bool(s.sandbox.dynamic_user))
NO_LIMIT = Kind(
    "no limit",
    "none of `instances`, `per_source` and `limits.source`",
    lambda s: s.instances is None and s.per_source is None and not s.limits.source,
)
NO_QUEUE = Kind("no queue", '`at_limit = "refuse"`', lambda s: s.at_limit == "refuse")
BY_ANSWER = (PROGRAM, WAIT, DGRAM, DGRAM_WAIT, INTERNAL, INTERNAL_DGRAM, REDIRECT, SENSOR)
"""What answers a client; every service is exactly one of these."""
BY_WAY = (UNIX, NETWORK, TCPMUX, PROXIED, NO_REDIRECT, NO_RPC, PRIVATE_PIDS, OWN_USERS, NO_LIMIT, NO_QUEUE)
"""How a client reaches it, and what limits are open; a service may be several of these."""
KINDS = (*BY_ANSWER, *BY_WAY)

_NO_PROGRAM = "no program is started"
_ACCEPTS = "the program accepts the connections itself, and superd sees no client"
_FORGED = "the sender of a datagram can be forged"
_NO_CONNECTION = "a datagram has no connection"
_LIVES_ON = "the program serves one client after another"

CLOSING = frozenset(
    {"only_from", "no_access", "access_times", "max_load", "flags IDONLY", "flags SENSOR", "proxy_protocol", "proxy_from", "tls"}
)
"""Without one of these more clients would be admitted, so that superd never leaves it out, not even one of [defaults]."""

_IDENTITY = ("user", "group", "groups")
_OF_A_PROGRAM = (
    "umask",
    "nice",
    "env",
    "passenv",
    "env_file",
    "login_environment",
    "directory",
    "stderr",
    "stdio",
    "rlimit_as",
    "rlimit_cpu",
    "rlimit_data",
    "rlimit_rss",
    "rlimit_stack",
    "rlimit_files",
    "rlimit_nproc",
    "rlimit_core",
    "rlimit_fsize",
    "leftovers",
    "sandbox",
    "require",
    "limits.memory",
    "limits.memory_swap",
    "limits.pids",
    "limits.cpu_quota",
    "limits.io_weight",
    "limits.service",
    "limits.cpu",
    "flags NAMEINARGS",
)
_OF_A_CONNECTION = (
    "tls",
    "banner",
    "banner_success",
    "banner_fail",
    "banners",
    "limits.first_byte",
    "limits.idle",
    "flags IDONLY",
    "flags KEEPALIVE",
    "flags NODELAY",
    "log_on_success USERID",
    "log_on_failure USERID",
)
_OF_A_PROXY = ("proxy_protocol", "proxy_from", "proxy_optional_from")
_OF_SOURCES = (
    "per_source",
    "limits.source_rate",
    "limits.source",
    "limits.v4_prefix",
    "limits.v6_prefix",
    "limits.exempt",
)
_OF_A_QUEUE = ("at_limit", "queue", "queue_time")
_OF_THE_SOCKET = ("port", "listen", "backlog", "v6only", "socket_mode", "socket_user", "socket_group")

_IN_THE_FRONT = (
    "stderr",
    "stdio",
    "leftovers",
    "passenv",
    "env_file",
    "login_environment",
    "directory",
    "flags NAMEINARGS",
    "sandbox",
    "require",
    "limits.memory_swap",
    "limits.pids",
    "limits.cpu_quota",
    "limits.io_weight",
    "limits.service",
    "limits.kill_grace",
)
"""The rest of what a program has is in force for internal services too: the commands of hosts.allow and hosts.deny get it."""

TABLE: dict[Kind, dict[str, str]] = {
    PROGRAM: {"deny_time": "only a sensor bans", "log_on_success TRAFFIC": "superd sees no byte of it"},
    WAIT: {
        **dict.fromkeys(("only_from", "no_access", *_OF_A_CONNECTION, *_OF_A_PROXY), _ACCEPTS),
        "quiet": _ACCEPTS,
        **dict.fromkeys((*_OF_SOURCES, *_OF_A_QUEUE), _ACCEPTS),
        "limits.penalties": _ACCEPTS,
        "log_on_success TRAFFIC": "superd sees no byte of it",
        "limits.session": _LIVES_ON,
        "limits.start": _LIVES_ON,
        "leftovers": "what such a program leaves is always kept",
        "stdio": "the program gets the listening socket",
        "deny_time": "only a sensor bans",
    },
    DGRAM: {
        "limits.penalties": _FORGED,
        **dict.fromkeys((*_OF_A_CONNECTION, *_OF_A_PROXY, *_OF_A_QUEUE), _NO_CONNECTION),
        "log_on_success TRAFFIC": "superd sees no byte of it",
        "limits.start": _NO_CONNECTION,
        "stdio": "the program gets a socket of datagrams",
        "deny_time": "only a sensor bans",
    },
    DGRAM_WAIT: {
        "limits.penalties": _FORGED,
        **dict.fromkeys((*_OF_A_CONNECTION, *_OF_A_PROXY, *_OF_A_QUEUE), _NO_CONNECTION),
        "stdio": "the program gets the listening socket",
        "log_on_success TRAFFIC": "superd sees no byte of it",
        "limits.session": _LIVES_ON,
        "limits.start": _LIVES_ON,
        "leftovers": "what such a program leaves is always kept",
        "per_source": _LIVES_ON,
        "limits.source": _LIVES_ON,
        "deny_time": "only a sensor bans",
    },
    INTERNAL: {
        **dict.fromkeys(_IN_THE_FRONT, _NO_PROGRAM),
        "log_on_success TRAFFIC": "only redirects count their bytes",
        "deny_time": "only a sensor bans",
    },
    INTERNAL_DGRAM: {
        "limits.penalties": _FORGED,
        "limits.source": "each datagram is answered at once",
        **dict.fromkeys(_IN_THE_FRONT, _NO_PROGRAM),
        **dict.fromkeys((*_OF_A_CONNECTION, *_OF_A_PROXY, *_OF_A_QUEUE), "each datagram is answered at once"),
        **dict.fromkeys(("instances", "per_source", "limits.session"), "each datagram is answered at once"),
        "limits.start": "each datagram is answered at once",
        "access_times": "each datagram is answered at once",
        "max_load": "each datagram is answered at once",
        "limits.per_minute": "each datagram is answered at once",
        "log_on_success TRAFFIC": "only redirects count their bytes",
        "deny_time": "only a sensor bans",
    },
    REDIRECT: {
        **dict.fromkeys((*_IDENTITY, *_OF_A_PROGRAM, "server_args", "limits.kill_grace"), _NO_PROGRAM),
        "deny_time": "only a sensor bans",
    },
    SENSOR: dict.fromkeys(
        ("tls", *_OF_A_QUEUE, "wait", "limits.session", "limits.start", "limits.first_byte", "limits.idle"),
        "a sensor starts nothing",
    ),
    UNIX: {
        "limits.first_byte": "the kernel does not count a unix socket's bytes",
        "limits.idle": "the kernel keeps no time of a unix socket's silence",
        "flags IDONLY": "a unix socket's client has no ident server",
        "flags KEEPALIVE": "it is an option of TCP",
        "flags NODELAY": "it is an option of TCP",
        "flags SENSOR": "a ban needs the client's address",
        "log_on_success USERID": "a unix socket's client has no ident server",
        "log_on_failure USERID": "a unix socket's client has no ident server",
    },
    NETWORK: dict.fromkeys(("socket_mode", "socket_user", "socket_group"), "only a unix socket has a path"),
    TCPMUX: {
        **dict.fromkeys(_OF_THE_SOCKET, "tcpmux listens for it"),
        **dict.fromkeys(_OF_A_PROXY, "tcpmux reads the header, and has the keys for it"),
        "tls": "the handshake is tcpmux's own, before it reads a name",
        "wait": "tcpmux hands over a connection",
        "socket_type": "tcpmux hands over a connection",
    },
    PROXIED: dict.fromkeys(
        ("flags IDONLY", "log_on_success USERID", "log_on_failure USERID"), "the client's ident server knows the proxy alone"
    ),
    NO_REDIRECT: {"send_proxy": "nothing is redirected"},
    NO_LIMIT: {"at_limit": "no limit makes a client wait"},
    NO_QUEUE: dict.fromkeys(("queue", "queue_time"), "no client waits"),
    NO_RPC: {
        "rpc_version": "it is not an RPC service",
        "rpc_number": "it is not an RPC service",
    },
    PRIVATE_PIDS: {"leftovers": "the kernel ends what the program leaves"},
    OWN_USERS: dict.fromkeys((*_IDENTITY, "login_environment"), "the program's user is a number out of the range"),
}  # fmt: skip
"""For each kind the keys that have no effect there, each with the reason. All other keys work."""

EXCEPTIONS: dict[tuple[Kind, str], Callable[[Service], bool]] = {
    # A proxy announces addresses, over whatever socket.
    **dict.fromkeys(
        ((DGRAM, "limits.penalties"), (DGRAM_WAIT, "limits.penalties"), (INTERNAL_DGRAM, "limits.penalties")),
        lambda service: service.limits.penalties.datagrams,
    ),
    (UNIX, "flags SENSOR"): lambda service: bool(service.proxy_protocol),
    # A relay keeps its own watch on silence, so it has one for unix sockets too.
    (UNIX, "limits.idle"): lambda service: bool(service.redirect or service.tls) or service.stdio != "socket",
    (UNIX, "limits.first_byte"): lambda service: bool(service.tls),
    (PROGRAM, "log_on_success TRAFFIC"): lambda service: service.stdio != "socket" or bool(service.tls),
    # Only what turns a connection into datagrams is wrong there.
    (TCPMUX, "socket_type"): lambda service: service.socket_type is SocketType.STREAM,
}
"""Where a key of the table has its effect after all."""
