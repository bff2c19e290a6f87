"""Penalties and networks through the real daemon: what a source did, how long it is refused, and that a reload keeps it."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.trips.test_control import asked
from tests.trips.test_upgrade import upgrade


def test_a_program_that_exits_with_a_failure_costs_its_client_and_a_reload_forgets_nothing(superd: Superd) -> None:
    port = free_port()
    text = f'server = "/bin/sh"\nserver_args = ["-c", "exit 3"]\nlisten = ["127.0.0.1:{port}"]\n'
    superd.service("login", text + '[limits.penalties]\nexit_nonzero = "1h"\nmax = "2h"\nexempt = ["127.0.0.9"]\n')
    superd.start()
    assert talk(port, source="127.0.0.2") == b""
    assert "127.0.0.2 is refused for 3600 s: exit_nonzero 1" in superd.event(event="message", level="notice")["message"]
    talk(port, source="127.0.0.2")
    refused = superd.event(event="FAIL")
    assert (refused["reason"], refused["peer"]) == ("penalty", "127.0.0.2")
    shown = superd.command("bans")
    assert [line.split()[:2] for line in shown.stdout.splitlines()] == [["PENALISED", "SERVICE"], ["127.0.0.2", "login"]]
    assert "exit_nonzero 1" in shown.stdout
    for source in ("127.0.0.3", "127.0.0.9", "127.0.0.9"):
        talk(port, source=source)
        superd.event(event="EXIT", peer=source, status=3)
    superd.service("login", text + '[limits.penalties]\nexit_nonzero = "10s"\n')
    superd.reload()
    talk(port, source="127.0.0.2")
    assert superd.event(event="FAIL")["reason"] == "penalty"


def test_a_fault_a_scan_and_a_refusal_have_causes_of_their_own(superd: Superd) -> None:
    dies, far, shut = free_port(), free_port(), free_port()
    causes = '[limits.penalties]\nsignal = "10m"\nno_bytes = "5m"\nrefused = "3m"\n'
    superd.service("dies", f'server = "/bin/sh"\nserver_args = ["-c", "kill -SEGV $$"]\nlisten = ["127.0.0.1:{dies}"]\n{causes}')
    superd.service("shut", f'server = "/bin/cat"\nonly_from = []\nlisten = ["127.0.0.1:{shut}"]\n{causes}')
    with socket.create_server(("127.0.0.1", 0)) as target:
        there = target.getsockname()[1]
        superd.service("far", f'redirect = "127.0.0.1:{there}"\nlisten = ["127.0.0.1:{far}"]\n{causes}')
        superd.start()
        with socket.create_connection(("127.0.0.1", far), WAIT):
            served, _ = target.accept()
        served.close()
    superd.message("refused for 300 s: no_bytes 1")
    talk(dies)
    superd.message("refused for 600 s: signal 1")
    with socket.create_connection(("127.0.0.1", shut), WAIT):
        pass
    superd.message("refused for 180 s: refused 1")
    with socket.create_connection(("127.0.0.1", shut), WAIT):
        pass
    assert superd.event(event="FAIL", reason="penalty")["service"] == "shut"


def test_a_networks_sessions_are_counted_together(superd: Superd) -> None:
    port = free_port()
    superd.service(
        "cat",
        f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n[[limits.source]]\nv4 = 24\nsessions = 2\n'
        f"[[limits.source]]\nv4 = 8\nsessions = 3\n",
    )
    superd.start()
    clients = []
    for source in ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.1.1", "127.0.2.1"):
        clients.append(socket.create_connection(("127.0.0.1", port), WAIT, (source, 0)))
        event = "FAIL" if source in ("127.0.0.3", "127.0.2.1") else "START"
        superd.event(event=event, peer=source)
    for client in clients:
        client.close()


def test_what_a_front_counted_outlives_it_by_kill_and_by_upgrade(superd: Superd) -> None:
    port, trap, ways = free_port(), free_port(), free_port()
    text = f'server = "/bin/sh"\nserver_args = ["-c", "exit 3"]\nlisten = ["127.0.0.1:{port}"]\n'
    superd.service("login", text + '[limits.penalties]\nexit_nonzero = "1h"\nmax = "2h"\n')
    superd.service("trap", f'flags = ["SENSOR"]\ndeny_time = 60\nlisten = ["127.0.0.1:{trap}"]\n')
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{ways}"]\n')
    superd.start()
    talk(port, source="127.0.0.2")
    superd.message("127.0.0.2 is refused for 3600 s")
    talk(trap, source="127.0.0.3")
    superd.event(event="ban", peer="127.0.0.3")
    assert talk(ways, b"hi", source="127.0.0.4") == b"hi"
    superd.event(event="exit", service="cat")
    for way in ("kill", "upgrade"):
        # The front writes down what it counted when it is asked for a sign of life, every few seconds.
        if way == "kill":
            while b"sensor trap" not in written_by(superd.front()):
                asked(superd, "bans")
            os.kill(superd.front(), signal.SIGKILL)
            superd.message("the front ended")
        else:
            assert upgrade(superd).startswith("upgrade: done")
        talk(port, source="127.0.0.2")
        assert superd.event(event="FAIL", service="login")["reason"] == "penalty"
        talk(ways, source="127.0.0.3")
        assert superd.event(event="FAIL", service="cat")["detail"].endswith("sensor trap 1")
        found = {row["source"]: (row["service"], row["why"]) for row in asked(superd, "bans")["penalties"]}
        assert found == {"127.0.0.2": ("login", "exit_nonzero 1"), "127.0.0.3": ("", "sensor trap 1")}
        shown = {service["name"]: service for service in asked(superd, "status")["services"]}
        assert shown["cat"]["started_hour"] == 1
        assert shown["cat"]["refused_hour"] == (1 if way == "kill" else 2)


def written_by(front: int) -> bytes:
    """What a front has written down for the next one."""
    for link in Path(f"/proc/{front}/fd").iterdir():
        if link.is_symlink() and "superd-counts" in os.readlink(link):
            return link.read_bytes()
    return b""
