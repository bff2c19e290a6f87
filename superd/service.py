"""One service: the keys of its file and the value the daemon runs are the same thing. Reads no file, asks no system.

Keys that xinetd has carry xinetd's names and meaning (xinetd.conf(5)); what it never had lives in ``limits``. Names that
need the system's tables (users, ports, programs) are text here; ``config/checks/services.py`` holds them against the system.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, field_validator, model_validator

from superd.address import BindAddress, SocketType, parse_listen
from superd.auth_options import AuthOptions, parse_auth_options
from superd.limits import Limits
from superd.model import Model, table
from superd.quantities import Seconds, Size, Words, as_words
from superd.sandbox import Sandbox
from superd.service_values import (
    Count,
    LogType,
    Mode,
    Pause,
    Rate,
    Target,
    Versions,
    absolute_files,
    absolute_folder,
    in_order,
    names_of_variables,
    no_rate,
    pairs,
    upper_words,
    without_nul,
)
from superd.tls_keys import CERT, TlsKeys

INTERNAL_PORTS = {"echo": 7, "discard": 9, "chargen": 19, "daytime": 13, "time": 37, "tcpmux": 1, "auth": 113}
"""IANA's, for hosts whose /etc/services is short or missing."""
INTERNALS = tuple(INTERNAL_PORTS)
ServiceType = Literal["INTERNAL", "RPC", "UNLISTED", "SPECIAL", "TCPMUX", "TCPMUXPLUS"]
Flag = Literal["IDONLY", "KEEPALIVE", "NAMEINARGS", "NODELAY", "NOLIBWRAP", "SENSOR"]
LogSuccess = Literal["HOST", "PID", "EXIT", "DURATION", "USERID", "TRAFFIC"]
LogFailure = Literal["HOST", "USERID", "ATTEMPT"]


@lru_cache(maxsize=64)
def _auth_options(words: tuple[str, ...]) -> AuthOptions:
    return parse_auth_options(words)


DATAGRAM_INSTANCES = 64
"""Programs at once of a datagram service that starts one for each sender: 3,000 forged datagrams started 3,001."""


_CARRIED = {SocketType.STREAM: "tcp", SocketType.DGRAM: "udp"}
"""What a socket of the type is by Linux's choice; superd asks for no other."""


class Service(Model):
    """One service, whole and checked in itself; two are equal when they would be served alike."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = Field(description="the id: the stem of the file, the name in logs")
    service: str = Field("", description="the service's name in /etc/services and among the internal ones; default: the id")
    disable: bool = Field(False, description="do not serve this file")
    type: Annotated[frozenset[ServiceType], BeforeValidator(upper_words), PlainSerializer(in_order)] = Field(
        frozenset(),
        description="INTERNAL: superd serves it itself; TCPMUX, TCPMUXPLUS: reached through tcpmux; UNLISTED changes nothing",
    )
    flags: Annotated[frozenset[Flag], BeforeValidator(upper_words), PlainSerializer(in_order)] = Field(
        frozenset(),
        description="IDONLY: only users that ident names; KEEPALIVE, NODELAY: of the socket; NAMEINARGS: argv[0] in server_args; "
        "NOLIBWRAP: hosts.allow and hosts.deny are not asked; SENSOR: every client that connects is banned",
    )
    socket_type: SocketType = Field(SocketType.STREAM, description="kind of socket: stream, dgram or seqpacket")
    protocol: str = Field("", description="tcp for stream, udp for dgram, sctp for seqpacket; the default")
    proxy_protocol: Literal["v1", "v2", "any"] | None = Field(
        None, description="versions of the PROXY protocol's header that each connection begins with; needs proxy_from"
    )
    proxy_from: Words | None = Field(
        None,
        description="addresses and networks of the proxies that announce their clients, or `uid:` and `gid:` on a unix socket, "
        "but no names; all others are refused, and with an empty list everything is",
    )
    proxy_optional_from: Words = Field(
        (), description="the same of clients that connect by themselves: served as they are, and no header is looked for"
    )
    wait: bool = Field(False, description="hand the listening socket to one program at a time")
    port: int | str | None = Field(None, description="port number, or a name from /etc/services")
    listen: Words = Field((), description="addresses: 21, *:21, 192.0.2.1:21, [::1]:21, unix:/run/x.sock")
    backlog: int = Field(
        4096, ge=1, le=65535, description="length of the kernel's accept queue", json_schema_extra={"unit": "connections"}
    )
    v6only: bool = Field(False, description="a wildcard port takes IPv6 alone; written as false, `[::]` takes IPv4 too")
    socket_mode: Mode = Field(0o666, description="mode of a unix socket's path")
    socket_user: str = Field("", description="owner of a unix socket's path")
    socket_group: str = Field("", description="group of a unix socket's path")

    server: str = Field("", description="absolute path of the program")
    server_args: Words = Field((), description="its arguments, without argv[0] unless NAMEINARGS")
    redirect: Target = Field(None, description="host:port, or unix:/path, to relay to instead of a program")
    send_proxy: Literal["v1", "v2"] | None = Field(
        None, description="announce the client to the target of `redirect` with a PROXY header of this version"
    )
    tls: TlsKeys = table(TlsKeys, "table: speak TLS with clients; relays have the keys, and the bytes")

    user: str = Field("", description="login name or uid the program runs as; default: superd's own")
    group: str = Field("", description="group name or gid; default: the user's")
    groups: bool | tuple[str, ...] = Field(False, description="true: the user's supplementary groups; or a list of groups")
    umask: Mode = Field(0o022, description="file mode creation mask of the program")
    nice: int = Field(0, ge=-20, le=19, description="scheduling priority of the program")
    env: Annotated[tuple[tuple[str, str], ...], BeforeValidator(pairs)] = Field((), description="variables to set")
    passenv: Words = Field((), description="variables of superd's own environment to hand on; `*` is all")
    env_file: Words = Field(
        (),
        description="files of variables as systemd's EnvironmentFile has them, read at each reload; they win over env; "
        "`-/path` need not exist",
    )
    login_environment: bool = Field(False, description="set HOME, USER, LOGNAME and SHELL to those of the program's user")
    directory: str = Field("", description="folder the program starts in; `~` is its user's home; default: `/`")
    stderr: Literal["log", "socket"] = Field(
        "log", description="where the program's fd 2 goes: superd's log line by line, or the client as under xinetd"
    )

    stdio: Literal["socket", "pipe", "pty"] = Field(
        "socket",
        description="what the program's fds 0 and 1 are: the connection itself, two pipes, or a terminal of 24 lines and 80 "
        "columns; superd carries the bytes of the latter two",
    )
    leftovers: Literal["end", "keep"] = Field(
        "end",
        description="processes that the program leaves at its end: end them too (SIGTERM, SIGKILL after limits.kill_grace), "
        "or keep them; a wait service keeps its own",
    )

    rlimit_as: Size | None = Field(None, description="address space of the program (RLIMIT_AS)")
    rlimit_cpu: Size | None = Field(
        None, description="processor time of the program (RLIMIT_CPU)", json_schema_extra={"unit": "seconds"}
    )
    rlimit_data: Size | None = Field(None, description="data segment of the program (RLIMIT_DATA)")
    rlimit_rss: Size | None = Field(None, description="resident memory of the program (RLIMIT_RSS; Linux does not enforce it)")
    rlimit_stack: Size | None = Field(None, description="stack of the program (RLIMIT_STACK)")
    rlimit_files: Size | None = Field(
        None, description="open files of the program (RLIMIT_NOFILE)", json_schema_extra={"unit": "files"}
    )
    rlimit_nproc: Size | None = Field(
        None,
        description="processes of the program's user, all of them on this host (RLIMIT_NPROC; root has no limit)",
        json_schema_extra={"unit": "processes"},
    )
    rlimit_core: Size | None = Field(None, description="core file of the program (RLIMIT_CORE)")
    rlimit_fsize: Size | None = Field(None, description="file that the program may write (RLIMIT_FSIZE)")

    instances: Count = Field(
        None,
        description="programs (or sessions) at once; UNLIMITED: no limit; of a datagram service with wait = false, where "
        "senders can be forged, the default is 64",
        json_schema_extra={"unit": "programs"},
    )
    per_source: Count = Field(
        None, description="programs (or sessions) at once for one source address", json_schema_extra={"unit": "programs"}
    )
    at_limit: Literal["refuse", "wait"] = Field(
        "refuse",
        description="what becomes of a client above instances, per_source or limits.source: refused, or it waits in superd's "
        "queue until a place is free; the sources in the queue take turns",
    )
    queue: Annotated[int, Field(ge=1, le=1024)] = Field(
        64,
        description='clients that may wait with at_limit = "wait"; above it the source with the most loses its last',
        json_schema_extra={"unit": "clients"},
    )
    queue_time: Seconds = Field(
        60.0, description='longest wait with at_limit = "wait"; limits.session and limits.start begin after it'
    )
    cps: Annotated[tuple[Rate, Pause] | None, BeforeValidator(no_rate)] = Field(
        (200.0, 0.0),
        description="[connections a second, seconds of pause] of one source; with a pause of 0 the source is not paused: what is "
        "above the rate is refused, and five seconds' worth may come at once; [0, 0]: no limit",
        json_schema_extra={"unit": "connections/s, seconds"},
    )
    max_load: float | None = Field(
        None, gt=0, description="one-minute load from which connections are refused", json_schema_extra={"unit": "processes"}
    )
    access_times: Words = Field((), description="H:M-H:M, optionally after days: Mon-Fri 08:00-18:00")
    only_from: Words | None = Field(None, description="addresses that may connect; an empty list admits no client")
    no_access: Words = Field((), description="addresses that may not connect; wins over only_from")
    deny_time: Literal["FOREVER", "NEVER"] | int = Field(
        "NEVER", description="minutes a SENSOR bans a source", json_schema_extra={"unit": "minutes"}
    )
    libwrap: str = Field("", description="daemon name for hosts.allow and hosts.deny; default: the program's file name")

    banner: str = Field("", description="file sent to every connection, before anything else")
    banner_success: str = Field("", description="file sent to a connection that is admitted")
    banner_fail: str = Field("", description="file sent to a connection that is refused")
    banners: str = Field("", description="folder of banners by daemon name, as hosts_options(5)'s option has it")

    log_on_success: Annotated[frozenset[LogSuccess], BeforeValidator(upper_words), PlainSerializer(in_order)] = Field(
        frozenset({"HOST", "PID", "EXIT", "DURATION"}), description="what START and EXIT lines tell; an empty list writes none"
    )
    log_on_failure: Annotated[frozenset[LogFailure], BeforeValidator(upper_words), PlainSerializer(in_order)] = Field(
        frozenset({"HOST"}), description="what FAIL lines tell; an empty list writes none"
    )
    quiet: Words = Field(
        (), description="addresses whose connections have no START, EXIT and FAIL lines, as a monitor's; they count all the same"
    )
    log_type: LogType = Field(None, description="`SYSLOG facility [level]` or `FILE path [soft [hard]]`; default: superd's log")
    log_style: Literal["native", "xinetd"] = Field(
        "native", description="how the lines read: superd's own way, or xinetd's to the letter"
    )

    rpc_version: Versions = Field(None, description="version of an RPC service: n or n-m")
    rpc_number: int | None = Field(None, description="program number of an RPC service whose name is not in /etc/rpc")
    require: Annotated[tuple[Literal["cgroup"], ...], BeforeValidator(as_words)] = Field(
        (),
        description="what this host must have, or the service is an error; cgroup: a group (cgroup v2) for each of its programs, "
        "which ends with it as a whole",
    )
    limits: Limits = table(Limits, "table of limits that xinetd never had")
    sandbox: Sandbox = table(Sandbox, 'table of what the program is kept from; `"strict"` is `{ preset = "strict" }`')

    _folder = field_validator("directory", mode="after")(absolute_folder)
    _files = field_validator("env_file", mode="after")(absolute_files)
    _words = field_validator("access_times", "server_args", "passenv", mode="after")(without_nul)
    _variables = field_validator("env", mode="after")(names_of_variables)

    @model_validator(mode="before")
    @classmethod
    def _service_is_the_id(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("service"):
            return {**data, "service": data.get("name", "")}
        return data

    @model_validator(mode="after")
    def _one_handler(self) -> Self:
        handlers = [key for key in ("server", "redirect") if getattr(self, key)]
        if self.internal or "SENSOR" in self.flags:
            handlers.append("type" if self.internal else "flags")
        if self.disable:
            return self
        if not handlers:
            raise ValueError('nothing to run: give `server`, `redirect` or `type = "INTERNAL"`')
        if "server" in handlers and "redirect" in handlers:
            raise ValueError("`server` and `redirect` exclude each other")
        if self.proxy_protocol and self.proxy_from is None:
            raise ValueError("`proxy_protocol` needs `proxy_from`: the addresses of the proxies")
        for key in ("proxy_from", "proxy_optional_from"):
            if getattr(self, key) and not self.proxy_protocol:
                raise ValueError(f"`{key}` needs `proxy_protocol`")
        if self.proxy_protocol and self.socket_type is SocketType.SEQPACKET:
            raise ValueError('`proxy_protocol` needs socket_type = "stream"')
        if self.tls and self.socket_type is SocketType.SEQPACKET:
            raise ValueError('`tls` needs socket_type = "stream"')
        for key in ("only_from", "no_access"):
            if not self.tls.client_ca and any(word.lower().startswith(CERT) for word in getattr(self, key) or ()):
                raise ValueError(f"a word of `{key}` begins with `{CERT}`, which needs `tls.client_ca`")
        if self.protocol and self.protocol != _CARRIED.get(self.socket_type, "sctp"):
            raise ValueError(f"`protocol = {self.protocol[:40]}` is not served: a stream is TCP and a datagram UDP")
        if self.redirect and (self.wait or self.socket_type is not SocketType.STREAM):
            raise ValueError('`redirect` needs socket_type = "stream" and wait = false')
        return self

    @property
    def a_program_for_each_sender(self) -> bool:
        """Whether each sender of a datagram gets a program of its own; senders can be forged."""
        return bool(self.server) and self.socket_type is SocketType.DGRAM and not self.wait

    @property
    def most_instances(self) -> int | None:
        """The limit that holds: ``instances``, or where that is not written and senders can be forged, a default."""
        if self.a_program_for_each_sender and "instances" not in self.model_fields_set:
            return DATAGRAM_INSTANCES
        return self.instances

    @property
    def cpu_limit(self) -> int | None:
        """RLIMIT_CPU of its program: ``rlimit_cpu``, or where that is not written ``limits.cpu``; None for no limit."""
        value = self.limits.cpu if self.rlimit_cpu is None else self.rlimit_cpu
        return None if value is None or value < 0 else value

    @property
    def internal(self) -> str:
        """The name of the internal service it is, or ``""``."""
        return self.service if "INTERNAL" in self.type and "SENSOR" not in self.flags else ""

    @property
    def auth_options(self) -> AuthOptions:
        """What `server_args` of the internal service `auth` say. Raises ``ValueError`` naming the word that is wrong."""
        return _auth_options(self.server_args)

    @property
    def hands_over(self) -> bool:
        """Whether its program gets the listening socket itself. Internal services never do: every stock inetd.conf has
        ``wait`` with those of datagrams, and no inetd minded."""
        return self.wait and bool(self.server) and not self.sensor

    @property
    def sensor(self) -> bool:
        """Whether every client that connects is banned (xinetd's flag SENSOR)."""
        return "SENSOR" in self.flags

    @property
    def mux_client(self) -> bool:
        """Whether it is reached through the internal ``tcpmux`` service only (RFC 1078)."""
        return bool(self.type & {"TCPMUX", "TCPMUXPLUS"})

    @property
    def proto(self) -> str:
        """``tcp``, ``udp`` or the protocol that was named."""
        return self.protocol or {"stream": "tcp", "dgram": "udp"}.get(self.socket_type.value, "")

    @property
    def daemon(self) -> str:
        """The daemon name that hosts.allow and hosts.deny know it by (xinetd: access.c, access_control)."""
        if self.libwrap:
            return self.libwrap
        if not self.server:
            return self.service
        if "NAMEINARGS" in self.flags and self.server_args:
            return self.server_args[0].rpartition("/")[2]
        return self.server.rpartition("/")[2]

    @property
    def argv(self) -> tuple[str, ...]:
        """The program's whole argument list."""
        if "NAMEINARGS" in self.flags and self.server_args:
            return self.server_args
        return (self.server.rpartition("/")[2], *self.server_args)

    def addresses(self) -> tuple[BindAddress, ...]:
        """Where it listens, its port (already a number) and ``listen`` together. Raises ``ValueError``."""
        if self.mux_client:
            return ()
        port = self.port if isinstance(self.port, int) else None
        found: dict[BindAddress, None] = {}
        for text in self.listen or ((str(port),) if port is not None else ()):
            address = parse_listen(text, self.socket_type, port)
            if not address.host and not address.path and self.v6only:
                address = BindAddress(self.socket_type, "::", address.port)
            elif address.host == "::" and not self.v6only and "v6only" in self.model_fields_set:
                address = BindAddress(self.socket_type, "", address.port, dual=True)
            if not address.path and address.port == 0:
                address = replace(address, owner=self.name)
            found[address] = None
        return tuple(found)
