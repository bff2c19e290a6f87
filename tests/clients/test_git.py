"""git's daemon: a clone, whose client ends its half of the connection before the server does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.clients.conf import ended, entry, serve
from tests.daemon_process import WAIT, Superd, free_port
from tests.needs import needs


def test_a_repository_is_cloned_from_git_daemon(superd: Superd, tmp_path: Path) -> None:
    git = needs("git", "git")
    port = free_port()
    nobody = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@x",
    }
    # Nobody's own configuration, on either side.
    world = {**os.environ, **nobody, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}

    def run(*words: str) -> None:
        subprocess.run([git, *words], check=True, capture_output=True, timeout=WAIT, env=world)

    source = tmp_path / "base" / "poem"
    run("init", "-q", str(source))
    (source / "poem").write_text("a rose is a rose\n" * 10_000)
    run("-C", str(source), "add", "poem")
    run("-C", str(source), "commit", "-q", "-m", "a poem")
    serve(superd, entry("git", port, git, f"daemon --inetd --export-all --base-path={source.parent}"))
    run("clone", "-q", f"git://127.0.0.1:{port}/poem", str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "poem").read_bytes() == (source / "poem").read_bytes()
    ended(superd, "git", well=True)
