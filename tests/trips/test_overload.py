"""More than there is room for: descriptors run out, clients hold on, decisions pile up. What is right is served on."""

from __future__ import annotations

import os
import resource
import signal
import socket
import struct
from contextlib import ExitStack

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs
from tests.trips.test_inherited_sockets import hand_over


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), WAIT)


def served(sock: socket.socket) -> bool:
    sock.sendall(b"x")
    return sock.recv(1) == b"x"


def echo(superd: Superd, extra: str = "") -> int:
    port = free_port()
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{port}"]\n{extra}')
    return port


def echo_of_few_descriptors(superd: Superd) -> int:
    """Serve echo by a superd that can have 128 descriptors; return its port."""
    superd.prefix = [needs("util-linux", "prlimit"), "--nofile=128:128"]
    port = echo(superd, "cps = [10000, 1]\n")
    config = superd.folder / "superd.toml"
    config.write_text("relays = 1\n")
    superd.start("--config", str(config))
    return port


def told(superd: Superd, part: str) -> int:
    """How often a message was written until superd ended."""
    return sum(part in event.get("message", "") for event in superd.rest())


def test_when_descriptors_run_out_accepting_pauses_says_so_once_and_goes_on_by_itself(superd: Superd) -> None:
    port = echo_of_few_descriptors(superd)
    with ExitStack() as stack:
        first = stack.enter_context(connected(port))
        assert served(first)
        # More than it can have descriptors; the kernel's queue has room for the rest.
        crowd = [stack.enter_context(connected(port)) for _ in range(200)]
        superd.message("accepting pauses until there is room")
        assert served(first)
        # What was kept free is enough for orders of the master.
        superd.service("other", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{free_port()}"]\n')
        superd.reload()
        assert served(first)
        for sock in crowd[:150]:
            sock.close()
        assert all(served(sock) for sock in crowd[150:])
    assert talk(port, b"hi") == b"hi"
    assert told(superd, "accepting pauses") == 0


def test_superd_ends_while_accepting_pauses(superd: Superd) -> None:
    port = echo_of_few_descriptors(superd)
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connected(port))
        superd.message("accepting pauses until there is room")
        superd.stop()
    assert superd.process is not None
    assert superd.process.returncode == 0
    assert told(superd, "Traceback") == 0


@pytest.mark.parametrize("where", ["service", "rule"])
def test_a_client_that_never_reads_its_banner_holds_only_itself_and_not_for_long(superd: Superd, where: str) -> None:
    folder = superd.folder / "banners"
    folder.mkdir()
    (folder / "cat").write_bytes(b"x" * 100_000 + b"\n")
    config = superd.folder / "superd.toml"
    config.write_text("[policy]\nbanner_timeout = 0.3\n")
    superd.arguments = ["--config", str(config)]
    banner = f'banner = "{folder}/cat"\n' if where == "service" else ""
    if where == "rule":
        superd.allow.write_text(f"cat : ALL : banners {folder}\n")
    other = echo(superd)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as deaf:
        # What it accepts has the same small buffer: the kernel does not take the whole banner.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        port = listener.getsockname()[1]
        superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n{banner}')
        hand_over(superd, listener)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.connect(("127.0.0.1", port))
        assert talk(other, b"hi") == b"hi"
        assert superd.event(event="FAIL", service="cat")["reason"] == "banner"
        assert talk(port, b"hi").endswith(b"\nhi")


def test_when_too_many_wait_for_their_verdict_the_next_are_let_go_and_others_are_served(superd: Superd) -> None:
    port, other, go = free_port(), free_port(), superd.folder / "go"
    os.mkfifo(go)
    go.chmod(0o644)
    config = superd.folder / "superd.toml"
    config.write_text("undecided = 3\n")
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.service("echo", f'server = "/bin/echo"\nserver_args = ["hi"]\nlisten = ["127.0.0.1:{other}"]\n')
    # The rule's command is what the verdict waits for; it goes on when the test says so.
    superd.allow.write_text(f"cat: ALL: spawn read line < {go}\n")
    superd.start("--config", str(config))
    with ExitStack() as stack:
        waiting = [stack.enter_context(connected(port)) for _ in range(3)]
        with connected(port) as fourth:
            assert fourth.recv(1) == b""
        assert superd.event(event="FAIL", service="cat")["reason"] == "overload"
        assert talk(other) == b"hi\n"
        # Open to the end of the test: each command reads a line of its own.
        gate = stack.enter_context(go.open("r+b", buffering=0))
        gate.write(b"\n" * 4)
        assert all(served(sock) for sock in waiting)
        assert talk(port, b"hi") == b"hi"


def test_connections_that_are_reset_before_superd_accepts_them_cost_nothing(superd: Superd) -> None:
    port = echo(superd, "cps = [10000, 1]\n")
    superd.start()
    with superd.stopped_front():
        for _ in range(100):
            with connected(port) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert talk(port, b"hi") == b"hi"
    assert told(superd, "failed") == 0


def test_clients_that_connect_and_say_nothing_hold_nothing_up_and_are_let_go_after_their_time(superd: Superd) -> None:
    port = echo(superd, "cps = [10000, 1]\nlimits = { session = 0.3 }\n")
    superd.start()
    with ExitStack() as stack:
        silent = [stack.enter_context(connected(port)) for _ in range(100)]
        assert talk(port, b"hi") == b"hi"
        assert all(sock.recv(1) == b"" for sock in silent)


def launchers(superd: Superd, nice: int) -> set[int]:
    """The launchers that run with this niceness."""
    return {pid for pid in superd.launchers() if os.getpriority(os.PRIO_PROCESS, pid) == nice}


def test_a_launcher_that_takes_nothing_more_holds_up_its_own_services_alone(superd: Superd) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ports = free_port(), free_port()
    for name, port, nice in (("stuck", ports[0], 1), ("free", ports[1], 0)):
        superd.service(name, f'server = "/bin/cat"\nnice = {nice}\nlisten = ["127.0.0.1:{port}"]\ncps = [100000, 1]\n')
    superd.start()
    stopped: set[int] = set()
    with ExitStack() as stack:
        try:
            assert talk(ports[0], b"hi") == b"hi"
            # A second one is started for what the first does not take.
            while len(stopped) < min(2, os.cpu_count() or 1):
                for pid in launchers(superd, 1) - stopped:
                    os.kill(pid, signal.SIGSTOP)
                    stopped.add(pid)
                stack.enter_context(connected(ports[0]))
            # 256 on their way to each launcher, 512 in the front's queue for it; the rest is the kernel's.
            for _ in range(1700):
                stack.enter_context(connected(ports[0]))
            assert [talk(ports[1], b"hi") for _ in range(20)] == [b"hi"] * 20
        finally:
            assert superd.process is not None
            superd.process.kill()  # else it would start all the programs now
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_limit_that_is_hardly_enough_serves_and_says_so(superd: Superd) -> None:
    """The front died of it every second, with a traceback: it had each listener twice at its start."""
    superd.prefix = [needs("util-linux", "prlimit"), "--nofile=72:72"]
    ports = [free_port() for _ in range(32)]
    for port in ports:
        superd.service(f"cat{port}", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.start()
    superd.message("RLIMIT_NOFILE leaves room for only ")
    for port in ports[::8]:
        assert talk(port, b"hello") == b"hello"
    assert not [event for event in superd.rest() if event["event"] == "process_replaced"]
