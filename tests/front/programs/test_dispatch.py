"""Which launcher a session goes to, and what goes with it."""

from __future__ import annotations

import os

from superd.front.handing_over import HowToStart
from superd.front.programs.dispatch import Dispatch
from superd.front.programs.launcher_link import MAX_OF_SERVICE
from superd.front.programs.launcher_links import BUSY
from superd.front.sessions.live import Refused, Stage
from superd.ipc import launch_codec as messages
from superd.peer import Peer
from superd.verdict import Reason, Verdict
from tests.front.programs.parts import Parts, descriptor

HERE = Peer("192.0.2.9", 4, 0, 21)


def made(*services: str, **keys: object) -> tuple[Parts, Dispatch, list[str]]:
    parts = Parts(*services, **keys)  # type: ignore[arg-type]
    full: list[str] = []
    return parts, Dispatch(parts.links, parts.book, parts.in_force, parts.stdio, full.append), full


async def test_a_session_goes_to_its_launcher_with_its_addresses_and_descriptor() -> None:
    parts, dispatch, _ = made("cat")
    session = parts.session("cat")
    read, write = os.pipe()
    dispatch.hand_over(session, HERE, write, HowToStart(("0" * 16,)))
    assert (session.stage, session.launcher) == (Stage.HANDED_OVER, 0)
    parts.links.flush()
    [request] = parts.launchers[0].requests()
    assert isinstance(request, messages.Launch)
    assert (request.conn, request.service, request.remote_host, request.local_host) == (1, "cat", "192.0.2.1", "192.0.2.9")
    assert (request.proto, request.steps) == ("tcp", ("0" * 16,))
    assert os.read(read, 1) == b""  # the fake closed it: no copy stays here
    os.close(read)


async def test_the_first_launcher_is_used_until_it_is_busy_then_the_least_busy() -> None:
    parts, dispatch, _ = made("cat")
    for _ in range(2 * BUSY + 2):
        dispatch.hand_over(parts.session("cat"), HERE, descriptor())
    numbers = [session.launcher for session in parts.book]
    assert numbers == [0] * BUSY + [1] * BUSY + [0, 1]


async def test_without_a_launcher_the_session_is_over_and_its_descriptor_closed() -> None:
    parts, dispatch, _ = made("cat")
    parts.in_force.launchers_of = {}
    read, write = os.pipe()
    dispatch.hand_over(parts.session("cat"), HERE, write)
    assert [verdict.reason for _, verdict in parts.log.denied] == [Reason.LAUNCH]
    assert len(parts.book) == 0
    assert os.read(read, 1) == b""
    os.close(read)


async def test_a_rule_s_launcher_is_taken_before_the_service_s() -> None:
    parts, dispatch, _ = made("cat", "other")
    session = parts.session("cat")
    dispatch.hand_over(session, HERE, descriptor(), HowToStart(launcher=3))
    assert session.launcher == 3


async def test_the_others_go_round_a_launcher_that_stands_still_and_the_stuck_service_stays_there() -> None:
    parts, dispatch, _ = made("cat", "other")
    parts.in_force.launchers_of = {"cat": (0, 1), "other": (0, 1)}
    dispatch.avoided = {0}
    dispatch.stuck = {"other": 0}
    assert dispatch.choose("cat") == 1
    assert dispatch.choose("other") == 0
    assert dispatch.links_of("cat") == [parts.links.get(1)]
    # When all stand still there is nothing better than to wait.
    dispatch.avoided = {0, 1}
    assert dispatch.choose("cat") == 0


async def test_a_full_queue_is_reported_with_its_service() -> None:
    parts, dispatch, full = made("cat", lanes=1)
    for _ in range(MAX_OF_SERVICE):
        dispatch.hand_over(parts.session("cat"), HERE, descriptor())
    assert full == ["cat"]
    parts.link(0)  # closes what is queued


async def test_starts_within_a_minute_are_counted_when_a_session_goes_to_a_launcher() -> None:
    parts, dispatch, _ = made("cat", limits={"per_minute": (5, 1.0)})
    dispatch.hand_over(parts.session("cat"), HERE, descriptor())
    starts = parts.in_force.services["cat"].access.starts
    assert starts is not None
    assert starts._started == 1


async def test_a_session_whose_launchers_all_stand_still_waits_for_another_and_is_closed_if_it_ends_meanwhile() -> None:
    parts, dispatch, _ = made("cat", lanes=1)
    dispatch.avoided = {0}
    read, write = os.pipe()
    waits, ends = parts.session("cat"), parts.session("cat")
    dispatch.hand_over(waits, HERE, descriptor())
    dispatch.hand_over(ends, HERE, write)
    parts.book.over(ends, Refused(Verdict(False, Reason.STOPPING)))
    dispatch.try_again()  # nothing has changed for the first
    assert os.read(read, 1) == b""
    os.close(read)
    parts.in_force.launchers_of = {"cat": (0, 1)}
    parts.link(1)
    dispatch.try_again()
    assert waits.launcher == 1
    assert len(parts.launchers[1].requests()) == 1
    assert parts.launchers[0].requests() == []
