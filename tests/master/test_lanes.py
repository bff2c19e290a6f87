"""Lanes: one more for each launcher of a profile that stands still, up to a bound."""

from __future__ import annotations

from superd.ipc.running_table import Entry
from superd.launch_spec import LaunchSpec, Profile
from superd.master.assignment import Assignment
from superd.master.lanes import LANES, MAX_LANES, STUCK, Lanes, stands_still, starting
from superd.master.launcher_slot import LauncherSlot

CAT = LaunchSpec("cat", "/bin/cat", ("cat",))
ROOT, WEB = Profile(), Profile(nice=5)


def assignment(*profiles: Profile) -> Assignment:
    keys = {profile: tuple((profile, lane) for lane in range(LANES)) for profile in profiles}
    return Assignment(
        specs={key: {"cat": CAT} for row in keys.values() for key in row},
        launchers_of={f"cat{profile.nice}": row for profile, row in keys.items()},
        users={(profile, 0): f"user{profile.nice}" for profile in profiles},
    )


class Process:
    """A launcher as far as its table and the kernel say."""

    def __init__(self, *entries: Entry, stopped: bool = False) -> None:
        self.entries = entries
        self.stopped = stopped

    def programs(self) -> list[Entry]:
        return list(self.entries)

    def stands_still(self) -> bool:
        return self.stopped

    def close(self) -> None: ...


def slot_with(process: Process | None) -> LauncherSlot:
    slot = LauncherSlot(0, ROOT)
    slot.process = process  # type: ignore[assignment]
    return slot


def test_an_assignment_is_as_it_was_while_nothing_stands_still() -> None:
    before = assignment(ROOT)
    assert Lanes().added_to(before) is before


def test_an_added_lane_starts_what_the_first_does_and_no_other_profile_gets_it() -> None:
    lanes = Lanes()
    assert lanes.add(ROOT, LANES)
    found = lanes.added_to(assignment(ROOT, WEB))
    assert found.specs[ROOT, LANES] == {"cat": CAT}
    assert found.users[ROOT, LANES] == "user0"
    assert found.launchers_of["cat0"] == tuple((ROOT, lane) for lane in range(LANES + 1))
    assert found.launchers_of["cat5"] == tuple((WEB, lane) for lane in range(LANES))
    assert lanes.added_to(found) == found  # a reload adds none


def test_a_profile_that_is_gone_after_a_reload_has_no_lane() -> None:
    lanes = Lanes()
    lanes.add(ROOT, LANES)
    assert lanes.added_to(assignment(WEB)) == assignment(WEB)


def test_a_profile_has_no_more_lanes_than_the_bound() -> None:
    lanes = Lanes()
    assert lanes.add(ROOT, MAX_LANES - 1)
    assert not lanes.add(ROOT, MAX_LANES)
    assert len(lanes.added_to(assignment(ROOT)).launchers_of["cat0"]) == LANES + 1


def test_lanes_that_an_earlier_program_added_are_kept() -> None:
    lanes = Lanes()
    for lane in range(LANES + 2):
        lanes.took_over(ROOT, lane)
    assert len(lanes.added_to(assignment(ROOT)).launchers_of["cat0"]) == LANES + 2


def test_a_start_that_does_not_return_names_its_service() -> None:
    services = {3: "cat"}
    early, late = Entry(0, 1, 100.0 - STUCK, 3, "", 0), Entry(0, 1, 100.0, 3, "", 0)
    running, other = Entry(7, 1, 0.0, 3, "", 0), Entry(0, 1, 0.0, 4, "", 0)
    for process, service in (
        (None, ""),
        (Process(early), "cat"),
        (Process(running, late, early), "cat"),
        (Process(late), ""),
        (Process(running), ""),
        (Process(other), ""),  # a number that the launcher does not have
    ):
        slot = slot_with(process)
        assert starting(slot, services, 100.0) == service
        assert stands_still(slot, services, 100.0) is bool(service)
        slot.close()


def test_a_stopped_launcher_stands_still_though_it_starts_nothing() -> None:
    slot = slot_with(Process(stopped=True))
    assert starting(slot, {}, 100.0) == ""
    assert stands_still(slot, {}, 100.0)
    slot.close()
