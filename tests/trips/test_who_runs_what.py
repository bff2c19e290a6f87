"""Which code each process of a real superd runs: what root must not run, and what the front must not run.

The front is forked from the master and shares its memory, so `sys.modules` is the same in both. What counts is which
functions are called in which process; a profiler in the real daemon writes them down.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import pytest

from superd.front.process import run
from tests.daemon_process import Superd, free_port, talk

PROFILER = """
import os, sys, threading
seen, root, out = set(), os.environ["WATCHED_ROOT"], os.environ["WATCHED_FILE"]
phase, file = ["start"], []

def profile(frame, event, argument):
    code = frame.f_code
    if event != "call" or not code.co_filename.startswith(root):
        return
    if os.getpid() != int(os.environ["WATCHED_PID"]):
        if (code.co_filename, code.co_name) == (root + "front/process.py", "run") and phase[0] != "front":
            phase[0] = "front"
            seen.clear()
    elif code.co_filename == root + "master/process.py" and code.co_name == "run":
        phase[0] = "master"
        seen.clear()
    if phase[0] == "start" or code.co_filename in seen:
        return
    above = frame
    while above is not None:  # what an import runs is not work
        if above.f_code.co_name == "<module>" and "importlib" in (above.f_back.f_code.co_filename if above.f_back else ""):
            return
        above = above.f_back
    seen.add(code.co_filename)
    line = " ".join((phase[0] if phase[0] == "front" or os.getpid() == int(os.environ["WATCHED_PID"]) else "child",
                     code.co_filename[len(root):])) + "\\n"
    if not file:  # opened by the master: a front can open no file to write
        file.append(os.open(out, os.O_WRONLY | os.O_APPEND))
    os.write(file[0], line.encode())

if "superd" in sys.orig_argv:
    os.environ["WATCHED_PID"] = str(os.getpid())
    threading.setprofile(profile)
    sys.setprofile(profile)
"""

ROOT = Path(run.__code__.co_filename).parent.parent


@pytest.fixture
def watched(superd: Superd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that names, for each process, every file of superd that it runs code of."""
    superd.steps = None  # one sitecustomize is enough, and profiling takes long
    customized = tmp_path / "customized"
    customized.mkdir()
    (customized / "sitecustomize.py").write_text(PROFILER)
    out = tmp_path / "ran"
    out.touch()
    out.chmod(0o666)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o011)
    monkeypatch.setenv("PYTHONPATH", str(customized))
    monkeypatch.setenv("WATCHED_ROOT", f"{ROOT}/")
    monkeypatch.setenv("WATCHED_FILE", str(out))
    return out


def ran(out: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for line in out.read_text().splitlines():
        process, name = line.split()
        found[process].add(name)
    return found


def test_root_parses_nothing_of_a_peer_and_the_front_reads_no_configuration(superd: Superd, watched: Path) -> None:
    program, internal, datagrams, named = free_port(), free_port(), free_port(), free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{program}"]\n')
    superd.service("echo", f'type = "INTERNAL"\nlisten = ["127.0.0.1:{internal}"]\n')
    superd.service("time", f'type = "INTERNAL"\nsocket_type = "dgram"\nlisten = ["127.0.0.1:{datagrams}"]\n')
    superd.service("named", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{named}"]\nlog_on_success = ["USERID"]\n')
    superd.deny.write_text("cat: 192.0.2.0/24\nnamed: .example\n")
    superd.start()
    assert talk(program, b"hi") == b"hi"
    assert talk(internal, b"hi") == b"hi"
    superd.deny.write_text("named: .example : spawn true\n")
    talk(named, b"hi")
    superd.reload()
    assert talk(program, b"hi") == b"hi"
    superd.stop()
    seen = ran(watched)
    assert {"process.py", "launcher_pool.py"} <= {Path(name).name for name in seen["master"]}
    assert {"front/process.py", "front/gate/gate.py", "policy/hosts_access.py"} <= seen["front"]
    assert "load/registry.py" in seen["child"]
    of_peers = (
        "front/",
        "internal/",
        "policy/",
        "launcher/",
        "relay/",
        "wire/",
        "net/resolve.py",
        "net/ident.py",
        "net/listener.py",
    )
    assert [name for name in sorted(seen["master"]) if name.startswith(of_peers)] == []
    readers = ("load/", "config/toml/", "config/xinetd/", "config/inetd/", "config/checks/", "master/", "launcher/", "relay/")
    assert [name for name in sorted(seen["front"]) if name.startswith(readers)] == []
    assert [name for name in sorted(seen["master"]) if name.startswith(("config/toml/", "config/xinetd/", "config/inetd/"))] == []
