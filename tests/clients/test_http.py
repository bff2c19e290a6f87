"""A script that speaks HTTP: curl asks it, and a load balancer's check that goes away before the answer."""

from __future__ import annotations

import socket
import struct
import subprocess
from pathlib import Path

import pytest

from tests.clients.conf import ended, entry, serve, started
from tests.daemon_process import WAIT, Superd, free_port
from tests.needs import needs

SCRIPT = r"""#!/bin/sh
while read -r line && [ "$line" != "$(printf '\r')" ]; do :; done
printf 'HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nup\n'
"""


@pytest.fixture
def check(superd: Superd, tmp_path: Path) -> int:
    """The port of a health check as databases and balancers have it."""
    port = free_port()
    script = tmp_path / "check"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    serve(superd, entry("check", port, str(script)))
    return port


def curl(port: int) -> str:
    program = needs("curl", "curl")
    return subprocess.run(
        [program, "-sS", f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True, timeout=WAIT
    ).stdout


def test_curl_gets_what_a_script_prints(superd: Superd, check: int) -> None:
    assert curl(check) == "up\n"
    ended(superd, "check", well=True)


def probes(port: int, *, asks: bool, resets: bool, count: int = 20) -> None:
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port), WAIT) as probe:
            if asks:
                probe.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if resets:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("asks", [False, True], ids=["connects alone", "asks and leaves"])
def test_a_probe_that_closes_early_leaves_one_start_one_exit_and_no_zombie(superd: Superd, check: int, asks: bool) -> None:
    probes(check, asks=asks, resets=False)
    pids = {started(superd, "check") for _ in range(20)}
    assert pids == {ended(superd, "check") for _ in range(20)}
    assert len(pids) == 20
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert curl(check) == "up\n"
    ended(superd, "check", well=True)
    # START of curl's is all of the service that was not asked for above.
    rest = [event for event in superd.rest() if event.get("service")]
    assert [(event["event"], event["service"]) for event in rest] == [("start", "check")], rest


@pytest.mark.parametrize("asks", [False, True], ids=["resets", "asks and resets"])
def test_a_probe_that_resets_starts_no_program_or_one_that_ends(superd: Superd, check: int, asks: bool) -> None:
    probes(check, asks=asks, resets=True)
    assert curl(check) == "up\n"
    events = [event for event in superd.rest() if event.get("service")]
    assert {event["event"] for event in events} <= {"start", "exit", "fail"}
    assert {event["reason"] for event in events if event["event"] == "fail"} <= {"gone"}
    starts = [event["pid"] for event in events if event["event"] == "start"]
    assert 1 <= len(starts) <= 21
    assert not [pid for pid in starts if Path(f"/proc/{pid}").exists()]
