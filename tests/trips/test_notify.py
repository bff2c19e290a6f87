"""What a service manager hears: the trip of each message from the real daemon to a real datagram socket."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk


def cat(port: int) -> str:
    return f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n'


class Manager:
    """The end of systemd: reads one message at a time."""

    def __init__(self, path: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind("\0" + path[1:] if path.startswith("@") else path)
        self.sock.settimeout(WAIT)

    def hears(self) -> dict[str, str]:
        """The next message; every line of it is an assignment."""
        text = self.sock.recv(4096).decode()
        return dict(line.split("=", 1) for line in text.split("\n"))


@pytest.fixture
def manager(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    path = getattr(request, "param", str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    found = Manager(path)
    yield found
    found.sock.close()


def test_the_manager_hears_of_start_reload_and_end(superd: Superd, manager: Manager) -> None:
    superd.service("one", cat(free_port()))
    superd.start()
    assert manager.hears() == {"READY": "1", "STATUS": "1 service, 1 listener"}
    superd.service("two", cat(free_port()))
    before = time.monotonic_ns() // 1000
    assert superd.process is not None
    superd.process.send_signal(signal.SIGHUP)
    reloading = manager.hears()
    # systemd.service(5), notify-reload: the time must lie after the signal, on CLOCK_MONOTONIC.
    assert before <= int(reloading.pop("MONOTONIC_USEC")) <= time.monotonic_ns() // 1000
    assert reloading == {"RELOADING": "1", "STATUS": "reloading"}
    assert manager.hears() == {"READY": "1", "STATUS": "2 services, 2 listeners"}
    superd.process.send_signal(signal.SIGTERM)
    assert manager.hears() == {"STOPPING": "1", "STATUS": "stopping"}
    assert superd.process.wait(WAIT) == 0


@pytest.mark.parametrize("manager", [f"@superd-test-{os.getpid()}"], indirect=True, ids=["abstract"])
def test_a_manager_at_an_abstract_address_hears_too(superd: Superd, manager: Manager) -> None:
    superd.service("one", cat(free_port()))
    superd.start()
    assert manager.hears()["READY"] == "1"


def test_a_reload_is_over_for_the_manager_when_its_services_answer(superd: Superd, manager: Manager) -> None:
    superd.service("one", cat(free_port()))
    superd.start()
    manager.hears()
    port = free_port()
    superd.service("two", cat(port))
    assert superd.process is not None
    superd.process.send_signal(signal.SIGHUP)
    assert "RELOADING" in manager.hears()
    assert manager.hears()["READY"] == "1"
    assert talk(port, b"hi") == b"hi"


def test_a_refused_reload_ends_too_and_says_why(superd: Superd, manager: Manager) -> None:
    superd.service("one", cat(free_port()))
    superd.start()
    manager.hears()
    superd.service("bad", "serve = 1\n")
    assert superd.process is not None
    superd.process.send_signal(signal.SIGHUP)
    assert "RELOADING" in manager.hears()
    said = manager.hears()
    assert said["READY"] == "1"
    assert said["STATUS"].startswith("reload refused: ")


def test_a_program_hears_nothing_of_the_manager(superd: Superd, manager: Manager) -> None:
    port = free_port()
    superd.service("env", f'server = "/usr/bin/env"\npassenv = "*"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.start()
    manager.hears()
    assert b"NOTIFY_SOCKET" not in talk(port)


def test_a_manager_that_went_away_stops_nothing(superd: Superd, manager: Manager) -> None:
    port = free_port()
    superd.service("one", cat(port))
    superd.start()
    manager.sock.close()
    superd.reload()
    assert talk(port, b"hi") == b"hi"
