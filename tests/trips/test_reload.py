"""A reload's trip through the real daemon."""

from __future__ import annotations

import os
import queue
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk


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
    superd.service("bad", 'user = "nobdy"\nserver = "/bin/cat"\nport = 1\n')
    (superd.services / "cat.toml").unlink()
    assert superd.reload() == "reload refused, nothing has changed: 1 problem"
    assert talk(port, b"hi") == b"hi"
    superd.message("bad.toml:1: error: user `nobdy` does not exist")


def test_a_service_file_cut_before_its_list_of_clients_opens_nothing_until_it_is_meant(superd: Superd) -> None:
    port = free_port()
    file = superd.services / "cat.toml"
    superd.service("cat", cat(port))
    whole = file.read_text() + "# who may come\nonly_from = []\n\n[limits]\nidle = 60\n"
    file.write_text(whole)
    superd.start()
    lines = whole.splitlines(keepends=True)
    head = lines.index("# who may come\n")
    for end in range(head, len(lines)):
        file.write_text("".join(lines[:end]))
        assert superd.reload() == "reload refused, nothing has changed: 1 problem"
    superd.message(f"cat.toml:{head}: error: ends after line {head} of what is in force")
    with file.open("w") as writer:
        writer.write(whole)
        writer.flush()
        assert superd.reload() == "reload refused, nothing has changed: 1 problem"
    assert talk(port) == b""
    assert superd.event(event="FAIL", service="cat")["reason"] == "address"
    file.write_text("".join(lines[:head]) + "# this is all\n")
    superd.reload()
    assert talk(port, b"hi") == b"hi"


def test_a_reload_that_cannot_bind_everything_binds_nothing(superd: Superd) -> None:
    port, free = free_port(), free_port()
    superd.service("cat", cat(port))
    superd.start()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        superd.service("a", cat(free))
        superd.service("b", cat(taken.getsockname()[1]))
        superd.service("cat", cat(port, "umask = '077'\n"))
        said = superd.reload()
        assert said.startswith("reload refused, nothing has changed: ")
        assert f"Address already in use: {Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()}" in said
        with pytest.raises(ConnectionRefusedError):
            talk(free)
        assert talk(port, b"hi") == b"hi"
    superd.reload()
    assert talk(free, b"hi") == b"hi"


def test_a_service_that_changes_keeps_its_socket(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", cat(port))
    superd.start()
    superd.service("cat", f'server = "/bin/echo"\nserver_args = ["changed"]\nlisten = ["127.0.0.1:{port}"]\n')
    superd.reload()
    assert talk(port) == b"changed\n"


def test_an_address_becomes_a_wildcard_and_an_address_again_without_being_away(superd: Superd) -> None:
    port = free_port()

    def reload(listen: str) -> None:
        superd.service("cat", f'server = "/bin/cat"\nlisten = ["{listen}"]\n')
        superd.reload()

    superd.service("cat", cat(port))
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as waiting:
        for listen in (f"0.0.0.0:{port}", f"*:{port}", f"127.0.0.2:{port}", f"[::]:{port}", f"*:{port}", f"127.0.0.1:{port}"):
            reload(listen)
            if "127.0.0.2" not in listen and "[::]" not in listen:
                assert talk(port, b"hi") == b"hi"
        waiting.sendall(b"still here")
        assert waiting.recv(100) == b"still here"


def test_services_that_swap_their_ports_are_never_away(superd: Superd) -> None:
    ports = free_port(), free_port()

    def write(one: int, two: int) -> None:
        for name, port in (("one", one), ("two", two)):
            superd.service(name, f'server = "/bin/echo"\nserver_args = ["{name}"]\nlisten = ["127.0.0.1:{port}"]\n')

    write(*ports)
    superd.start()
    assert [talk(port) for port in ports] == [b"one\n", b"two\n"]
    write(*reversed(ports))
    assert superd.reload() == "reload: changed `one` (listen) `two` (listen), 0 kept"
    assert [talk(port) for port in ports] == [b"two\n", b"one\n"]


VERSIONS, AT_ONCE = 12, 4
"""Configurations that answer one after the other, and clients that connect all the time meanwhile."""


def test_reloads_under_load_lose_not_one_connection(superd: Superd) -> None:
    ports = {name: free_port() for name in ("program", "internal", "other")}

    def write(number: int) -> None:
        """Each time another program at the same port, other limits of another, and a service that comes and goes."""
        superd.service(
            "program",
            f'server = "/bin/echo"\nserver_args = ["{number}"]\nnice = {number % 2}\ncps = [100000, 1]\n'
            f'listen = ["127.0.0.1:{ports["program"]}"]\n',
        )
        superd.service(
            "internal",
            f'type = "INTERNAL"\nservice = "echo"\ncps = [100000, 1]\nbacklog = {1000 + number}\n'
            f'listen = ["127.0.0.1:{ports["internal"]}"]\n',
        )
        if number % 2:
            superd.service("other", cat(ports["other"]))
        else:
            (superd.services / "other.toml").unlink(missing_ok=True)

    write(0)
    superd.start()
    answers: queue.Queue[bytes | OSError] = queue.Queue()
    over = threading.Event()

    def client() -> None:
        while not over.is_set():
            for port in (ports["program"], ports["internal"]):
                try:
                    answers.put(talk(port, b"" if port == ports["program"] else b"hi"))
                except OSError as problem:
                    answers.put(problem)

    clients = [threading.Thread(target=client) for _ in range(AT_ONCE)]
    for thread in clients:
        thread.start()
    try:
        assert superd.process is not None
        seen: list[bytes | OSError] = []
        number = 0
        while len({answer for answer in seen if answer != b"hi"}) < VERSIONS:
            number += 1
            write(number)
            superd.process.send_signal(signal.SIGHUP)
            pause = time.monotonic() + 0.05
            while time.monotonic() < pause:
                seen.append(answers.get(timeout=WAIT))
    finally:
        over.set()
        for thread in clients:
            thread.join()
    seen += list(answers.queue)
    assert [answer for answer in seen if isinstance(answer, OSError) or not (answer == b"hi" or answer.strip().isdigit())] == []
    assert [event for event in superd.rest() if "refused" in event.get("message", "")] == []


def test_a_key_that_counts_from_the_next_start_is_warned_of(superd: Superd) -> None:
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{free_port()}"]\n')
    config = superd.folder / "superd.toml"
    config.write_text("undecided = 7\n")
    superd.start("--config", str(config))
    config.write_text('user = "daemon"\n')
    superd.reload()
    assert superd.message("`user`")["message"] == "`user` in superd.toml counts from the next start: restart superd"
