"""Limits on time, through the real daemon: silence, and what has been reset before it was served."""

from __future__ import annotations

import os
import socket
import struct

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.xinetd_process import eventually

IDLE = "limits = { idle = 0.3 }\n"


def closed(port: int) -> bool:
    """Whether a client that says nothing is let go."""
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        return sock.recv(1) == b""


def test_a_program_whose_client_is_silent_is_ended(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n{IDLE}')
    superd.start()
    assert closed(port)
    superd.message("ended after 0.3 s of silence")
    assert superd.event(event="EXIT", service="cat")["signal"] == 15


def test_a_program_that_ends_by_itself_is_seen_by_its_client_at_once(superd: Superd) -> None:
    port = free_port()
    superd.service("true", f'server = "/bin/true"\nlisten = ["127.0.0.1:{port}"]\nlimits = {{ idle = "1h" }}\n')
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.2:{port}"]\nlimits = {{ idle = "1h" }}\n')
    superd.start()
    assert closed(port)
    assert talk(port, b"hi", host="127.0.0.2") == b"hi"


def test_bytes_in_either_direction_keep_a_session_alive(superd: Superd) -> None:
    port = free_port()
    # A byte each 0.1 s for 0.8 s, more than twice the limit.
    script = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done"
    superd.service(
        "slow",
        f'server = "/bin/sh"\nserver_args = ["-c", "{script}"]\nlisten = ["127.0.0.1:{port}"]\nlimits = {{ idle = 0.4 }}\n',
    )
    superd.start()
    assert talk(port).split() == [b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8"]
    assert superd.event(event="EXIT", service="slow")["status"] == 0


def test_internal_services_and_relays_are_ended_too(superd: Superd) -> None:
    echo, far, there = (free_port() for _ in range(3))
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{echo}"]\n{IDLE}')
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{there}"]\n')
    superd.service("far", f'redirect = "127.0.0.1:{there}"\nlisten = ["127.0.0.1:{far}"]\n{IDLE}')
    superd.start()
    assert closed(echo)
    assert closed(far)
    assert talk(echo, b"hi") == talk(far, b"hi") == b"hi"


def test_a_connection_that_is_reset_while_its_verdict_waits_starts_nothing(superd: Superd) -> None:
    port, go = free_port(), superd.folder / "go"
    os.mkfifo(go)
    go.chmod(0o644)
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    # The rule's command is what the verdict waits for; it goes on when the test says so.
    superd.allow.write_text(f"cat: ALL: spawn read line < {go}\n")
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with go.open("r+b", buffering=0) as gate:
        gate.write(b"\n" * 2)  # each command reads a line of its own
        assert superd.event(event="FAIL", service="cat")["reason"] == "gone"
        assert talk(port, b"hi") == b"hi"


def test_a_service_that_starts_too_often_is_paused_and_recovers_by_itself(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\nlimits = {{ per_minute = [2, 0.5] }}\n')
    superd.deny.write_text("cat: 127.0.0.9\n")
    superd.start()
    for _ in range(5):  # who may not come cannot pause it
        assert talk(port, source="127.0.0.9") == b""
        assert superd.event(event="FAIL", service="cat")["reason"] == "libwrap"
    assert [talk(port, b"hi") for _ in range(2)] == [b"hi", b"hi"]
    assert talk(port) == b""
    assert superd.event(event="FAIL", service="cat")["reason"] == "per_minute"

    def served() -> bool:
        try:
            return talk(port, b"again") == b"again"
        except OSError:
            return False  # refused while "again" was on its way

    eventually(served, "the end of the pause")


def test_internal_services_count_their_starts_too(superd: Superd) -> None:
    port = free_port()
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{port}"]\nlimits = {{ per_minute = [1, 3600] }}\n')
    superd.start()
    assert talk(port, b"hi") == b"hi"
    assert talk(port) == b""
    assert superd.event(event="FAIL", service="echo")["reason"] == "per_minute"


def test_a_quiet_source_has_no_lines_and_counts_all_the_same(superd: Superd) -> None:
    port = free_port()
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{port}"]\nquiet = ["127.0.0.2"]\ninstances = 1\n')
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT, source_address=("127.0.0.2", 0)) as held:
        held.sendall(b"x")
        assert held.recv(1) == b"x"
        assert talk(port) == b""
        assert superd.event(event="FAIL", service="echo")["peer"] == "127.0.0.1"
    assert not [event for event in superd.rest() if event.get("peer") == "127.0.0.2"]


def test_a_client_that_never_says_anything_is_ended_and_one_that_has_said_something_is_not(superd: Superd) -> None:
    port, echo, far = free_port(), free_port(), free_port()
    limit = "limits = { first_byte = 0.3 }\n"
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n{limit}')
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{echo}"]\n{limit}')
    superd.service("far", f'redirect = "127.0.0.1:{port}"\nlisten = ["127.0.0.1:{far}"]\n{limit}')
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as talker:
        talker.sendall(b"a")
        assert talker.recv(1) == b"a"
        for number, service in ((port, "cat"), (echo, "echo"), (far, "far")):
            assert closed(number)
            assert superd.event(event="EXIT", service=service)["ended_by"] == "first_byte"
        talker.sendall(b"b")
        assert talker.recv(1) == b"b"


def test_a_program_that_uses_its_processor_time_is_ended_and_the_log_says_so(superd: Superd) -> None:
    port = free_port()
    script = "while :; do :; done"
    superd.service(
        "busy",
        f'server = "/bin/sh"\nserver_args = ["-c", "{script}"]\nlisten = ["127.0.0.1:{port}"]\nlimits = {{ cpu = 1 }}\n',
    )
    superd.start()
    assert closed(port)
    ended = superd.event(event="EXIT", service="busy")
    assert (ended["ended_by"], ended["signal"]) == ("cpu_limit", 9)  # soft and hard limit are one
