"""A group of processes (cgroup v2) for each program: it ends as a whole, and a host that has none for it says so."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.daemon_process import WAIT, Superd, free_port, living, talk
from tests.needs import needs_root
from tests.own_kernel import groups_with, under_own_kernel
from tests.xinetd_process import eventually

pytestmark = pytest.mark.timeout(500)
ESCAPE = (
    'trap : TERM HUP; for i in 1 2 3; do setsid bash -c \\"trap : TERM HUP; while :; do sleep 1000; done\\" & done;'
    " echo $$ >&0; cat; sleep 1000"
)
"""Three daemons with sessions of their own, which keep the client's socket and ignore SIGTERM, as their parent does."""


def service(superd: Superd, keys: str, limits: str = "") -> int:
    port = free_port()
    superd.service(
        "x",
        f'server = "/bin/bash"\nserver_args = ["-c", "{ESCAPE}"]\nuser = "nobody"\nlisten = ["127.0.0.1:{port}"]\n{keys}\n'
        f"[limits]\nkill_grace = 0.3\n{limits}\n",
    )
    return port


def of_superd(superd: Superd) -> list[Path]:
    """The groups of this superd's programs that have a process."""
    assert superd.process is not None
    found = Path("/sys/fs/cgroup").glob(f"**/superd.{superd.process.pid}/services/*/*/cgroup.procs")
    return [path.parent for path in found if path.read_text()]


@under_own_kernel(groups_with())
@pytest.mark.parametrize("end", ["session", "client", "kick"])
def test_the_whole_tree_ends_whatever_it_did_to_escape(superd: Superd, end: str) -> None:
    port = service(superd, 'require = ["cgroup"]', "session = 1" if end == "session" else "")
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        leader = int(sock.makefile().readline())
        start = superd.event(event="START", service="x")
        assert start["pid"] == leader
        eventually(lambda: len(of_superd(superd)) == 1, "the group")
        pids = [int(pid) for pid in of_superd(superd)[0].joinpath("cgroup.procs").read_text().split()]
        assert len(pids) >= 4
        if end == "client":
            os.kill(leader, 9)
        elif end == "kick":
            assert superd.command("kick", start["session"]).returncode == 0
        assert sock.recv(1) == b""  # no process holds the connection any more
    superd.event(event="EXIT", service="x")
    eventually(lambda: not any(living(pid) for pid in pids), "the end of the tree")
    eventually(lambda: not of_superd(superd), "an empty group")


@under_own_kernel(groups_with())
def test_the_groups_of_many_sessions_are_all_removed(superd: Superd) -> None:
    port = free_port()
    superd.service("x", f'server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:{port}"]\nrequire = ["cgroup"]\n')
    superd.start()
    assert superd.process is not None
    for number in range(40):
        assert talk(port, b"%d" % number) == b"%d" % number
    [home] = [path for path in Path("/sys/fs/cgroup").glob(f"**/superd.{superd.process.pid}")]
    eventually(lambda: len(list(home.glob("services/x/*-*"))) <= 16, "the removal of what was used")
    superd.stop()
    eventually(lambda: not home.exists(), "the removal of all")


@under_own_kernel(groups_with())
def test_an_upgrade_goes_on_with_the_groups_of_programs(superd: Superd) -> None:
    port = service(superd, 'require = ["cgroup"]')
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        sock.makefile().readline()
        [group] = of_superd(superd)
        assert superd.process is not None
        superd.process.send_signal(12)
        superd.message("upgrade: done")
        assert of_superd(superd) == [group]
        with socket.create_connection(("127.0.0.1", port), WAIT) as second:
            assert int(second.makefile().readline())
            eventually(lambda: len(of_superd(superd)) == 2, "a second group")
        os.kill(superd.event(event="START", service="x")["pid"], 9)
        eventually(lambda: not group.exists(), "the removal of the first group")


@under_own_kernel(groups_with())
def test_a_program_that_kills_its_launcher_leaves_nothing_either(superd: Superd) -> None:
    port = service(superd, 'require = ["cgroup"]')
    superd.start()
    with socket.create_connection(("127.0.0.1", port), WAIT) as sock:
        leader = int(sock.makefile().readline())
        [group] = of_superd(superd)
        for pid in superd.launchers():
            os.kill(pid, 9)
        superd.message(" ended (signal 9); its programs: x 1")
        assert living(leader)  # the session lives on
        os.kill(leader, 9)
        eventually(lambda: not group.exists(), "the end of all that it left")


_UNMOUNT = 'for where in $(grep cgroup2 /proc/mounts | cut -d" " -f2); do umount -l "$where"; done; exec "$0" "$@"'
WITHOUT = ["unshare", "--mount", "sh", "-c", _UNMOUNT]
"""A start in a mount namespace without cgroup v2."""


def test_a_service_that_requires_a_group_is_not_served_without(superd: Superd) -> None:
    needs_root()
    port = service(superd, 'require = ["cgroup"]')
    other = free_port()
    superd.service("y", f'server = "/bin/cat"\nlisten = ["127.0.0.1:{other}"]\n')
    superd.prefix = WITHOUT
    superd.start("--keep-going")
    assert "its programs can have no group: " in superd.message("error: `require")["message"]
    assert talk(other, b"x") == b"x"
    with pytest.raises(ConnectionRefusedError):
        talk(port)


def test_a_service_with_limits_is_served_without_groups_and_one_line_says_so(superd: Superd) -> None:
    needs_root()
    port = free_port()
    text = f'server = "/bin/sh"\nlisten = ["127.0.0.1:{port}"]\n[limits]\nmemory = "512M"\npids = 5\n'
    superd.service("x", text)
    superd.prefix = WITHOUT
    superd.start()
    assert "x.toml:" in (line := superd.message("no limits by groups of processes for `x`: ")["message"])
    assert "rlimits hold" in line
    assert talk(port, b"ulimit -v\n") == b"524288\n"
