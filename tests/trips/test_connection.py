"""A connection's trip through the real daemon: three processes, real sockets, real programs."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import sys

from tests.daemon_process import WAIT, Superd, free_port, talk

PROBE = r"""
import json, os, resource, signal, socket, sys
def status(key):
    return next(line.split(":")[1].strip() for line in open("/proc/self/status") if line.startswith(key))
fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}"))
sock = socket.socket(fileno=os.dup(0))
print(json.dumps({
    "fds": fds, "blocking": os.get_blocking(0), "same": os.fstat(0).st_ino == os.fstat(1).st_ino,
    "stderr_is_socket": os.fstat(2).st_ino == os.fstat(0).st_ino,
    "nodelay": sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "leader": os.getsid(0) == os.getpid(),
    "ignored": int(status("SigIgn"), 16), "blocked": int(status("SigBlk"), 16), "cwd": os.getcwd(),
    "umask": os.umask(0), "uid": os.getresuid(), "gid": os.getresgid(), "groups": os.getgroups(),
    "env": dict(os.environ), "nofile": resource.getrlimit(resource.RLIMIT_NOFILE),
}), flush=True)
"""


def test_a_program_finds_exactly_the_world_it_was_promised(superd: Superd) -> None:
    port = free_port()
    superd.service(
        "probe",
        f'server = "{sys.executable}"\nflags = ["NAMEINARGS"]\n'
        f'server_args = ["{sys.executable}", "-I", "-S", "-c", {json.dumps(PROBE)}]\n'
        f'listen = ["127.0.0.1:{port}"]\numask = "027"\nenv = {{ A = "b" }}\n',
    )
    superd.start()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        mine = sock.getsockname()
        sock.shutdown(socket.SHUT_WR)
        world = json.loads(sock.makefile().read())
    assert [fd for fd in world["fds"] if fd < 3] == [0, 1, 2]
    # The listing itself holds one, the duplicate is the probe's own.
    assert len(world["fds"]) <= 4
    assert (world["blocking"], world["same"], world["stderr_is_socket"]) == (True, True, False)
    assert (world["nodelay"], world["leader"], world["blocked"], world["cwd"]) == (0, True, 0, "/")
    # CPython itself ignores SIGPIPE and SIGXFSZ when it starts; nothing else may be ignored.
    assert world["ignored"] & ~(1 << 12 | 1 << 24) == 0
    assert world["umask"] == 0o027
    env = world["env"]
    assert env.pop("A") == "b"
    assert env.pop("PATH")
    env.pop("LC_CTYPE", None)  # set by CPython itself when it starts under the C locale
    assert env == {
        "REMOTE_HOST": "127.0.0.1", "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": str(mine[1]), "PROTO": "TCP",
        "TCPREMOTEIP": "127.0.0.1", "TCPREMOTEPORT": str(mine[1]), "TCPLOCALIP": "127.0.0.1",
        "TCPLOCALPORT": str(port),
    }  # fmt: skip
    started = superd.event(event="START", service="probe")
    ended = superd.event(event="EXIT", service="probe")
    assert started["pid"] == ended["pid"]
    assert ended["status"] == 0


def test_what_a_program_writes_to_stderr_is_logged_with_its_service(superd: Superd) -> None:
    port = free_port()
    superd.service("loud", f'server = "/bin/sh"\nserver_args = ["-c", "echo oops >&2"]\nlisten = ["127.0.0.1:{port}"]\n')
    superd.start()
    assert talk(port) == b""
    assert superd.event(message="oops")["service"] == "loud"


def test_a_line_of_a_programs_stderr_has_its_session_under_another_front_too(superd: Superd) -> None:
    port = free_port()
    script = "while read -r line; do echo said $line >&2; done"
    superd.service("loud", f'server = "/bin/sh"\nserver_args = ["-c", "{script}"]\nlisten = ["127.0.0.1:{port}"]\n')
    superd.start()
    clients = {name: socket.create_connection(("127.0.0.1", port), WAIT) for name in "abc"}
    sessions = {}
    for name, client in clients.items():
        sessions[name] = superd.event(event="START", port=client.getsockname()[1])["session"]
        client.sendall(f"{name}\n".encode())
        assert superd.event(message=f"said {name}")["session"] == sessions[name]
    clients["a"].close()
    superd.event(event="EXIT", session=sessions["a"])
    front = superd.front()
    os.kill(front, signal.SIGKILL)
    clients["b"].sendall(b"after\n")
    assert superd.event(message="said after")["session"] == sessions["b"]
    with socket.create_connection(("127.0.0.1", port), WAIT) as client:
        client.sendall(b"d\n")
        assert superd.event(message="said d")["session"] not in sessions.values()
    for client in clients.values():
        client.close()


def test_the_internal_services_answer(superd: Superd) -> None:
    ports = {name: free_port() for name in ("echo", "discard", "daytime", "time")}
    for name, port in ports.items():
        superd.service(name, f'type = "INTERNAL"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.start()
    assert talk(ports["echo"], b"x" * 300000) == b"x" * 300000
    assert talk(ports["discard"], b"x" * 300000) == b""
    assert talk(ports["daytime"]).endswith(b"\r\n")
    assert len(talk(ports["time"])) == 4


def test_hosts_deny_refuses_and_a_change_counts_at_the_next_connection(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.deny.write_text("cat: 127.0.0.2\n")
    superd.start()
    assert talk(port, b"hi", source="127.0.0.1") == b"hi"
    assert talk(port, source="127.0.0.2") == b""
    assert superd.event(event="FAIL")["rule"] == f"{superd.deny}:1"
    superd.deny.write_text("cat: 127.0.0.1\n")
    assert talk(port, source="127.0.0.1") == b""
    assert talk(port, b"hi", source="127.0.0.2") == b"hi"


def test_a_banner_is_expanded_and_sent_before_the_program(superd: Superd) -> None:
    port = free_port()
    banners = superd.folder / "banners"
    banners.mkdir()
    (banners / "cat").write_bytes(b"220-Hello, %c\n220-logged\n")
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.allow.write_text(f"cat : ALL : banners {banners}/\n")
    superd.start()
    assert talk(port, b"hi") == b"220-Hello, 127.0.0.1\r\n220-logged\r\nhi"


def test_a_spawn_command_runs_and_the_rule_still_refuses(superd: Superd) -> None:
    port = free_port()
    alert = superd.folder / "alert"
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.deny.write_text(f"ALL : 127.0.0. : spawn (/bin/echo %c %d) >> {alert}\n")
    superd.start()
    assert talk(port) == b""
    assert alert.read_text() == "127.0.0.1 cat\n"


def test_a_program_that_cannot_be_executed_is_a_logged_failure(superd: Superd) -> None:
    port = free_port()
    broken = superd.folder / "broken"
    broken.write_bytes(b"#!/no/such/interpreter\n")
    broken.chmod(0o755)
    superd.service("broken", f'server = "{broken}"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.start()
    assert talk(port) == b""
    assert "No such file" in superd.event(event="FAIL", service="broken")["detail"]


def test_instances_refuse_and_recover_when_a_program_ends(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\ninstances = 1\n')
    superd.start()
    with socket.create_connection(("127.0.0.1", port)) as first:
        superd.event(event="START", service="cat")
        assert talk(port) == b""
        assert superd.event(event="FAIL")["reason"] == "instances"
        first.sendall(b"x")
        assert first.recv(1) == b"x"
    superd.event(event="EXIT", service="cat")
    assert talk(port, b"again") == b"again"


def test_a_program_starts_in_its_folder_with_its_files_of_variables(superd: Superd) -> None:
    port, secrets = free_port(), superd.folder / "secrets"
    secrets.write_text("TOKEN='first one'\nLANG=C\n")
    secrets.chmod(0o600)
    superd.service(
        "env",
        f'server = "/bin/sh"\nserver_args = ["-c", "pwd; env"]\nlisten = ["127.0.0.1:{port}"]\ndirectory = "{superd.folder}"\n'
        f'env = {{ LANG = "de" }}\nenv_file = "{secrets}"\nlogin_environment = true\n',
    )
    superd.start()
    folder, *lines = talk(port).decode().splitlines()
    assert folder == str(superd.folder)
    assert {"TOKEN=first one", "LANG=C", "SHELL=" + pwd.getpwuid(os.getuid()).pw_shell} <= set(lines)
    assert {line.partition("=")[0] for line in lines} >= {"HOME", "USER", "LOGNAME"}
    secrets.write_text("TOKEN=second\n")
    superd.reload()
    assert "TOKEN=second" in talk(port).decode().splitlines()
    assert not [event for event in superd.rest() if "first one" in str(event) or "second" in str(event)]
