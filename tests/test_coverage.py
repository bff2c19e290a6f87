"""The measurement of processes that coverage.py does not reach: scripts/coverage.d, in real launchers, relays and fronts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts" / "coverage.d"

LAUNCHER = """
from superd.ipc import launch_codec as messages
from tests.launcher_process import connection, real_launcher
with real_launcher() as launcher, connection() as (client, accepted):
    launcher.service("true", "/bin/true")
    launcher.launch("true", accepted)
    launcher.report(messages.Exited)
"""
FRONT = """
import os, signal, socket
from superd.ipc.front_orders import Begin, Change, Launching
from superd.master.front_fork import fork_front
from superd.policy_snapshot import PolicySnapshot
from superd.quantities import parse_size
from superd.settings import Settings
def run(order, channel):
    parse_size("4K")
    channel.send(b"done")
    signal.pause()
ours, theirs = socket.socketpair()
pid = fork_front(run, Begin(Change(1, Settings(), Launching()), PolicySnapshot(())), ours, theirs, lambda: None)
ours.recv(4)
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
"""


def measured(folder: Path, code: str, *command: str) -> dict[str, set[tuple[int, int]]]:
    """Return the arcs of each file of superd that the processes of ``code`` ran and coverage.py does not measure."""
    subprocess.run([sys.executable, str(SCRIPTS / "main.py"), "prepare", str(folder)], check=True)
    env = os.environ | {"PYTHONPATH": f"{SCRIPTS}:{ROOT}", "SUPERD_COVERAGE": str(folder)}
    subprocess.run([sys.executable, *command, "-c", code], env=env, cwd=ROOT, check=True, capture_output=True)
    show = "import main, pathlib, sys; print(dict(main.collected(pathlib.Path(sys.argv[1]))))"
    found = subprocess.run([sys.executable, "-c", show, str(folder)], env=env, capture_output=True, text=True, check=True)
    return {str(Path(path).relative_to(ROOT)): set(arcs) for path, arcs in eval(found.stdout).items()}


def line_of(path: str, text: str) -> int:
    [line] = [number for number, line in enumerate((ROOT / path).read_text().splitlines(), 1) if line.strip() == text]
    return line


def test_what_a_launcher_runs_from_sealed_memory_is_measured_under_the_names_of_its_files(tmp_path: Path) -> None:
    arcs = measured(tmp_path, LAUNCHER)
    assert {"superd/launcher/process.py", "superd/launcher/starts.py", "superd/ipc/running_table.py"} <= arcs.keys()
    assert not [path for path in arcs if path.startswith("superd/master/")]
    lines = {line for _, line in arcs["superd/launcher/starts.py"]}
    assert line_of("superd/launcher/starts.py", "self._table.started(slot, pid)") in lines
    assert line_of("superd/launcher/starts.py", "self._groups.stale(spec.index, now)") not in lines  # it had no group


def test_a_front_that_is_killed_is_measured_to_its_last_line(tmp_path: Path) -> None:
    arcs = measured(tmp_path, FRONT)
    assert "superd/quantities.py" in arcs
    assert line_of("superd/master/front_fork.py", "status = run(kept, theirs)") in {
        line for _, line in arcs["superd/master/front_fork.py"]
    }


def test_a_generator_that_yields_is_neither_left_nor_entered_again(tmp_path: Path) -> None:
    module = tmp_path / "counted.py"
    module.write_text("def count():\n    yield 1\n    yield 2\n\n\ndef never():\n    return 3\n\n\nlist(count())\n")
    (tmp_path / "index").write_text(f"{module}\t0\t11\n")
    (tmp_path / "arcs").write_bytes(bytes(23 * 23))
    code = (
        "import opcode, sys; from arcs import measure; sys.path.insert(0, sys.argv[1]); "
        "measure(sys.argv[1], opcode.opmap['RESUME']); import counted"
    )
    env = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, check=True)
    data = (tmp_path / "arcs").read_bytes()
    found = {(at // 23 - 11, at % 23 - 11) for at, byte in enumerate(data) if byte}
    assert {(-1, 2), (2, 3), (3, -1)} <= found
    assert (2, -1) not in found
    assert (-1, 3) not in found
    assert not {arc for arc in found if 7 in arc}
