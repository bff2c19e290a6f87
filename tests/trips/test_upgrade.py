"""An upgrade in place: the same process, the same listeners, the same sessions; what fails changes nothing."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from superd.peer import peer_from_text
from superd.wire.proxy_header import build
from tests.daemon_process import WAIT, Superd, free_port, talk

TIMES = int(os.environ.get("SUPERD_TEST_UPGRADES", "5"))


def upgrade(superd: Superd) -> str:
    """SIGUSR2, and its result."""
    assert superd.process is not None
    superd.process.send_signal(signal.SIGUSR2)
    while True:
        text = str(superd.message("upgrade")["message"])
        if not text.startswith("upgrade: trying"):
            return text


@pytest.mark.timeout(60 + 30 * TIMES)
def test_sessions_listeners_and_counts_last_over_many_upgrades(superd: Superd) -> None:
    port, echo = free_port(), free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\ninstances = 2\n')
    superd.service("hello", f'server = "/bin/echo"\nserver_args = ["hello"]\nlisten = ["127.0.0.1:{echo}"]\n')
    superd.start()
    assert superd.process is not None
    failed: list[object] = []
    served: list[int] = []
    end = threading.Event()

    def load() -> None:
        while not end.wait(0.01):  # not as many as possible: the upgrades are to get on
            try:
                if talk(echo) != b"hello\n":
                    failed.append("no answer")
                served.append(1)
            except OSError as problem:
                failed.append(problem)

    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        sock.sendall(b"one\n")
        assert sock.recv(16) == b"one\n"
        begun = superd.event(event="start", service="cat")
        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for number in range(TIMES):
                assert upgrade(superd).startswith("upgrade: done"), number
                sock.sendall(b"more\n")
                assert sock.recv(16) == b"more\n"
        finally:
            end.set()
            for thread in threads:
                thread.join()
        assert failed == []
        assert len(served) > TIMES
        with socket.create_connection(("127.0.0.1", port), WAIT), socket.create_connection(("127.0.0.1", port), WAIT) as third:
            assert third.recv(1) == b""
        assert superd.event(event="fail", service="cat")["reason"] == "instances"
    for _ in range(2):
        ended = superd.event(event="exit", service="cat")
        if ended["session"] == begun["session"]:
            assert (ended["pid"], ended["status"], ended["peer"]) == (begun["pid"], 0, begun["peer"])
            break
    else:
        raise AssertionError("the end of the session was not logged with its own id")
    assert Path(f"/proc/{superd.process.pid}/stat").exists()


def test_a_wrong_configuration_refuses_the_upgrade_and_nothing_changes(superd: Superd) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.start()
    front = superd.front()
    superd.service("wrong", 'server = "/bin/cat"\nlisten = ["127.0.0.1:99999"]\n')
    outcome = upgrade(superd)
    assert outcome.startswith("upgrade refused, superd goes on as it is: ")
    assert "99999" in outcome
    assert superd.front() == front
    assert talk(port, b"still\n") == b"still\n"


def test_a_new_program_that_cannot_begin_refuses_the_upgrade_and_nothing_changes(superd: Superd, tmp_path: Path) -> None:
    port = free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    # Found before the installed one, and empty while superd starts: the new version of the package.
    package = tmp_path / "new"
    package.mkdir()
    superd.prefix = ["env", f"PYTHONPATH={package}"]
    superd.start()
    front = superd.front()
    (package / "sitecustomize.py").write_text("raise SystemExit('this program is broken')\n")
    assert upgrade(superd) == "upgrade refused, superd goes on as it is: SystemExit: this program is broken"
    assert superd.front() == front
    (package / "sitecustomize.py").unlink()
    assert upgrade(superd).startswith("upgrade: done")
    assert talk(port, b"still\n") == b"still\n"


def test_the_new_configuration_is_in_force_after_an_upgrade(superd: Superd) -> None:
    before, after = free_port(), free_port()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{before}"]\n')
    superd.start()
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{after}"]\n')
    assert upgrade(superd).startswith("upgrade: done")
    assert talk(after, b"new\n") == b"new\n"
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", before)) != 0


def test_a_path_is_kept_and_removed_at_the_end(superd: Superd) -> None:
    path = superd.folder / "cat.sock"
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["unix:{path}"]\n')
    superd.start()
    inode = path.stat().st_ino
    assert upgrade(superd).startswith("upgrade: done")
    assert path.stat().st_ino == inode
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(WAIT)
        sock.connect(str(path))
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
    superd.stop()
    assert not path.exists()


def test_a_ban_and_a_pause_last_over_an_upgrade(superd: Superd) -> None:
    trap, port, slow = free_port(), free_port(), free_port()
    superd.service("trap", f'flags = ["SENSOR"]\nsocket_type = "stream"\ndeny_time = "FOREVER"\nlisten = ["127.0.0.1:{trap}"]\n')
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{port}"]\n')
    superd.service("slow", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{slow}"]\ncps = [1, 600]\n')
    superd.start()
    assert talk(slow, b"x", source="127.0.0.3") == b"x"
    assert talk(slow, source="127.0.0.3") == b""
    assert superd.event(event="fail", service="slow")["reason"] == "cps"
    talk(trap, source="127.0.0.2")
    superd.message("to the global_no_access list")
    assert upgrade(superd).startswith("upgrade: done")
    with socket.create_connection(("127.0.0.1", port), WAIT, source_address=("127.0.0.2", 0)) as sock:
        assert sock.recv(1) == b""
    assert superd.event(event="fail", service="cat")["reason"] == "penalty"
    with socket.create_connection(("127.0.0.1", slow), WAIT, source_address=("127.0.0.3", 0)) as sock:
        assert sock.recv(1) == b""
    assert superd.event(event="fail", service="slow")["reason"] == "cps"


def test_no_other_process_has_the_lock_or_the_folder_of_the_start(superd: Superd) -> None:
    """The front could have written an outcome into the lock file, and every descriptor is one connection less."""
    superd.service("cat", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{free_port()}"]\n')
    superd.start()
    links = [path.readlink() for path in Path(f"/proc/{superd.front()}/fd").iterdir() if path.is_symlink()]
    assert links
    assert [link for link in links if link.suffix == ".lock" or link.is_dir()] == []


def test_who_waits_in_a_queue_goes_on_waiting(superd: Superd) -> None:
    port, mux = free_port(), free_port()
    keys = 'server = "/bin/cat"\ninstances = 1\nat_limit = "wait"\nqueue = 1\n'
    proxied = f'{keys}proxy_protocol = "any"\nproxy_from = ["127.0.0.1"]\n'
    superd.service("cat", f'{keys}listen = ["127.0.0.1:{port}"]\n')
    superd.service("named", f'{keys}type = ["TCPMUX"]\n')
    superd.service("tcpmux", f'type = ["INTERNAL"]\nlisten = ["127.0.0.1:{mux}"]\n')
    path = superd.folder / "door.sock"
    superd.service("door", f'{keys}listen = ["unix:{path}"]\n')
    announced = free_port()
    superd.service("announced", f'{proxied}listen = ["127.0.0.1:{announced}"]\n')
    header = build(2, peer_from_text("192.0.2.7", 4711), peer_from_text("198.51.100.1", 22))

    def to(name: str, said: bytes) -> socket.socket:
        if name == "door":
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(WAIT)
            sock.connect(str(path))
        else:
            sock = socket.create_connection(("127.0.0.1", {"cat": port, "named": mux, "announced": announced}[name]), WAIT)
        if (
            data := {"named": b"named\r\n", "announced": header}.get(name, b"") + said
        ):  # sending nothing fails once it was refused
            sock.sendall(data)
        return sock

    gone = free_port()
    superd.service("gone", f'{keys}listen = ["127.0.0.1:{gone}"]\n')
    superd.start()
    names = ("cat", "named", "door", "announced")
    first = {name: to(name, b"1") for name in names}
    for sock in first.values():
        assert sock.recv(1) == b"1"
    second = {name: to(name, b"2") for name in names}
    for name in names:
        with to(name, b"") as refused:  # the queue has one place: so the second is in it
            while refused.recv(64):
                pass
        assert superd.event(event="FAIL", service=name)["reason"] == "queue"
    with socket.create_connection(("127.0.0.1", gone), WAIT) as has, socket.create_connection(("127.0.0.1", gone), WAIT) as waits:
        has.sendall(b"1")
        assert has.recv(1) == b"1"
        (superd.services / "gone.toml").unlink()
        for _ in range(2):
            assert upgrade(superd).startswith("upgrade: done")
        assert waits.recv(1) == b""
        superd.message("waited for `gone`, which was removed: refused")
    for name in names:
        first[name].close()
        assert second[name].recv(1) == b"2", name
        second[name].close()
    assert superd.event(event="START", service="announced")["peer"] == "192.0.2.7"
