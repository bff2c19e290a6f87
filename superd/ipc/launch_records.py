"""The words of front and launcher to each other: requests and reports, as plain values. No text and no bytes here.

Standard library only, and little of that: dataclasses would cost every launcher a megabyte and a half.

Runs in: front, launcher. Never: sends anything.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from superd.expansion import Values


class Record:
    """A value: equal to another with the same fields."""

    __slots__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({fields})"


TLS_FACTS = (
    "SSL_PROTOCOL",
    "SSL_CIPHER",
    "SSL_TLS_SNI",
    "SSL_ALPN",
    "SSL_SESSION_RESUMED",
    "SSL_CLIENT_VERIFY",
    "SSL_CLIENT_S_DN",
    "SSL_CLIENT_S_DN_CN",
    "SSL_CLIENT_I_DN",
    "SSL_CLIENT_M_SERIAL",
    "SSL_CLIENT_V_END",
    "SSL_CLIENT_SAN",
)
"""What a handshake shows: mod_ssl's names, and ALPN and all other names of the client's certificate in one."""
FACTS = (
    *TLS_FACTS,
    "PROXY_PROTOCOL",
    "PROXY_ADDR",
    "PROXY_PORT",
    "PROXY_AUTHORITY",
    "PROXY_ALPN",
    "PROXY_UNIQUE_ID",
    "PROXY_TLS_VERSION",
    "PROXY_TLS_CIPHER",
    "PROXY_TLS_CN",
    "PROXY_TLS_VERIFIED",
)
"""What a program may learn of its connection besides its ends: the names of variables that a request can set."""


class Launch(Record):
    """Start the program of ``service`` with the socket that goes with this record.

    ``conn`` is the front's number for it. ``facts`` are (name, value) pairs that the front learned of the connection besides its
    ends, with names of ``FACTS``. ``steps`` are digests of policy options (setenv, umask, nice, twist).
    """

    __slots__ = (
        "conn",
        "facts",
        "local_host",
        "local_port",
        "name",
        "proto",
        "remote_host",
        "remote_port",
        "service",
        "steps",
        "user",
        "values",
    )

    def __init__(
        self,
        conn: int,
        service: str,
        remote_host: str,
        remote_port: int,
        local_host: str,
        local_port: int,
        name: str,
        user: str,
        proto: str,
        steps: tuple[str, ...] = (),
        values: Values | None = None,
        facts: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.conn = conn
        self.facts = facts
        self.service = service
        self.remote_host = remote_host
        self.remote_port = remote_port
        self.local_host = local_host
        self.local_port = local_port
        self.name = name
        self.user = user
        self.proto = proto
        self.steps = steps
        self.values = values


class RunCommand(Record):
    """Run a command of the policy, named by its digest, for at most ``seconds``, after the options ``steps``."""

    __slots__ = ("digest", "number", "seconds", "steps", "values")

    def __init__(self, number: int, digest: str, values: Values, seconds: float, steps: tuple[str, ...] = ()) -> None:
        self.number = number
        self.digest = digest
        self.values = values
        self.seconds = seconds
        self.steps = steps


class Signal(Record):
    """Send ``signal`` to the process group of connection ``conn``."""

    __slots__ = ("conn", "signal")

    def __init__(self, conn: int, signal: int) -> None:
        self.conn = conn
        self.signal = signal


class List(Record):
    """Say which programs live, and then ``number`` back."""

    __slots__ = ("number",)
    __match_args__ = ("number",)

    def __init__(self, number: int = 0) -> None:
        self.number = number


class Started(Record):
    """The program of ``conn`` runs as ``pid``; ``pipe`` is the number of the pipe that it alone has as fd 2, 0 without one."""

    __slots__ = ("conn", "pid", "pipe")
    __match_args__ = ("conn", "pid", "pipe")

    def __init__(self, conn: int, pid: int, pipe: int = 0) -> None:
        self.conn = conn
        self.pid = pid
        self.pipe = pipe


class Failed(Record):
    """The program of ``conn`` could not be started; ``errno`` and the program's name."""

    __slots__ = ("conn", "errno", "what")

    def __init__(self, conn: int, errno: int, what: str) -> None:
        self.conn = conn
        self.errno = errno
        self.what = what


class Exited(Record):
    """A program ended: wait(2) status, CPU seconds, peak KiB, seconds it lived; ``out_of_memory``: that of its group."""

    __slots__ = ("conn", "maxrss", "out_of_memory", "pid", "seconds", "service", "status", "stime", "utime")

    def __init__(
        self,
        conn: int,
        service: str,
        pid: int,
        status: int,
        utime: float,
        stime: float,
        maxrss: int,
        seconds: float,
        out_of_memory: bool = False,
    ) -> None:
        self.conn = conn
        self.service = service
        self.pid = pid
        self.status = status
        self.utime = utime
        self.stime = stime
        self.maxrss = maxrss
        self.seconds = seconds
        self.out_of_memory = out_of_memory


class CommandDone(Record):
    """A command ended with this exit status; 128 + signal when killed, -1 when it was not run."""

    __slots__ = ("number", "status")
    __match_args__ = ("number", "status")

    def __init__(self, number: int, status: int) -> None:
        self.number = number
        self.status = status


class StderrPipe(Record):
    """The descriptor next to this record is what programs of ``service`` write to their fd 2.

    ``pipe`` is its number, 0 for one that programs share. ``conn`` is the connection whose program alone has it just now, or
    had it last; 0 for none.
    """

    __slots__ = ("conn", "pipe", "service")
    __match_args__ = ("service", "pipe", "conn")

    def __init__(self, service: str, pipe: int, conn: int) -> None:
        self.service = service
        self.pipe = pipe
        self.conn = conn


class Stdio(Record):
    """The descriptor next to this record is the other end of a program's standard input or output, or its terminal."""

    __slots__ = ("conn", "end")
    __match_args__ = ("conn", "end")

    def __init__(self, conn: int, end: str) -> None:
        self.conn = conn
        self.end = end


class Living(Record):
    """A program that runs, or that waits to be tried again (``pid`` 0), perhaps for an earlier front.

    ``started`` is monotonic seconds, which all processes of a host share.
    """

    __slots__ = ("conn", "pid", "service", "source", "started")

    def __init__(self, conn: int, service: str, pid: int, source: str, started: float) -> None:
        self.conn = conn
        self.service = service
        self.pid = pid
        self.source = source
        self.started = started


class Kept(Record):
    """So many processes that programs of ``service`` left run on; ``""`` for those whose service is unknown."""

    __slots__ = ("count", "service")
    __match_args__ = ("service", "count")

    def __init__(self, service: str, count: int) -> None:
        self.service = service
        self.count = count


class Fresh(Record):
    """The launcher that says this has just begun: what runs of an earlier one it neither knows nor can wait for."""

    __slots__ = ()


class Listed(Record):
    """Every program that lives has been said: the end of the answer to the ``List`` of this number."""

    __slots__ = ("number",)
    __match_args__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


Request = Launch | RunCommand | Signal | List
Report = Started | Failed | Exited | CommandDone | StderrPipe | Stdio | Living | Kept | Fresh | Listed
