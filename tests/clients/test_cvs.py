"""cvs pserver: a checkout with a password, by a server that begins as root and becomes the user of the repository."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from tests.clients.conf import ended, entry, serve
from tests.daemon_process import WAIT, Superd, free_port
from tests.needs import needs, needs_root


def test_a_module_is_checked_out_from_a_pserver(superd: Superd, tmp_path: Path) -> None:
    needs_root()
    cvs, openssl = needs("cvs", "cvs"), needs("openssl", "openssl")
    port = free_port()
    repository = tmp_path / "repository"
    world = {**os.environ, "HOME": str(tmp_path), "CVS_PASSFILE": "/dev/null"}

    def run(*words: str, folder: Path = tmp_path) -> None:
        subprocess.run([cvs, "-f", "-Q", *words], check=True, timeout=WAIT, env=world, cwd=folder)

    run("-d", str(repository), "init")
    poems = tmp_path / "poems"
    poems.mkdir()
    (poems / "poem").write_text("a rose is a rose\n")
    run("-d", str(repository), "import", "-m", "poems", "poems", "vendor", "start", folder=poems)
    digest = subprocess.run([openssl, "passwd", "-6", "secret"], capture_output=True, text=True, check=True).stdout.strip()
    (repository / "CVSROOT" / "passwd").write_text(f"reader:{digest}:nobody\n")
    nobody = pwd.getpwnam("nobody")
    for path in (repository, *repository.rglob("*")):
        shutil.chown(path, nobody.pw_uid, nobody.pw_gid)
    serve(superd, entry("cvspserver", port, cvs, f"-f --allow-root={repository} pserver", user="root"))
    target = tmp_path / "target"
    target.mkdir()
    run("-d", f":pserver:reader:secret@127.0.0.1:{port}{repository}", "checkout", "poems", folder=target)
    assert (target / "poems" / "poem").read_text() == "a rose is a rose\n"
    ended(superd, "cvspserver", well=True)
