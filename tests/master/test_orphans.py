"""What a dead launcher left: believed as far as the kernel confirms it, signalled through the master, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from superd.ipc.front_orders import Orphan, Orphaned
from superd.ipc.running_table import Entry
from superd.master.orphans import Orphans, whose_programs
from tests.daemon_process import ROOT

UID = os.getuid()


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def entry(pid: int, **changed: object) -> Entry:
    fields = {"conn": 7, "started": 5.0, "index": 3, "source": "192.0.2.1", "port": 9} | changed
    return Entry(pid, **fields)  # type: ignore[arg-type]


def left(orphans: Orphans, *entries: Entry, uid: int = UID, own: tuple[int, ...] = ()) -> Orphaned | None:
    return orphans.left(2, range(max(uid, 0), uid + 1), entries, {3: "cat"}, own, 10.0)


def test_a_child_of_the_master_is_an_orphan_until_it_is_reaped(child: subprocess.Popen[bytes]) -> None:
    orphans = Orphans()
    wanted = Orphaned(2, (Orphan(child.pid, 7, "cat", "192.0.2.1", 5.0),))
    assert left(orphans, entry(child.pid)) == wanted
    assert orphans.all() == (wanted,)
    assert left(orphans, entry(child.pid)) is None  # no second launcher can claim it
    orphans.reaped(child.pid, 9)
    # The next front learns that it was there, and that it has ended.
    assert (orphans.all(), orphans.untold()) == ((wanted,), [(child.pid, 9)])
    orphans.signal(child.pid, signal.SIGKILL)  # its number is another's from now on
    assert child.poll() is None
    orphans.told(child.pid)
    assert (orphans.all(), orphans.untold()) == ((), [])
    orphans.reaped(1, 0)  # never one of these
    assert orphans.untold() == []


@pytest.mark.parametrize("changed", [{"index": 4}, {"conn": 0}, {"conn": 1 << 57}])
def test_what_the_launcher_cannot_have_had_is_not_believed(child: subprocess.Popen[bytes], changed: dict[str, object]) -> None:
    assert left(Orphans(), entry(child.pid, **changed)) is None


@pytest.mark.parametrize("started", [1e9, -1.0, float("nan"), float("inf")])
def test_a_start_at_no_possible_time_is_now(child: subprocess.Popen[bytes], started: float) -> None:
    found = left(Orphans(), entry(child.pid, started=started))
    assert found is not None
    assert found.orphans[0].started == 10.0


def test_no_other_process_is_an_orphan(child: subprocess.Popen[bytes]) -> None:
    orphans = Orphans()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid in (0, 1, os.getpid(), os.getppid(), gone.pid, 1 << 22, (1 << 32) - 1):
        assert left(orphans, entry(pid)) is None
    assert left(orphans, entry(child.pid), own=(child.pid,)) is None
    assert left(orphans, entry(child.pid), uid=UID + 1) is None
    for pid in (0, 1, os.getpid(), child.pid):
        orphans.signal(pid, signal.SIGKILL)
    assert child.poll() is None


def test_a_signal_reaches_an_orphan_with_its_group() -> None:
    orphans = Orphans()
    leader = subprocess.Popen(["/bin/sh", "-c", "sleep 1000 & echo x; wait"], start_new_session=True, stdout=subprocess.PIPE)
    assert leader.stdout is not None
    assert leader.stdout.read(1) == b"x"
    assert left(orphans, entry(leader.pid), uid=-1) is not None
    orphans.signal(leader.pid, signal.SIGTERM)
    assert leader.stdout.read() == b"\n"  # the end of file: the whole group has gone
    assert leader.wait() == -signal.SIGTERM
    orphans.signal(leader.pid, signal.SIGKILL)  # it has ended: its number is another's from now on
    leader.stdout.close()


def test_one_that_ended_with_its_launcher_and_was_not_reaped_is_one_of_them() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
    assert left(Orphans(), entry(gone.pid), uid=-1) is not None
    gone.wait()


@pytest.mark.skipif(not ROOT, reason="another user's process needs root")
def test_a_program_may_have_any_user_of_its_service_s_range(child: subprocess.Popen[bytes]) -> None:
    assert Orphans().left(2, range(UID - 5, UID + 1), [entry(child.pid)], {3: "cat"}, (), 10.0) is not None
    assert Orphans().left(2, range(UID + 1, UID + 9), [entry(child.pid)], {3: "cat"}, (), 10.0) is None


def test_a_launcher_cannot_claim_another_user_s_process() -> None:
    process = subprocess.Popen(["/bin/sleep", "1000"], user=12345)
    try:
        assert left(Orphans(), entry(process.pid), uid=12346) is None
        assert left(Orphans(), entry(process.pid), uid=12345) is not None
    finally:
        process.kill()
        process.wait()


def test_the_line_of_a_death_names_the_services_with_most_programs() -> None:
    assert whose_programs(Counter()) == ""
    found = whose_programs(Counter({"ssh": 3, "web": 12, "a": 1, "b": 1, "c": 1, "d": 1}))
    assert found.startswith("; its programs: web 12, ssh 3, ")
    assert found.count(",") == 4
