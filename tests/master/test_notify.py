"""Words to a service manager: to the letter, and never a reason to wait or to fail."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from superd.master.notify import Notifier


@pytest.mark.parametrize("abstract", [False, True])
def test_each_word_arrives(tmp_path: Path, abstract: bool) -> None:
    path = "@superd-test-notify" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + path[1:] if abstract else path)
        notifier = Notifier(path)
        notifier.ready("1 service")
        notifier.reloading()
        notifier.stopping()
        assert manager.recv(100) == b"READY=1\nSTATUS=1 service"
        lines = manager.recv(200).decode().splitlines()
        assert (lines[0], lines[1].split("=")[0], lines[2]) == ("RELOADING=1", "MONOTONIC_USEC", "STATUS=reloading")
        assert manager.recv(100) == b"STOPPING=1\nSTATUS=stopping"


def test_a_manager_that_does_not_read_or_exist_holds_nothing_up(tmp_path: Path) -> None:
    Notifier("").ready("x")
    Notifier(str(tmp_path / "not-here")).ready("x")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "full"))
        for _ in range(2000):
            Notifier(str(tmp_path / "full")).ready("x" * 100)
