"""What programs left whose launcher died: looked for when they are over, and until their services' graces are."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from superd.ipc.running_table import Entry
from superd.launch_spec import LaunchSpec
from superd.master.bequests import AGAIN, LOOK_SECONDS, PATIENCE, Bequests
from superd.master.launcher_slot import LauncherSlot

SERVICES = {3: "ends", 4: "keeps"}
SPECS = cast(
    "dict[str, LaunchSpec]", {"ends": SimpleNamespace(leftovers_grace=2.0), "keeps": SimpleNamespace(leftovers_grace=-1.0)}
)


@pytest.fixture
def child() -> Iterator[int]:
    process = subprocess.Popen(["/bin/sleep", "1000"])
    yield process.pid
    process.kill()
    process.wait()


def slots(start_at: float | None = None, user: int | None = None) -> list[LauncherSlot]:
    users = range(0) if user is None else range(user, user + 1)
    return cast("list[LauncherSlot]", [SimpleNamespace(number=2, users=users, start_at=start_at)])


def died(bequests: Bequests, *entries: Entry, living: tuple[int, ...] = ()) -> None:
    bequests.launcher_died(2, entries, living, SERVICES, SPECS, 10.0)


def over(pid: int = 77, index: int = 3) -> Entry:
    return Entry(pid, 0, 1.0, index, "192.0.2.1", 9)


def test_a_program_that_had_ended_is_looked_for_soon_and_until_its_grace_is_over(child: int) -> None:
    bequests = Bequests()
    died(bequests, over())
    assert bequests.due == 10.0 + LOOK_SECONDS
    assert bequests.take(slots(), 10.1) == []
    [(slot, bequest)] = bequests.take(slots(), 10.2)
    assert slot.number == 2
    assert child in bequest.children
    [program] = bequest.programs
    assert (program.pid, program.service, program.source, program.port, program.over) == (77, "ends", "192.0.2.1", 9, True)
    assert bequests.due == 10.2 + AGAIN
    last = 10.0 + LOOK_SECONDS + 2.0 + PATIENCE
    assert bequests.take(slots(), last)
    assert bequests.due is None


def test_a_program_that_runs_on_is_looked_for_when_it_ends(child: int) -> None:
    bequests = Bequests()
    died(bequests, Entry(77, 5, 1.0, 3, "192.0.2.1", 9), living=(77,))
    bequests.child_ended(78, 19.0)
    assert bequests.due is None
    bequests.child_ended(77, 20.0)
    assert bequests.due == 20.0 + LOOK_SECONDS
    [(_, bequest)] = bequests.take(slots(), 21.0)
    assert (child in bequest.children, [program.over for program in bequest.programs]) == (True, [True])
    bequests.child_ended(79, 22.0)  # it may have left something in its turn
    assert bequests.due is not None
    assert bequests.take(slots(), bequests.due + LOOK_SECONDS)


@pytest.mark.parametrize(
    "entry", [over(index=4), over(index=5), Entry(77, 5, 1.0, 3, "", 0)], ids=["keeps", "unknown service", "is no child"],
)  # fmt: skip
def test_of_all_else_nothing_is_looked_for(entry: Entry) -> None:
    bequests = Bequests()
    died(bequests, entry)
    assert bequests.due is None
    assert bequests.table() == []


def test_a_program_that_was_just_being_started_is_looked_for_though_its_service_keeps(child: int) -> None:
    bequests = Bequests()
    died(bequests, Entry(0, 5, 1.0, 4, "192.0.2.1", 9))
    [(_, bequest)] = bequests.take(slots(), 11.0)
    [program] = bequest.programs
    assert (program.pid, program.started, program.over) == (0, 1.0, True)


def test_a_launcher_that_comes_later_gets_it_then(child: int) -> None:
    bequests = Bequests()
    died(bequests, over())
    assert bequests.take(slots(start_at=15.0), 11.0) == []
    assert bequests.due is not None
    assert bequests.due <= 15.0
    assert bequests.take(slots(), 15.0)


def test_children_of_other_users_are_not_named(child: int) -> None:
    bequests = Bequests()
    died(bequests, over())
    assert bequests.take(slots(user=os.getuid() + 1), 11.0) == []


def test_the_next_program_of_the_process_goes_on_with_it(child: int) -> None:
    before, after = Bequests(), Bequests()
    died(before, over(), Entry(78, 5, 1.0, 3, "192.0.2.2", 10), living=(78,))
    after.take_over(before.table(), 50.0)
    [(_, bequest)] = after.take(slots(), 50.0)
    assert sorted((program.pid, program.over) for program in bequest.programs) == [(77, True), (78, False)]
