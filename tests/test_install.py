"""docs/install.md, command by command: a wheel is built, installed under a folder instead of /, and serves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, free_port, talk
from tests.docs_examples import ROOT, blocks
from tests.needs import needs, needs_root


def commands(root: Path) -> list[str]:
    """The page's commands with ``root`` for `/`; systemctl is left out, there may be no systemd running."""
    found: list[str] = []
    for block in blocks(ROOT / "docs/install.md"):
        if block.tag != "sh":
            continue  # of the Debian package, which packaging/test-deb installs
        for line in block.text.splitlines():
            if line.startswith("systemctl "):
                continue
            for path in ("/opt/", "/etc/", "/usr/local/"):
                line = line.replace(path, f"{root}{path}")
            line = line.replace(" dist", f" {root}/dist").replace("systemd-sysusers", f"systemd-sysusers --root={root}")
            found.append(line.replace("systemd-tmpfiles", f"systemd-tmpfiles --root={root}"))
    return found


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network: the build backend and the dependencies are those of the Python that runs the tests."""
    for name, value in {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the option's opposite
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_QUIET": "1",
    }.items():
        monkeypatch.setenv(name, value)


def test_the_commands_of_the_page_give_a_superd_that_serves(tmp_path: Path, services_dir: Path, environ: None) -> None:
    needs_root()
    needs("systemd", "systemd-sysusers")
    for folder in ("etc", "usr/local/sbin", "etc/systemd/system"):
        (tmp_path / folder).mkdir(parents=True)
    for command in commands(tmp_path):
        done = subprocess.run(["sh", "-ec", command], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        if " -m venv " in command:
            site = next((tmp_path / "opt/superd/lib").glob("python3*/site-packages"))
            (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    assert (tmp_path / "etc/passwd").read_text().startswith("superd:")
    assert (tmp_path / "etc/systemd/system/superd.service").exists()

    port = free_port()
    (services_dir / "cat.toml").write_text(f'server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:{port}"]\n')
    program = tmp_path / "usr/local/sbin/superd"
    process = subprocess.Popen([program, "run", "--services", services_dir], stderr=subprocess.PIPE, cwd="/")
    try:
        assert process.stderr is not None
        assert any(b'"event":"ready"' in line for line in process.stderr)
        assert talk(port, b"hi") == b"hi"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=WAIT)
