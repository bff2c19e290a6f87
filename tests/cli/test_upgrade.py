"""``superd upgrade``: which superd is asked, and what its outcome is called."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from superd.cli.upgrade import upgrade
from superd.load.sources import Sources
from tests.daemon_process import WAIT, Superd, free_port


def test_without_a_superd_it_says_how_to_start_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert upgrade(Sources(str(tmp_path / "superd.toml"))) == 69
    assert "hint: start it" in capsys.readouterr().err


def ask(superd: Superd, *words: str) -> subprocess.CompletedProcess[str]:
    tables = ["--hosts-allow", str(superd.allow), "--hosts-deny", str(superd.deny)]
    command = [sys.executable, "-m", "superd", "upgrade", "--services", str(superd.services), *tables, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=4 * WAIT, check=False, cwd=Path(__file__).parents[2])


def test_it_waits_for_the_outcome(superd: Superd) -> None:
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{free_port()}"]\n')
    superd.start()
    done = ask(superd)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("superd: upgraded in ")
    superd.service("wrong", "nonsense = 1\n")
    refused = ask(superd)
    assert refused.returncode == 1
    assert "superd goes on as it is: " in refused.stderr
    answer = json.loads(ask(superd, "--json").stdout)
    assert answer["outcome"] == "refused"
    assert "nonsense" in answer["text"]
