"""All links: what launchers report arrives with their number, and those that stand still are found."""

from __future__ import annotations

import os

import trio

from superd.front.programs.dispatch import Dispatch
from superd.front.programs.launcher_links import BUSY, SILENT
from superd.ipc import launch_codec as messages
from superd.peer import Peer
from tests.front.programs.parts import Parts, descriptor


def dispatch(parts: Parts) -> Dispatch:
    return Dispatch(parts.links, parts.book, parts.in_force, parts.stdio, lambda service: None)


async def test_reports_arrive_with_the_number_of_who_says_them() -> None:
    parts = Parts("cat")
    parts.launchers[1].report(messages.Started(7, 70))
    assert parts.links.poll(1)
    assert parts.reports == [(1, messages.Started(7, 70), -1)]
    assert parts.room == 1
    assert not parts.links.poll(0)


async def test_an_invalid_message_is_logged_and_what_follows_is_heard() -> None:
    parts = Parts("cat")
    parts.launchers[0].sock.send(b"[1]")
    parts.launchers[0].report(messages.Fresh())
    while not parts.reports:
        parts.links.poll(1)
    assert [level for level, _ in parts.log.messages] == ["alert"]
    assert "launcher 0" in parts.log.messages[0][1]


async def test_a_launcher_that_is_gone_is_no_longer_heard_and_its_next_pair_replaces_it() -> None:
    parts = Parts("cat")
    handed = parts.session("cat")
    dispatch(parts).hand_over(handed, Peer("", 4, 0), descriptor())
    parts.launchers[0].sock.close()
    parts.links.poll(1)
    parts.links.flush()  # to a pair that is gone: nothing happens
    assert not parts.links.poll(0)
    assert parts.link(0)
    parts.launchers[0].report(messages.Fresh())
    assert parts.links.poll(1)


async def test_a_launcher_with_work_that_reports_nothing_stands_still_and_one_that_reports_does_not() -> None:
    parts = Parts("cat")
    start = dispatch(parts)
    for _ in range(BUSY + 1):
        start.hand_over(parts.session("cat"), Peer("", 4, 0), descriptor())
    parts.links.flush()
    assert parts.links.busy
    since = parts.links.get(0)
    assert since is not None
    assert since.silent_since is not None
    parts.now = since.silent_since + SILENT + 60  # the clock of the test is ahead of the link's own
    assert parts.links.silent() == [0, 1]
    parts.launchers[1].report(messages.Started(5, 50))
    parts.links.poll(1)
    assert parts.links.silent() == [0]
    for conn in range(1, 5):
        parts.launchers[0].report(messages.Started(conn, conn))
    parts.links.poll(1)
    assert parts.links.silent() == []
    assert not parts.links.busy


async def test_the_watch_sleeps_without_work_and_looks_each_half_second_with_it(autojump_clock: object) -> None:
    parts = Parts("cat")
    heard: list[list[int]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.links.watch, heard.append)
        await trio.sleep(1000)
        assert heard == []
        dispatch(parts).hand_over(parts.session("cat"), Peer("", 4, 0), descriptor())
        parts.links.flush()
        parts.now = 1e12
        await trio.sleep(3.2 * SILENT)
        assert heard == [[0]] * 6
        parts.launchers[0].report(messages.Failed(1, 2, ""))
        parts.links.poll(1)
        await trio.sleep(1000)
        assert heard == [[0]] * 6 + [[]]
        nursery.cancel_scope.cancel()


async def test_a_pipe_comes_with_its_descriptor_and_one_too_many_is_closed() -> None:
    parts = Parts("cat")
    read, write = os.pipe()
    parts.launchers[0].report(messages.StderrPipe("cat", 0, 0), fds=(write, write))
    os.close(write)
    parts.links.poll(1)
    [(_, _, fd)] = parts.reports
    os.write(fd, b"x")
    os.close(fd)
    assert os.read(read, 8) == b"x"
    assert os.read(read, 8) == b""  # there is no other copy
    os.close(read)
