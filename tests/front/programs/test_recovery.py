"""What becomes of sessions when launchers and fronts die."""

from __future__ import annotations

import os
import signal

import pytest

from superd.front.handing_over import HowToStart
from superd.front.programs.dispatch import Dispatch
from superd.front.programs.recovery import OrphanedProgram, Recovery
from superd.front.sessions.live import LiveSession, Stage
from superd.ipc import launch_codec as messages
from superd.ipc.front_orders import Orphan, Orphaned
from superd.peer import Peer
from superd.record import Ending
from superd.verdict import Reason
from tests.front.programs.parts import Parts, descriptor


def made(*services: str, **keys: object) -> tuple[Parts, Recovery, list[LiveSession]]:
    parts = Parts(*(services or ("cat",)), **keys)  # type: ignore[arg-type]
    adopted: list[LiveSession] = []
    return parts, Recovery(parts.links, parts.book, parts.in_force, parts.ask, adopted.append, lambda: parts.now), adopted


def handed_over(parts: Parts, number: int = 0) -> LiveSession:
    session = parts.session("cat")
    dispatch = Dispatch(parts.links, parts.book, parts.in_force, parts.stdio, lambda service: None)
    dispatch.hand_over(session, Peer("", 4, 0), descriptor(), HowToStart(launcher=number))
    parts.links.flush()
    return session


def question(parts: Parts, number: int = 0) -> int:
    [found] = [request.number for request in parts.launchers[number].requests() if isinstance(request, messages.List)]
    return found


async def test_what_a_dead_launcher_took_is_given_up_when_its_successor_does_not_name_it() -> None:
    parts, recovery, _ = made()
    taken, waits, elsewhere = handed_over(parts), handed_over(parts), handed_over(parts, 1)
    link = parts.links.get(0)
    assert link is not None
    recovery.begun(0)
    asked = question(parts)
    recovery.living(0, messages.Living(waits.record.conn, "cat", 0, "192.0.2.1", 99.0))
    recovery.listed(0, asked)
    assert [conn for conn, _ in parts.log.denied] == [taken.record.conn]
    assert parts.log.denied[0][1].reason is Reason.LAUNCH
    assert (waits.stage, elsewhere.stage) == (Stage.HANDED_OVER, Stage.HANDED_OVER)
    assert link.in_flight == 1
    recovery.listed(0, asked)  # a second time: nothing is left to give up
    assert len(parts.log.denied) == 1


async def test_what_an_earlier_front_asked_is_not_taken_for_an_answer() -> None:
    numbers = set()
    for _ in range(3):
        parts, recovery, _adopted = made()
        handed_over(parts)
        recovery.begun(0)
        numbers.add(question(parts))
        recovery.listed(0, 1)
        assert parts.log.denied == []
    assert len(numbers) == 3


async def test_nothing_is_given_up_while_an_order_that_may_name_its_program_waits() -> None:
    parts, recovery, _ = made()
    lost, lives = handed_over(parts), handed_over(parts)
    waits = [True]
    recovery.held_up = lambda: waits[0]
    recovery.begun(0)
    recovery.listed(0, question(parts))
    recovery.on_orders()  # another order came before that one
    assert parts.log.denied == []
    recovery.orphaned(Orphaned(0, (Orphan(77, lives.record.conn, "cat", "192.0.2.1", 99.0),)))
    waits[0] = False
    recovery.on_orders()
    assert [conn for conn, _ in parts.log.denied] == [lost.record.conn]
    assert (lives.stage, lives.record.pid) == (Stage.RUNNING, 77)
    recovery.on_orders()
    assert len(parts.log.denied) == 1


async def test_what_waits_in_this_front_is_not_doubted_when_a_launcher_dies() -> None:
    """It was given up, and then started all the same: the question goes before launches that are not sent yet."""
    parts, recovery, _ = made()
    sent = handed_over(parts)
    link = parts.links.get(0)
    assert link is not None
    link._sendable.now = False  # the pair is full
    waits = handed_over(parts)
    link._sendable.now = True
    recovery.begun(0)
    recovery.listed(0, question(parts))
    assert [conn for conn, _ in parts.log.denied] == [sent.record.conn]
    assert waits.stage is Stage.HANDED_OVER


async def test_the_answer_to_a_question_before_a_second_death_gives_up_nothing() -> None:
    """The launcher after the second death answers it, and knows nothing of what its forerunner had started."""
    parts, recovery, _ = made()
    session = handed_over(parts)
    recovery.begun(0)
    first = question(parts)
    recovery.begun(0)
    recovery.listed(0, first)
    assert parts.log.denied == []
    recovery.orphaned(Orphaned(0, (Orphan(77, session.record.conn, "cat", "192.0.2.1", 99.0),)))
    recovery.listed(0, question(parts))
    assert parts.log.denied == []
    assert session.stage is Stage.RUNNING


@pytest.mark.parametrize("how", ["death", "pair"])
async def test_a_program_whose_end_was_not_reported_is_over(how: str) -> None:
    """It counted for ever: the report died with its launcher, or was on its way when the pair was given up."""
    parts, recovery, _ = made()
    ended, lives, orphan = handed_over(parts), handed_over(parts), handed_over(parts)
    for pid, session in enumerate((ended, lives, orphan), 70):
        parts.book.started(session, pid)
    parts.launchers[0].requests()
    if how == "death":
        recovery.begun(0)
    else:
        recovery.take({0: parts.pair(0)}, frozenset({0}))
        parts.links.flush()
    asked = question(parts)
    recovery.orphaned(Orphaned(0, (Orphan(72, orphan.record.conn, "cat", "192.0.2.1", 99.0),)))
    recovery.living(0, messages.Living(lives.record.conn, "cat", 71, "192.0.2.1", 99.0))
    recovery.listed(0, asked)
    assert [conn for conn, _ in parts.log.ended] == [ended.record.conn]
    assert (lives.stage, orphan.stage) == (Stage.RUNNING, Stage.RUNNING)


async def test_a_launcher_that_begins_with_nothing_handed_over_is_not_asked() -> None:
    parts, recovery, _ = made()
    recovery.begun(0)
    assert parts.launchers[0].requests() == []


async def test_a_program_whose_start_was_not_reported_runs_when_it_is_listed() -> None:
    parts, recovery, _ = made()
    session = handed_over(parts)
    recovery.living(0, messages.Living(session.record.conn, "cat", 77, "192.0.2.1", 99.0))
    assert (session.stage, session.record.pid) == (Stage.RUNNING, 77)


async def test_a_new_front_adopts_what_lives_with_its_start_and_counts_it() -> None:
    parts, recovery, _ = made("cat", limits={"session": 30})
    recovery.living(0, messages.Living(12, "cat", 77, "192.0.2.1", 80.0))
    session = parts.book.get(12)
    assert session is not None
    assert (session.stage, session.record.pid, session.record.started) == (Stage.RUNNING, 77, 80.0)
    assert parts.counts.by_service["cat"] == 1
    assert parts.deadlines.due() == 110.0
    assert parts.session("cat").record.conn not in (11, 12)
    # A start in the future would put its limits off.
    recovery.living(0, messages.Living(20, "cat", 78, "192.0.2.1", 1e9))
    later = parts.book.get(20)
    assert later is not None
    assert later.record.started == parts.now


async def test_a_launcher_can_have_only_its_own_services_programs_adopted() -> None:
    parts, recovery, _ = made("cat", "other")
    recovery.living(0, messages.Living(12, "other", 77, "192.0.2.1", 80.0))
    recovery.living(0, messages.Living(13, "unknown", 78, "192.0.2.1", 80.0))
    assert len(parts.book) == 0


async def test_a_wait_program_of_an_earlier_front_keeps_its_listener(autojump_clock: object) -> None:
    _, recovery, adopted = made("cat", wait=True)
    recovery.living(0, messages.Living(12, "cat", 77, "", 80.0))
    assert [session.record.conn for session in adopted] == [12]


async def test_launchers_that_run_are_asked_and_the_front_waits_for_all_of_them(autojump_clock: object) -> None:
    import trio

    parts, recovery, _ = made(lanes=1)
    await recovery.adopted()  # none was asked
    parts.in_force.launchers_of = {"cat": (0, 1, 2)}
    pairs = [parts.pair(number) for number in (1, 2)]
    recovery.take(dict(zip((1, 2), pairs, strict=True)), frozenset({1}))
    assert parts.launchers[2].requests() == []
    asked = question(parts, 1)
    with trio.move_on_after(5) as scope:
        await recovery.adopted()
    assert scope.cancelled_caught
    recovery.listed(1, asked)
    await recovery.adopted()


async def test_another_pair_loses_what_waited_in_the_old_one_unless_the_launcher_runs() -> None:
    parts, recovery, _ = made()
    waiting, running = handed_over(parts), handed_over(parts)
    parts.book.started(running, 77)
    recovery.take({0: parts.pair(0)})
    assert [conn for conn, _ in parts.log.denied] == [waiting.record.conn]
    assert running.running is parts.links.get(0)

    kept, lost = handed_over(parts, 1), handed_over(parts, 1)
    recovery.take({1: parts.pair(1)}, frozenset({1}))
    recovery.living(1, messages.Living(kept.record.conn, "cat", 78, "192.0.2.1", 99.0))
    recovery.listed(1, question(parts, 1))
    assert (kept.stage, lost.stage) == (Stage.RUNNING, Stage.OVER)
    link = parts.links.get(1)
    assert link is not None
    assert link.in_flight == 0


async def test_an_orphan_is_signalled_through_the_master_and_ends_by_its_word() -> None:
    parts, recovery, _ = made()
    known, begun = handed_over(parts), handed_over(parts)
    parts.book.started(known, 77)
    # The second one's start was not reported before the launcher died, and the third was an earlier front's.
    orphans = [
        Orphan(77, known.record.conn, "cat", "192.0.2.1", 80.0),
        Orphan(78, begun.record.conn, "cat", "192.0.2.1", 81.0),
        Orphan(79, 40, "cat", "192.0.2.7", 82.0),
    ]
    recovery.orphaned(Orphaned(0, tuple(orphans)))
    sessions = list(parts.book)
    assert [session.record.pid for session in sessions] == [77, 78, 79]
    assert all(session.stage is Stage.RUNNING and isinstance(session.running, OrphanedProgram) for session in sessions)
    assert sessions[2].record.started == 82.0
    parts.deadlines.end(sessions[0], Ending.STOP)
    sessions[0].running.signal(1, signal.SIGKILL)  # type: ignore[union-attr]
    assert parts.asked == [("terminate", 77), ("kill", 77)]
    recovery.orphan_ended(78, 9)
    recovery.orphan_ended(4711, 0)  # none of ours
    assert parts.log.ended == [(begun.record.conn, 9)]
    # A new pair to the launcher's successor changes nothing for them.
    recovery.take({0: parts.pair(0)})
    assert isinstance(sessions[0].running, OrphanedProgram)
    assert parts.counts.by_service["cat"] == 2


async def test_an_orphan_of_another_launcher_s_session_is_not_believed() -> None:
    parts, recovery, _ = made()
    session = handed_over(parts, 1)
    recovery.orphaned(Orphaned(0, (Orphan(77, session.record.conn, "cat", "192.0.2.1", 80.0),)))
    assert session.stage is Stage.HANDED_OVER
    assert os.getpid() not in [session.record.pid for session in parts.book]
