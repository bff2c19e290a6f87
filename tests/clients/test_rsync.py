"""rsync's daemon, one for each connection."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.clients.conf import ended, entry, serve
from tests.daemon_process import WAIT, Superd, free_port
from tests.needs import needs


def test_a_tree_is_copied_from_an_rsync_daemon(superd: Superd, tmp_path: Path) -> None:
    rsync = needs("rsync", "rsync")
    port = free_port()
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "big").write_bytes(b"0123456789" * 200_000)
    (source / "small").write_text("small\n")
    conf = tmp_path / "rsyncd.conf"
    conf.write_text(f"use chroot = no\n[tree]\npath = {source}\nread only = yes\n")
    serve(superd, entry("rsync", port, rsync, f"--daemon --config={conf}"))
    # It ends with -1 after a list of its modules (clientserver.c).
    modules = subprocess.run(
        [rsync, f"rsync://127.0.0.1:{port}/"], capture_output=True, text=True, check=True, timeout=WAIT
    ).stdout
    assert modules.split() == ["tree"]
    target = tmp_path / "target"
    subprocess.run([rsync, "-r", f"rsync://127.0.0.1:{port}/tree/", str(target)], check=True, timeout=WAIT)
    assert (target / "deep" / "big").read_bytes() == (source / "deep" / "big").read_bytes()
    assert (target / "small").read_text() == "small\n"
    ended(superd, "rsync")
    ended(superd, "rsync", well=True)
