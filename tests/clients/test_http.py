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
    """The port of a health check such as stands beside databases and behind balancers."""
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


@pytest.mark.parametrize("how", ["connects alone", "resets", "asks and resets", "asks and leaves"])
def test_a_probe_that_closes_early_leaves_one_start_one_exit_and_no_zombie(superd: Superd, check: int, how: str) -> None:
    probes = 20
    for _ in range(probes):
        with socket.create_connection(("127.0.0.1", check), WAIT) as probe:
            if "asks" in how:
                probe.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if "resets" in how:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    pids = {started(superd, "check") for _ in range(probes)}
    assert pids == {ended(superd, "check") for _ in range(probes)}
    assert len(pids) == probes
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert curl(check) == "up\n"
    ended(superd, "check", well=True)
    superd.stop()
    # START of curl's is all that was not asked for above, and the words of the end.
    rest = [event["message"] for event in superd.events if not event["message"].startswith("stop")]
    assert len(rest) == 1, rest
    assert ": START: check " in rest[0]
