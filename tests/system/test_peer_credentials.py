"""Who is at the other end, as the kernel knows it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from superd.system.peer_credentials import credentials_of
from tests.needs import needs, needs_root


def test_a_pair_is_of_this_process() -> None:
    a, b = socket.socketpair()
    with a, b:
        pid, uid, gids = credentials_of(a)
        assert (pid, uid) == (os.getpid(), os.geteuid())
        assert set(gids) == {os.getegid(), *os.getgroups()}


def test_supplementary_groups_count(tmp_path: Path) -> None:
    needs_root()
    setpriv = needs("util-linux", "setpriv")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        (tmp_path / "s").chmod(0o666)
        server.listen()
        code = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({str(tmp_path / 's')!r}); s.recv(1)"
        client = subprocess.Popen(
            [setpriv, "--reuid", "65534", "--regid", "65534", "--groups", "4,20", sys.executable, "-c", code]
        )
        server.settimeout(20)
        connection, _ = server.accept()
        with connection:
            _, uid, gids = credentials_of(connection)
            assert uid == 65534
            assert set(gids) == {65534, 4, 20}
        client.wait()
