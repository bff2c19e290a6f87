"""Restarts by a service manager that keeps descriptors: nothing is refused, ended or forgotten; and its watchdog."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.service_manager import gone, service_manager


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), WAIT, source_address=(source, 0))
    sock.sendall(b"x")
    assert sock.recv(1) == b"x"
    return sock


def goes_on(sock: socket.socket) -> bool:
    sock.sendall(b"more")
    found = b""
    while len(found) < 4 and (piece := sock.recv(4)):
        found += piece
    return found == b"more"


def test_a_restart_refuses_nothing_ends_nothing_and_forgets_nothing(superd: Superd, monkeypatch: pytest.MonkeyPatch) -> None:
    cat, hello, echo, trap, door = (free_port() for _ in range(5))
    superd.service("door", f'server = "/bin/echo"\nlisten = ["127.0.0.1:{door}"]\n')
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{cat}"]\ninstances = 1\n')
    queue = free_port()
    keys = 'server = "/bin/cat"\ninstances = 1\nat_limit = "wait"\n'
    superd.service("queue", f'{keys}listen = ["127.0.0.1:{queue}"]\n')
    superd.service("hello", f'server = "/bin/echo"\nserver_args = ["hello"]\nlisten = ["127.0.0.1:{hello}"]\n')
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{echo}"]\n')
    superd.service("trap", f'flags = ["SENSOR"]\nsocket_type = "stream"\ndeny_time = "FOREVER"\nlisten = ["127.0.0.1:{trap}"]\n')
    failed: list[object] = []
    end = threading.Event()

    def load() -> None:
        while not end.wait(0.01):
            try:
                if talk(hello) != b"hello\n":
                    failed.append("no answer")
            except OSError as problem:
                failed.append(problem)

    with service_manager(superd, monkeypatch) as manager:
        manager.start()
        talk(trap, source="127.0.0.9")
        superd.command("pause", "door", "--refuse")
        superd.message("to the global_no_access list")
        with connect(cat) as program, connect(echo) as internal, connect(queue) as first:
            begun = superd.event(event="start", service="cat")
            second = socket.create_connection(("127.0.0.1", queue), WAIT)
            second.sendall(b"x")
            thread = threading.Thread(target=load)
            thread.start()
            try:
                for _ in range(3):
                    before = superd.front()
                    manager.restart()
                    superd.message("took over from the earlier superd")
                    assert superd.front() != before
                    assert goes_on(program)
                    assert goes_on(internal)
            finally:
                end.set()
                thread.join()
            assert failed == []
            assert manager.store == []
            first.close()
            assert second.recv(1) == b"x"
            second.close()
            assert talk(cat) == b""
            assert superd.event(event="fail", service="cat")["reason"] == "instances"
            assert talk(hello, source="127.0.0.9") == b""
            assert talk(door) == b""
        while (ended := superd.event(event="exit", service="cat"))["session"] != begun["session"]:
            pass
        assert ended.get("status") == 0, (begun, ended, superd.events)
        assert (ended["pid"], ended["status"], ended["peer"]) == (begun["pid"], 0, begun["peer"])
        assert talk(cat, b"free again") == b"free again"
        superd.stop()


def test_a_program_whose_launcher_dies_after_a_restart_ends_with_its_status(
    superd: Superd, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    script = "read line; exit 7"
    superd.service("sh", f'server = "/bin/sh"\nserver_args = ["-c", "{script}"]\nlisten = ["127.0.0.1:{port}"]\n')
    with service_manager(superd, monkeypatch) as manager:
        manager.start()
        with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
            pid = superd.event(event="start")["pid"]
            launcher = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            manager.restart()
            os.kill(launcher, signal.SIGKILL)
            superd.message(" ended (signal 9)")
            sock.sendall(b"go\n")
            ended = superd.event(event="exit")
        assert ended["pid"] == pid
        release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
        assert ended.get("status") == (7 if release >= (6, 15) else None)
        superd.stop()


def test_when_no_other_superd_comes_the_programs_end(superd: Superd, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    config = superd.folder / "superd.toml"
    config.write_text("stop_grace = 0.2\n")
    superd.arguments = ["--config", str(config)]
    with service_manager(superd, monkeypatch) as manager:
        manager.start()
        with connect(port) as sock:
            pid = superd.event(event="start")["pid"]
            manager.stop()
            assert goes_on(sock)
            manager.let_go()
            assert gone(pid)
            assert sock.recv(1) == b""


def test_sessions_that_are_to_be_kept_live_on_without_a_superd(superd: Superd, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    config = superd.folder / "superd.toml"
    config.write_text('stop_sessions = "keep"\n')
    superd.arguments = ["--config", str(config)]
    with service_manager(superd, monkeypatch) as manager:
        manager.start()
        with connect(port) as sock:
            pid = superd.event(event="start")["pid"]
            launcher = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            manager.stop()
            manager.let_go()
            assert gone(launcher)
            assert goes_on(sock)
        assert gone(pid)


def test_a_store_without_room_is_not_used(superd: Superd, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    with service_manager(superd, monkeypatch, room=3) as manager:
        manager.start()
        with connect(port) as sock:
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
            manager.stop()
        assert manager.store == []
        superd.message("stopping on SIGTERM")


def test_a_socket_unit_keeps_its_socket_and_a_changed_configuration_counts(
    superd: Superd, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = socket.create_server(("127.0.0.1", 0)), free_port()
    port = own.getsockname()[1]
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.service("gone", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{other}"]\n')
    with service_manager(superd, monkeypatch) as manager:
        manager.sockets = [("superd.socket", own.detach())]
        manager.start()
        assert talk(port, b"hi") == b"hi"
        manager.stop()
        assert "superd-table" in dict(manager.store)
        (superd.services / "gone.toml").unlink()
        manager.start()
        assert talk(port, b"hi") == b"hi"
        with socket.socket() as sock:
            assert sock.connect_ex(("127.0.0.1", other)) != 0
        superd.stop()


def test_the_watchdog_is_fed_and_a_front_that_stands_still_is_replaced_first(
    superd: Superd, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    with service_manager(superd, monkeypatch) as manager:
        manager.start()
        after = manager.hears("WATCHDOG=1")
        after = manager.hears("WATCHDOG=1", after)
        os.kill(superd.front(), signal.SIGSTOP)
        superd.message("stopped by a signal; it is being replaced")
        superd.message("starting another")
        after = len(manager.heard)
        manager.hears("WATCHDOG=1", after)
        assert talk(port, b"hi") == b"hi"
        superd.stop()
