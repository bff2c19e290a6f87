"""Sockets of a service manager: by address, and only those that are meant for this process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from superd.net.inherited import inherited, inherited_fds

CODE = """
import os, socket
from superd.net.inherited import inherited
a = socket.create_server(("127.0.0.1", 0)); b = socket.socket(socket.AF_UNIX); b.bind(""); null = os.open("/dev/null", 0)
for number, fd in enumerate((a.detach(), b.detach(), null), 3): os.dup2(fd, number + 50)
for number in (3, 4, 5): os.dup2(number + 50, number)
environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "3", "LISTEN_FDNAMES": "x", "PATH": "p"}
found = inherited(environ)
print([address.host or address.path[:1] for address in found], environ)
print([(sock.getblocking(), os.get_inheritable(sock.fileno())) for sock in found.values()])
"""


def test_sockets_are_taken_and_other_descriptors_are_not() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2], timeout=30
    )
    assert done.stdout.splitlines() == ["['127.0.0.1', '@'] {'PATH': 'p'}", "[(False, False), (False, False)]"]


def test_what_is_for_another_process_is_left_alone() -> None:
    pid = str(os.getpid())
    assert inherited_fds({"LISTEN_PID": pid, "LISTEN_FDS": "2"}) == range(3, 5)
    for environ in ({}, {"LISTEN_PID": "1", "LISTEN_FDS": "2"}, {"LISTEN_PID": pid, "LISTEN_FDS": "x"}, {"LISTEN_PID": pid}):
        assert len(inherited_fds(environ)) == 0
        assert inherited(dict(environ)) == {}
    assert len(inherited_fds({"LISTEN_PID": pid, "LISTEN_FDS": "9" * 30})) <= 1 << 16
