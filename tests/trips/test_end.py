"""The end of superd, as a service manager sees it: what runs is ended, or lives on, as superd.toml says."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.daemon_process import WAIT, Superd, free_port


@contextmanager
def session(superd: Superd, settings: str) -> Iterator[socket.socket]:
    """A connection whose program runs, under a daemon with these settings."""
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    config = superd.folder / "superd.toml"
    config.write_text(settings)
    superd.start("--config", str(config))
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        superd.event(event="START", service="cat")
        yield sock


def end(superd: Superd, number: signal.Signals) -> int:
    assert superd.process is not None
    superd.process.send_signal(number)
    return superd.process.wait(WAIT)


def echoes(sock: socket.socket) -> bool:
    sock.sendall(b"still here")
    return sock.recv(100) == b"still here"


def test_what_does_not_end_within_the_grace_is_ended(superd: Superd) -> None:
    with session(superd, "stop_grace = 0.1\n") as sock:
        assert end(superd, signal.SIGTERM) == 0
        assert sock.recv(1) == b""
        assert superd.event(event="EXIT", service="cat")["signal"] == signal.SIGTERM


def test_what_ends_by_itself_within_the_grace_is_not_ended(superd: Superd) -> None:
    with session(superd, "") as sock:
        assert superd.process is not None
        superd.process.send_signal(signal.SIGTERM)
        superd.message("stopping on SIGTERM")
        assert echoes(sock)
        sock.shutdown(socket.SHUT_WR)
        assert superd.process.wait(WAIT) == 0
        assert superd.event(event="EXIT", service="cat")["status"] == 0


def test_a_second_signal_does_not_wait(superd: Superd) -> None:
    with session(superd, 'stop_grace = "1h"\n') as sock:
        assert superd.process is not None
        superd.process.send_signal(signal.SIGTERM)
        superd.message("stopping on SIGTERM")
        assert end(superd, signal.SIGTERM) == 0
        assert sock.recv(1) == b""


def test_a_program_that_does_not_heed_sigterm_is_killed_after_its_grace(superd: Superd) -> None:
    port = free_port()
    script = "trap '' TERM; echo ready; while read line; do :; done"
    superd.service(
        "deaf",
        f'server = "/bin/sh"\nserver_args = ["-c", "{script}"]\nlisten = ["127.0.0.1:{port}"]\nlimits = {{ kill_grace = 0.2 }}\n',
    )
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        assert sock.recv(10) == b"ready\n"
        assert end(superd, signal.SIGINT) == 0
        assert sock.recv(1) == b""
    assert superd.event(event="EXIT", service="deaf")["signal"] == signal.SIGKILL


def test_superd_ends_with_the_last_of_the_sessions_that_it_serves_itself(superd: Superd) -> None:
    port = free_port()
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{port}"]\n')
    config = superd.folder / "superd.toml"
    config.write_text('stop_grace = "1h"\n')
    superd.start("--config", str(config))
    assert superd.process is not None
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        assert echoes(sock)
        superd.process.send_signal(signal.SIGTERM)
        superd.message("stopping on SIGTERM")
        assert echoes(sock)
    assert superd.process.wait(WAIT) == 0


def test_programs_that_are_kept_outlive_superd(superd: Superd) -> None:
    with session(superd, 'stop_sessions = "keep"\n') as sock:
        assert end(superd, signal.SIGTERM) == 0
        assert echoes(sock)


def test_sigquit_leaves_programs_alone(superd: Superd) -> None:
    with session(superd, "") as sock:
        assert end(superd, signal.SIGQUIT) == 0
        assert echoes(sock)


def test_programs_of_an_xinetd_conf_outlive_superd_as_they_did_under_xinetd(superd: Superd, tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "xinetd.conf"
    config.write_text(
        "service cat\n{\n type = UNLISTED\n socket_type = stream\n wait = no\n user = root\n server = /bin/cat\n"
        f" bind = 127.0.0.1\n port = {port}\n log_on_success = PID\n}}\n"
    )
    superd.start("--config", str(config))
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        assert echoes(sock)
        assert end(superd, signal.SIGTERM) == 0
        assert echoes(sock)
