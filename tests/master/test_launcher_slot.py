"""A slot keeps a request's way open: what was configured a moment ago may still be asked for; a pair can be replaced."""

from __future__ import annotations

import pytest

from superd.ipc.launcher_control import RETIRED_SECONDS
from superd.launch_spec import LaunchSpec, Profile
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
