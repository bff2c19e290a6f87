"""Relays in the whole daemon: one that dies, stands still or lies, a front that dies, a reload, kicks and the end."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, living, talk
from tests.needs import needs_root


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), WAIT)


def answers(sock: socket.socket) -> bool:
    sock.sendall(b"hello")
    return sock.recv(5, socket.MSG_WAITALL) == b"hello"


def relays(superd: Superd, count: int = 1) -> set[int]:
    """The relays, when there are so many: a client that has sent nothing yet is handed to one at once."""
    deadline = time.monotonic() + WAIT
    while len(found := superd.relays()) != count:
        assert time.monotonic() < deadline, found
        select.select([], [], [], 0.01)
    return found


def serve(superd: Superd, settings: str = "relays = 2\n", extra: str = "") -> int:
    """An echo service of superd's own; its port."""
    port = free_port()
    config = superd.folder / "superd.toml"
    config.write_text(settings)
    superd.arguments = ["--config", str(config)]
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{port}"]\ncps = [10000, 1]\n{extra}')
    return port


def test_relays_start_with_their_first_session_as_many_as_the_settings_say_and_as_the_fronts_user(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    assert superd.relays() == set()
    with ExitStack() as stack:
        first = stack.enter_context(connected(port))
        relays(superd)
        socks = [first, *(stack.enter_context(connected(port)) for _ in range(5))]
        found = relays(superd, 2)
        assert all(answers(sock) for sock in socks)
        users = {Path(f"/proc/{pid}/status").read_text().split("Uid:")[1].split()[0] for pid in (superd.front(), *found)}
        assert len(users) == 1


def test_a_relay_that_dies_ends_its_own_sessions_with_a_record_each_and_is_replaced(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    with connected(port) as one:
        (first,) = relays(superd)
        assert answers(one)
        with connected(port) as two:
            relays(superd, 2)
            assert answers(two)
            os.kill(first, signal.SIGKILL)
            assert one.recv(1) == b""
            superd.event(event="EXIT", service="echo")
            superd.message("relay 0 ended by signal 9")
            assert answers(two)
            with connected(port) as three:
                assert first not in relays(superd, 2)
                assert answers(three)


def test_a_stopped_relay_is_replaced_and_its_sessions_are_over(superd: Superd, monkeypatch: pytest.MonkeyPatch) -> None:
    port = serve(superd, "relays = 1\n")
    superd.start()
    with connected(port) as sock:
        (relay,) = relays(superd)
        assert answers(sock)
        os.kill(relay, signal.SIGSTOP)
        superd.message("it was stopped by a signal")
        assert sock.recv(1) == b""
        superd.event(event="EXIT", service="echo")
    assert talk(port, b"hi") == b"hi"


def test_a_front_that_dies_ends_no_relayed_session_and_the_next_counts_it(superd: Superd) -> None:
    port = serve(superd, extra="instances = 2\n")
    superd.start()
    with connected(port) as one, connected(port) as two:
        relays(superd, 2)
        assert answers(one)
        assert answers(two)
        os.kill(superd.front(), signal.SIGKILL)
        superd.message("starting another")
        assert answers(one)
        # The limit counts what the earlier front began.
        with connected(port) as three:
            assert three.recv(1) == b""
        superd.event(event="FAIL", service="echo")
        two.close()
        superd.event(event="EXIT", service="echo")
        with connected(port) as three:
            assert answers(three)


def test_a_reload_leaves_sessions_alone_and_changes_the_number_of_relays(superd: Superd) -> None:
    port = serve(superd, "relays = 1\n")
    superd.start()
    with ExitStack() as stack:
        socks = [stack.enter_context(connected(port)) for _ in range(2)]
        relays(superd, 1)
        assert all(answers(sock) for sock in socks)
        (superd.folder / "superd.toml").write_text("relays = 3\n")
        superd.reload()
        deadline = time.monotonic() + WAIT
        while len(superd.relays()) < 3:  # the front may serve a few before it knows the others
            assert time.monotonic() < deadline
            socks.append(stack.enter_context(connected(port)))
            assert answers(socks[-1])
        assert all(answers(sock) for sock in socks)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_of_superd_ends_relayed_sessions_and_the_relays(superd: Superd, number: int) -> None:
    port = serve(superd, "stop_grace = 0.2\n")
    superd.start()
    with connected(port) as sock:
        found = relays(superd)
        assert answers(sock)
        assert superd.process is not None
        superd.process.send_signal(number)
        assert sock.recv(1) == b""
        superd.event(event="EXIT", service="echo")
        assert superd.process.wait(WAIT) == 0
    for pid in found:
        gone(pid)


def gone(pid: int) -> None:
    """Waits for the end of a process that is not ours."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(pidfd):
        assert select.select([pidfd], [], [], WAIT)[0]


def test_sessions_outlive_a_superd_that_leaves_them(superd: Superd) -> None:
    port = serve(superd, 'stop_sessions = "keep"\n')
    superd.start()
    with connected(port) as sock:
        (relay,) = relays(superd)
        assert answers(sock)
        superd.stop()
        assert answers(sock)
        assert living(relay)
    gone(relay)


def test_a_relay_is_closed_to_other_processes_of_its_user(superd: Superd) -> None:
    needs_root()
    port = serve(superd)
    superd.start()
    with connected(port) as sock:
        (relay,) = relays(superd)
        assert answers(sock)
        assert Path(f"/proc/{relay}/fd").stat().st_uid == 0
        status = Path(f"/proc/{relay}/status").read_text()
        assert "Seccomp:\t2" in status
        assert "CapEff:\t0000000000000000" in status
