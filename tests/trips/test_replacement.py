"""A process of superd's dies: another takes its place, and what runs, runs on."""

from __future__ import annotations

import os
import select
import signal
import socket
from pathlib import Path

from tests.daemon_process import WAIT, Superd, free_port, talk


def children_of(pid: int) -> list[int]:
    """Living children, by the kernel's own list."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processes(superd: Superd) -> tuple[int, int]:
    """Pids of the front and of the one launcher."""
    assert superd.process is not None
    front, launcher = sorted(
        children_of(superd.process.pid), key=lambda pid: b"launcher" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    return front, launcher


def cat(superd: Superd) -> int:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\ninstances = 1\n')
    superd.start()
    return port


def test_a_launcher_that_dies_leaves_its_programs_running_and_their_end_is_logged(superd: Superd) -> None:
    port = cat(superd)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"one\n")
        assert sock.recv(16) == b"one\n"
        pid = superd.event(event="start", service="cat")["pid"]
        os.kill(processes(superd)[1], signal.SIGKILL)
        superd.message(" ended (signal 9)")
        sock.sendall(b"two\n")
        assert sock.recv(16) == b"two\n"
        # It still counts: instances is 1.
        with socket.create_connection(("127.0.0.1", port)) as second:
            assert second.recv(1) == b""
        assert superd.event(event="fail")["reason"] == "instances"
    ended = superd.event(event="exit", service="cat")
    assert (ended["pid"], ended["status"]) == (pid, 0)
    assert talk(port, b"three\n") == b"three\n"


def test_a_front_that_dies_is_replaced_and_the_next_one_knows_what_runs(superd: Superd) -> None:
    port = cat(superd)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"one\n")
        assert sock.recv(16) == b"one\n"
        superd.event(event="start", service="cat")
        os.kill(processes(superd)[0], signal.SIGKILL)
        superd.message("the front ended (signal 9)")
        sock.sendall(b"two\n")
        assert sock.recv(16) == b"two\n"
        with socket.create_connection(("127.0.0.1", port)) as second:
            assert second.recv(1) == b""
        assert superd.event(event="fail")["reason"] == "instances"
    assert superd.event(event="exit", service="cat")["status"] == 0
    assert talk(port, b"three\n") == b"three\n"


def test_everything_ends_when_the_master_is_killed(superd: Superd) -> None:
    port = cat(superd)
    assert talk(port, b"one\n") == b"one\n"
    pids = processes(superd)
    watched = [os.pidfd_open(pid) for pid in pids]
    assert superd.process is not None
    superd.process.kill()
    for pid in watched:
        assert select.select([pid], [], [], WAIT)[0]
        os.close(pid)


def test_programs_of_a_dead_launcher_still_have_their_limits(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n[limits]\nsession = 1\n')
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        superd.event(event="start", service="cat")
        os.kill(processes(superd)[1], signal.SIGKILL)
        superd.message(" ended (signal 9)")
        assert sock.recv(1) == b""
        assert superd.event(event="exit", service="cat")["signal"] == signal.SIGTERM


def test_superd_ends_the_programs_of_a_dead_launcher_when_it_ends(superd: Superd) -> None:
    port = cat(superd)
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        superd.event(event="start", service="cat")
        os.kill(processes(superd)[1], signal.SIGKILL)
        superd.message(" ended (signal 9)")
        superd.stop()
        assert sock.recv(1) == b""


def test_a_new_front_knows_the_programs_of_a_dead_launcher(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\ninstances = 1\n[limits]\nsession = 3\n')
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        pid = superd.event(event="start", service="cat")["pid"]
        front, launcher = processes(superd)
        # Both at once: neither can report anything more.
        os.kill(launcher, signal.SIGKILL)
        os.kill(front, signal.SIGKILL)
        superd.message("the front ended (signal 9)")
        with socket.create_connection(("127.0.0.1", port), WAIT) as second:
            assert second.recv(1) == b""
        assert superd.event(event="fail")["reason"] == "instances"
        # Its limit has gone on, and the master ends it for the front.
        assert sock.recv(1) == b""
    ended = superd.event(event="exit", service="cat")
    assert (ended["pid"], ended["signal"]) == (pid, signal.SIGTERM)
    assert talk(port, b"three\n") == b"three\n"
