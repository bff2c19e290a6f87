"""A slot keeps a request's way open: what was configured a moment ago may still be asked for; a pair can be replaced."""

from __future__ import annotations

import json
import os
import socket

import pytest

from superd.ipc.launcher_control import RETIRED_SECONDS
from superd.launch_spec import LaunchSpec, Profile
from superd.master.launcher_child import LauncherProcess
from superd.master.launcher_slot import LauncherSlot


def spec(name: str) -> LaunchSpec:
    return LaunchSpec(name, "/bin/cat", ("cat",))


def test_what_was_configured_just_now_may_be_asked_for_a_while_longer() -> None:
    slot = LauncherSlot(3, Profile())
    slot.assign({"a": spec("a")}, 100.0)
    slot.assign({"b": spec("b")}, 200.0)
    assert set(slot.specs) == {"b"}
    assert set(slot.all_specs(200.0 + RETIRED_SECONDS - 1)) == {"a", "b"}
    assert set(slot.all_specs(200.0 + RETIRED_SECONDS + 1)) == {"b"}
    slot.close()


def test_what_waits_in_a_pair_is_lost_with_it() -> None:
    slot = LauncherSlot(3, Profile())
    front = slot.front_end.dup()
    front.send(b"request")
    slot.renew_pair()
    with pytest.raises(ConnectionResetError):
        front.recv(1)
    front.close()
    slot.close()


def test_the_next_moment_of_a_slot() -> None:
    slot = LauncherSlot(3, Profile())
    assert slot.due() is None
    slot.start_at, slot.stopped_by = 7.0, 5.0
    assert slot.due() == 5.0
    slot.close()


def test_a_slot_is_the_same_in_the_next_program_of_this_process() -> None:
    slot = LauncherSlot(3, Profile(uid=7, gid=8, nice=5))
    slot.user = "web"
    slot.assign({"b": spec("b"), "a": spec("a")}, 100.0)
    control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    slot.process = LauncherProcess(4711, control)
    row = json.loads(json.dumps(slot.row()))
    # The descriptors stay open over exec(2); here each object needs its own.
    for name in ("front", "launcher"):
        row[name] = os.dup(row[name])
    row["process"] = [row["process"][0], *(os.dup(fd) for fd in row["process"][1:])]
    found = LauncherSlot.of_row(row)
    assert (found.number, found.profile, found.user, found.names) == (3, slot.profile, "web", {"a", "b"})
    assert found.process is not None
    assert found.process.pid == 4711
    found.front_end.send(b"request")
    assert slot.launcher_end.recv(16) == b"request"
    slot.close()
    found.close()
    other.close()


def test_a_slot_that_slept_sleeps_in_the_next_program() -> None:
    slot = LauncherSlot(3, Profile())
    row = slot.row() | {"front": slot.front_end.detach(), "launcher": slot.launcher_end.detach()}
    found = LauncherSlot.of_row(row)
    assert found.process is None
    found.close()
