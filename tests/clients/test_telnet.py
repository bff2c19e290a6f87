"""telnetd with its negotiation, its terminal and a login program; telnet as the client."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.clients.conf import ended, entry, serve
from tests.daemon_process import WAIT, Superd, free_port
from tests.needs import needs, needs_root


def test_a_session_by_telnet_talks_to_the_login_program_on_a_terminal(superd: Superd, tmp_path: Path) -> None:
    needs_root()  # it gives the terminal away
    telnetd, telnet = needs("inetutils-telnetd", "telnetd"), needs("inetutils-telnet", "telnet")
    port = free_port()
    login = tmp_path / "login"
    login.write_text('#!/bin/sh\ntty\nread line\necho "you said $line"\nread bye\n')
    login.chmod(0o755)
    serve(superd, entry("telnet", port, telnetd, f"--exec-login={login}", user="root"))
    client = subprocess.Popen(
        [telnet, "127.0.0.1", str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert client.stdin is not None
    assert client.stdout is not None
    said = []
    with client:
        for line in client.stdout:
            said.append(line.decode().strip())
            if said[-1].startswith("/dev/"):
                client.stdin.write(b"hello\n")
                client.stdin.flush()
            if "you said" in said[-1]:
                break
        # Only now may it end: what a terminal still holds when its last program ends is lost.
        client.stdin.write(b"bye\n")
        client.stdin.close()
        client.wait(WAIT)
    assert said[-1] == "you said hello"
    ended(superd, "telnet")
