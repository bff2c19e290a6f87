"""A program that attacks: its client sends it shell commands, and neither its neighbour nor anything after its end notices.

The recipe examples/ctf-challenge is the service; here its program is a shell, the most that a taken-over program can be.
"""

from __future__ import annotations

import os
import re
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port
from tests.needs import needs, needs_root
from tests.xinetd_process import eventually

RECIPE = Path(__file__).parents[2] / "examples" / "ctf-challenge" / "challenge.toml"


class Arena:
    """The attacked superd: a port that runs what it is sent, and a neighbour of the same user with a session that is open."""

    def __init__(self, superd: Superd, seconds: float) -> None:
        self.mark = f"ATTACK={uuid.uuid4().hex}"
        self.port, self.neighbour_port = free_port(), free_port()
        text = re.sub(r"(?m)^(server|port|user) *=.*\n", "", RECIPE.read_text())
        text = re.sub(r"(?m)^session *=.*", f"session = {seconds}", text)
        superd.service(
            "challenge",
            f'server = "{needs("bash", "/bin/bash")}"\nuser = "nobody"\nlisten = ["127.0.0.1:{self.port}"]\n'
            f'env = {{ ATTACK = "{self.mark[7:]}" }}\nstderr = "socket"\n{text}',
        )
        superd.service("neighbour", f'server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:{self.neighbour_port}"]\n')
        superd.start()
        self.superd = superd
        self.neighbour = socket.create_connection(("127.0.0.1", self.neighbour_port), WAIT)
        self.neighbour_is_well()
        self.neighbour_pid = superd.event(event="START", service="neighbour")["pid"]

    def attack(self, script: str) -> str:
        """What the script wrote until its connection ended; nothing of it is left then, and the neighbour is well."""
        with socket.create_connection(("127.0.0.1", self.port), WAIT) as sock:
            sock.sendall(script.encode() + b"\n")
            sock.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: sock.recv(65536), b""))
        eventually(lambda: not self.processes(), "the end of all that it started")
        self.neighbour_is_well()
        return answer.decode()

    def neighbour_is_well(self) -> None:
        self.neighbour.sendall(b"?")
        assert self.neighbour.recv(1) == b"?"

    def processes(self) -> list[str]:
        """The processes that have the attacker's environment."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    if self.mark.encode() in Path(f"/proc/{entry}/environ").read_bytes():
                        found.append(entry)
                except OSError:
                    continue  # it ended
        return found


@pytest.fixture
def arena(superd: Superd) -> Iterator[Arena]:
    needs_root()
    made = Arena(superd, 60)
    yield made
    made.neighbour.close()


def test_what_a_program_starts_ends_with_it_and_keeps_no_socket(arena: Arena) -> None:
    assert arena.attack("setsid bash -c 'trap : TERM HUP; sleep 3600' & echo daemon") == "daemon\n"
    assert (
        arena.attack("(sleep 3600 &) ; exec sleep 0") == ""
    )  # the grandchild has fds 0 to 2: the client sees an end all the same


def test_disk_and_memory_have_an_end(arena: Arena) -> None:
    written = arena.attack("for f in /tmp /var/tmp /dev/shm; do head -c 64M /dev/zero >$f/x; stat -c %s $f/x; done")
    assert written.count("No space left on device") == 3
    assert max(int(line) for line in written.splitlines() if line.isdigit()) <= 16 << 20
    assert arena.attack("for f in /etc/x /var/x /usr/x /run/x; do : >$f; done").count("Read-only file system") == 4
    if "annot allocate" not in arena.attack("x=$(head -c 400M /dev/zero | tr '\\0' x)"):
        # Its memory is its group's, and the kernel has ended all of it.
        assert arena.superd.event(event="EXIT", service="challenge", ended_by="memory_limit")
    assert arena.attack("ls /tmp | wc -l") == "0\n"


def test_other_processes_cannot_be_seen_signalled_or_read(arena: Arena) -> None:
    assert arena.superd.process is not None
    for pid in (arena.neighbour_pid, arena.superd.process.pid):
        assert "No such process" in arena.attack(f"kill -9 {pid}; ls -d /proc/{pid}")
    arena.attack("kill -9 -1; kill -9 $PPID; kill -9 0")
    assert arena.attack("cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep -c ^ATTACK=") in ("2\n", "3\n", "4\n")
    assert arena.attack("echo /proc/self/fd/*").split() == [f"/proc/self/fd/{fd}" for fd in (0, 1, 2, 3)]


def test_nothing_is_reached_but_the_connection(arena: Arena) -> None:
    answer = arena.attack(f"exec 3<>/dev/tcp/127.0.0.1/{arena.neighbour_port} && echo connected")
    assert "connected" not in answer
    assert "refused" in answer
    assert "Operation not permitted" in arena.attack("unshare -r true; mount -t tmpfs x /tmp")


def test_a_fork_bomb_ends_with_its_session(superd: Superd) -> None:
    needs_root()
    arena = Arena(superd, 2)
    arena.attack("b() { b | b & }; b; sleep 60")
    ended = superd.event(event="EXIT", service="challenge")
    assert ended["ended_by"] == "session_limit"
    arena.neighbour.close()
