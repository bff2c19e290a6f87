"""A socket unit with its service: the same service in superd's keys, and a line for each setting that gets lost."""

from __future__ import annotations

import pytest

from superd.config.foreign import Foreign
from superd.config.systemd.source import parse
from superd.problem import Severity, errors
from superd.service import Service

SOCKET = "[Unit]\nDescription=Hello\n[Socket]\nListenStream=7070\nAccept=yes\n"
SERVICE = "[Service]\nExecStart=-/bin/echo hello\nStandardInput=socket\nUser=nobody\n"


def read(socket: str = "", service: str = "", *, accept: str = "yes") -> Foreign:
    whole = SOCKET.replace("Accept=yes", f"Accept={accept}") + socket
    return parse("hello", {"hello.socket": whole.encode()}, {"hello@.service": (SERVICE + service).encode()})


def made(socket: str = "", service: str = "", *, accept: str = "yes") -> Service:
    found = read(socket, service, accept=accept)
    assert errors(found.problems) == ()
    return found.services[0]


def test_a_pair_with_accept_is_a_program_for_each_connection() -> None:
    service = made()
    assert (service.server, service.server_args, service.user, service.wait) == ("/bin/echo", ("hello",), "nobody", False)
    assert (service.listen, service.instances) == (("*:7070",), 64)
    assert (service.stderr, service.groups, service.login_environment) == ("socket", True, True)
    assert read().comments == {"hello": ("Hello",)}
    assert str(read().origins["hello", "server"]) == "hello@.service:2"


def test_without_accept_its_program_gets_the_listening_socket() -> None:
    service = made(accept="no")
    assert (service.wait, service.instances) == (True, None)


@pytest.mark.parametrize(
    ("line", "listen"),
    [
        ("ListenStream=127.0.0.1:80", "127.0.0.1:80"),
        ("ListenStream=[::1]:80", "[::1]:80"),
        ("ListenStream=/run/x.sock", "unix:/run/x.sock"),
        ("ListenStream=@x", "unix:@x"),
    ],
)
def test_addresses(line: str, listen: str) -> None:
    assert made(f"{line}\n").listen == ("*:7070", listen)


@pytest.mark.parametrize(
    ("socket", "service", "key", "value"),
    [
        ("MaxConnections=5", "", "instances", 5),
        ("MaxConnectionsPerSource=2", "", "per_source", 2),
        ("Backlog=99999", "", "backlog", 65535),
        ("BindIPv6Only=ipv6-only", "", "v6only", True),
        ("SocketMode=0600", "", "socket_mode", 0o600),
        ("NoDelay=yes\nKeepAlive=true", "", "flags", frozenset({"NODELAY", "KEEPALIVE"})),
        ("", "Group=nogroup", "group", "nogroup"),
        ("", "UMask=0077", "umask", 0o077),
        ("", "Nice=5", "nice", 5),
        ("", "Environment=A=1 'B=two words'", "env", (("A", "1"), ("B", "two words"))),
        ("", "EnvironmentFile=-/etc/default/x", "env_file", ("-/etc/default/x",)),
        ("", "PassEnvironment=LANG TZ", "passenv", ("LANG", "TZ")),
        ("", "WorkingDirectory=/srv", "directory", "/srv"),
        ("", "LimitNOFILE=256:512", "rlimit_files", 256),
        ("", "LimitAS=infinity", "rlimit_as", -1),
        ("", "KillMode=process", "leftovers", "keep"),
        ("", "StandardError=journal", "stderr", "log"),
        ("", "IPAddressDeny=any\nIPAddressAllow=localhost 10.0.0.0/8", "only_from", ("127.0.0.0/8", "::1", "10.0.0.0/8")),
        ("", "IPAddressDeny=10.0.0.0/8", "no_access", ("10.0.0.0/8",)),
        ("", "IPAddressDeny=any", "only_from", ()),
    ],
)
def test_a_setting_has_its_key(socket: str, service: str, key: str, value: object) -> None:
    assert getattr(made(f"{socket}\n", f"{service}\n"), key) == value


def test_times_are_limits() -> None:
    limits = made("", "RuntimeMaxSec=1h\nTimeoutStopSec=30s\n").limits
    assert (limits.session, limits.kill_grace) == (3600, 30)


@pytest.mark.parametrize(
    ("socket", "service", "said"),
    [
        ("ListenDatagram=69", "", "streams and datagrams in one unit"),
        ("ListenFIFO=/run/x", "", "`ListenFIFO=/run/x` has no counterpart"),
        ("ListenStream=vsock:2:3", "", "ListenStream: "),
        ("MaxConnections=many", "", "MaxConnections: `many` is not a number"),
        ("", "ExecStart=/bin/true", "2 lines of ExecStart="),
        ("", "ExecStart=\nExecStart=/bin/x %i", "`%i` is a specifier"),
        ("", "ExecStart=\nExecStart=/bin/x ${HOME}", "`${HOME}` is a variable"),
        ("", "ExecStart=\nExecStart=+/bin/x", "the prefix `+` has no counterpart"),
        ("", "ExecStart=\nExecStart=x", "the program needs its whole path"),
        ("", "ExecStartPre=/bin/x", "`ExecStartPre=/bin/x` has no counterpart"),
        ("", "StandardInput=null", "no StandardInput=socket"),
        ("", "StandardOutput=journal", "StandardOutput=journal"),
        ("", "DynamicUser=yes", "superd takes no user by itself"),
        ("", "IPAddressDeny=10.0.0.0/8\nIPAddressAllow=10.0.0.1", "wins over"),
        ("", "Nice=low", "Nice: `low` is not a number"),
        ("", "LimitCPU=1h", "LimitCPU: "),
        ("", "LimitAS=1T", "LimitAS: `1T` is not a number"),
        ("Backlog=many", "", "Backlog: `many` is not a number"),
        ("Accept=perhaps", "", "`perhaps` is not yes or no"),
    ],
)
def test_what_cannot_be_kept_makes_no_service(socket: str, service: str, said: str) -> None:
    found = read(f"{socket}\n", f"{service}\n")
    assert found.services == ()
    assert any(said in problem.message for problem in errors(found.problems)), found.problems


def test_what_confined_the_program_is_a_warning_with_its_line() -> None:
    found = read("", "PrivateDevices=yes\nLogLevelMax=3\n")
    assert [(problem.severity, str(problem.origin), problem.message.split(" ", 1)[0]) for problem in found.problems] == [
        (Severity.WARNING, "hello@.service:5", "`PrivateDevices=yes`"),
        (Severity.NOTE, "hello@.service:6", "`LogLevelMax=3`"),
    ]


def test_a_program_with_another_name_has_nameinargs() -> None:
    service = made("", "ExecStart=\nExecStart=@/usr/sbin/in.fingerd fingerd -w\n")
    assert service.argv == ("fingerd", "-w")
