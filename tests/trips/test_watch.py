"""Root's process lives, and superd ends when that is ordered, whatever front, files, descriptors or the package on disk do."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, talk
from tests.needs import needs, needs_root

PACKAGE = Path(__file__).parent.parent.parent / "superd"


def cat(port: int, extra: str = "") -> str:
    return f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n{extra}'


def served(superd: Superd, *arguments: str) -> int:
    port = free_port()
    superd.service("cat", cat(port))
    superd.start(*arguments)
    assert talk(port, b"hi") == b"hi"
    return port


# ------------------------------------------------------------------ the front


def test_a_front_that_was_stopped_is_replaced(superd: Superd) -> None:
    port = served(superd)
    os.kill(superd.front(), signal.SIGSTOP)
    superd.message("the front was stopped by a signal; it is being replaced")
    assert talk(port, b"hi") == b"hi"


def test_a_stopped_front_keeps_no_superd_from_its_end(superd: Superd) -> None:
    served(superd)
    assert superd.process is not None
    os.kill(superd.front(), signal.SIGSTOP)
    superd.process.send_signal(signal.SIGTERM)
    assert superd.process.wait(WAIT) == 0


def test_what_is_accepted_while_superd_ends_is_served(superd: Superd) -> None:
    port = served(superd)
    with socket.create_connection(("127.0.0.1", port), WAIT) as first:
        first.sendall(b"one")
        assert first.recv(3) == b"one"
        assert superd.process is not None
        superd.process.send_signal(signal.SIGTERM)
        superd.message("stopping on SIGTERM")
        assert talk(port, b"two") == b"two"
    assert superd.process.wait(WAIT) == 0
    lines = [event.get("message", "") for event in superd.rest()]
    assert "stopped" in lines  # after `stopping`, which was read above


# ------------------------------------------------------------------ what files contain


def test_a_list_with_a_nul_changes_nothing_and_ends_nothing(superd: Superd, tmp_path: Path) -> None:
    entries = tmp_path / "list"
    entries.write_text("192.0.2.1\n")
    superd.deny.write_text(f"ALL: {entries}\n")
    port = served(superd)
    entries.write_bytes(b"10.0.0.1\n/x\0y\n127.0.0.1\n")
    assert superd.process is not None
    talk(port, b"hi")
    talk(port, b"hi")
    assert superd.process.poll() is None
    superd.reload()
    assert superd.process.poll() is None


@pytest.mark.parametrize("text", [".".join("a" * 700) + " = 1\n", "x = " + "[" * 3000 + "]" * 3000 + "\n"])
def test_a_service_file_too_deep_for_its_reader_is_a_refused_reload(superd: Superd, text: str) -> None:
    port = served(superd)
    superd.service("deep", text)
    assert superd.reload().startswith("reload refused, nothing has changed: ")
    assert talk(port, b"hi") == b"hi"


# ------------------------------------------------------------------ descriptors


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-"])
def test_superd_serves_without_stdin_and_stdout(superd: Superd, closed: str) -> None:
    port = free_port()
    superd.service("cat", cat(port))
    command = f'exec {sys.executable} -m superd run --services {superd.services} --hosts-allow "" --hosts-deny "" {closed}'
    with subprocess.Popen(["sh", "-c", command], stderr=subprocess.PIPE, cwd=PACKAGE.parent) as process:
        try:
            while True:
                assert process.poll() is None
                try:
                    assert talk(port, b"hi") == b"hi"
                except ConnectionRefusedError:
                    continue
                break
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=WAIT)
    assert process.returncode == 0
    assert b"Traceback" not in errors


# ------------------------------------------------------------------ the package


def test_a_package_that_vanishes_underneath_is_noticed_and_launchers_start_all_the_same(superd: Superd, tmp_path: Path) -> None:
    copy = tmp_path / "lib" / "superd"
    shutil.copytree(PACKAGE, copy)
    for folder in (copy.parent, *copy.rglob("")):
        folder.chmod(0o755)
    superd.prefix = ["env", f"PYTHONPATH={copy.parent}", "PYTHONSAFEPATH=1"]
    port = served(superd)
    shutil.rmtree(copy / "launcher")
    shutil.rmtree(copy / "ipc")
    for _ in range(2):
        superd.event(event="EXIT", service="cat")
        (launcher,) = superd.launchers()
        os.kill(launcher, signal.SIGKILL)
        superd.message(" ended (signal 9)")
        assert talk(port, b"hi") == b"hi"
    superd.event(event="EXIT", service="cat")
    superd.message("superd was replaced on disk, and still runs its earlier code: `superd upgrade`")
    assert not [event for event in superd.rest() if "replaced on disk" in event.get("message", "")]


# ------------------------------------------------------------------ one superd


def test_a_second_superd_with_the_same_configuration_is_refused_by_the_pid_of_the_first(superd: Superd) -> None:
    served(superd)
    assert superd.process is not None
    command = [
        sys.executable, "-m", "superd", "run", "--services", str(superd.services),
        "--hosts-allow", str(superd.allow), "--hosts-deny", str(superd.deny),
    ]  # fmt: skip
    second = subprocess.run(command, capture_output=True, text=True, cwd=PACKAGE.parent, timeout=WAIT, check=False)
    assert second.returncode == 1
    assert f"another superd (pid {superd.process.pid}) serves this configuration" in second.stderr


def test_processes_say_what_they_are(superd: Superd) -> None:
    served(superd)
    assert superd.process is not None

    def title(pid: int) -> str:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()

    assert title(superd.process.pid) == "superd: master"
    assert title(superd.front()) == "superd: front"
    assert {title(pid) for pid in superd.launchers()} == {"superd: launcher" + (" root" if os.geteuid() == 0 else "")}


def test_the_master_is_protected_from_the_want_of_memory_and_nothing_else_is(superd: Superd) -> None:
    needs_root()
    needs("util-linux", "prlimit")
    port = free_port()
    superd.service("score", f'server = "/bin/cat"\nserver_args = ["/proc/self/oom_score_adj"]\nlisten = ["127.0.0.1:{port}"]\n')
    core = free_port()
    superd.service("core", f'server = "/bin/sh"\nserver_args = ["-c", "ulimit -Sc"]\nlisten = ["127.0.0.1:{core}"]\n')
    superd.prefix = ["prlimit", "--core=1024:2048"]
    superd.start()
    assert superd.process is not None

    def score(pid: int) -> int:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    before = score(os.getpid())
    assert score(superd.process.pid) in (-900, before)
    assert talk(port) == b"%d\n" % max(0, before)
    assert score(superd.front()) == max(0, before)
    assert talk(core) == b"2\n"  # blocks of 512 bytes: what superd was started with
    for pid in (superd.process.pid, superd.front()):
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert next(line for line in limits.splitlines() if line.startswith("Max core")).split()[4] == "0"
