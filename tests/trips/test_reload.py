"""A reload's trip through the real daemon."""

from __future__ import annotations

import socket

import pytest

from tests.daemon_process import Superd, free_port, talk


def cat(port: int, extra: str = "") -> str:
    return f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n{extra}'


def test_a_removed_service_closes_its_listener_and_its_session_lives(superd: Superd) -> None:
    old, new = free_port(), free_port()
    superd.service("old", cat(old))
    superd.start()
    with socket.create_connection(("127.0.0.1", old)) as session:
        superd.event(event="START", service="old")
        (superd.services / "old.toml").unlink()
        superd.service("new", cat(new))
        superd.reload()
        assert talk(new, b"hi") == b"hi"
        with pytest.raises(ConnectionRefusedError):
            talk(old)
        session.sendall(b"still here")
        assert session.recv(100) == b"still here"


def test_a_reload_with_an_error_changes_nothing_and_says_why(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", cat(port))
    superd.start()
    superd.service("bad", "serve = 1\n")
    (superd.services / "cat.toml").unlink()
    superd.reload()
    assert talk(port, b"hi") == b"hi"


def test_a_service_that_changes_keeps_its_socket(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", cat(port))
    superd.start()
    superd.service("cat", f'server = "/bin/echo"\nserver_args = ["changed"]\nlisten = ["127.0.0.1:{port}"]\n')
    superd.reload()
    assert talk(port) == b"changed\n"
