"""tftpd-hpa, which takes the listening socket (``wait``) and serves every client while it lives."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from tests.clients.conf import ended, entry, serve, started
from tests.daemon_process import WAIT, Superd, free_port
from tests.needs import needs, needs_root


def test_files_come_and_go_by_tftp_and_a_second_server_follows_the_first(superd: Superd, tmp_path: Path) -> None:
    needs_root()  # it changes its root folder
    tftpd, tftp = needs("tftpd-hpa", "in.tftpd"), needs("tftp-hpa", "tftp")
    port = free_port(socket.SOCK_DGRAM)
    folder = tmp_path / "tftp"
    folder.mkdir()
    folder.chmod(0o777)
    content = bytes(range(256)) * 20  # ten blocks
    (folder / "kernel").write_bytes(content)
    # It leaves after this many seconds without a new client; its own default is a quarter of an hour.
    serve(superd, entry("tftp", port, tftpd, f"--timeout 1 --create --secure {folder}", user="root", kind="dgram"))

    def transfer(*words: str) -> None:
        subprocess.run([tftp, "127.0.0.1", str(port), "-m", "binary", "-c", *words], cwd=tmp_path, check=True, timeout=WAIT)

    transfer("get", "kernel", "first")
    first = started(superd, "tftp")
    transfer("put", "first", "second")
    assert (tmp_path / "first").read_bytes() == (folder / "second").read_bytes() == content
    assert ended(superd, "tftp") == first
    transfer("get", "second", "third")
    assert (tmp_path / "third").read_bytes() == content
    assert ended(superd, "tftp") != first
