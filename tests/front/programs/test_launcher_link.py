"""One link: requests go in batches, wait where the kernel has no room, and are lost with the pair alone."""

from __future__ import annotations

import errno
import os
import socket

import pytest
import trio

from superd.front.programs.launcher_link import MAX_OF_SERVICE, MAX_QUEUE, WINDOW, LauncherLink
from superd.ipc import launch_codec as messages
from tests.front.programs.parts import FakeLauncher, descriptor, made


class Full(socket.socket):
    """A socket for which the kernel has no room at first."""

    times = 2
    number = errno.ETOOMANYREFS

    def sendmsg(self, *arguments: object) -> int:
        if self.times:
            self.times -= 1
            raise OSError(self.number, os.strerror(self.number))
        return super().sendmsg(*arguments)  # type: ignore[arg-type]


def linked(kind: type[socket.socket] = socket.socket) -> tuple[LauncherLink, FakeLauncher, list[str]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    heard: list[str] = []
    link = LauncherLink(
        kind(fileno=ours.detach()), lambda *report: heard.append("report"), lambda: heard.append("room"), heard.append
    )
    made.append(link)
    return link, FakeLauncher(theirs), heard


def launch(link: LauncherLink, conn: int) -> bool:
    return link.launch(messages.Launch(conn, "cat", "192.0.2.1", 1, "", 0, "", "", "tcp"), descriptor())


async def test_at_most_a_window_of_launches_is_in_the_pair_and_answers_let_more_go() -> None:
    link, launcher, _ = linked()
    for conn in range(WINDOW + 2 * messages.MAX_LAUNCHES):
        launch(link, conn)
    link.flush()
    assert len(launcher.requests()) == WINDOW
    assert link.backlog == 2 * messages.MAX_LAUNCHES
    launcher.report(messages.Started(0, 1))
    assert link.read()
    assert len(launcher.requests()) == messages.MAX_LAUNCHES  # a whole message, as long as there is room for one launch
    assert link.backlog == messages.MAX_LAUNCHES
    link.close()


async def test_a_long_queue_asks_for_a_pause_and_its_descriptors_close_with_the_pair() -> None:
    link, launcher, _ = linked()
    before = len(os.listdir("/proc/self/fd"))
    assert [launch(link, conn) for conn in range(MAX_OF_SERVICE)] == [True] * (MAX_OF_SERVICE - 1) + [False]
    assert link.is_full("cat")
    assert not link.is_full("other")
    for number in range(MAX_QUEUE - MAX_OF_SERVICE):
        assert link.launch(messages.Launch(1000 + number, f"s{number}", "", 0, "", 0, "", "", "tcp"), descriptor()) is (
            number < MAX_QUEUE - MAX_OF_SERVICE - 1
        )
    assert link.is_full("other")
    link.close()
    link.flush()
    assert len(os.listdir("/proc/self/fd")) == before - 1
    assert launcher.requests() == []


async def test_no_room_for_descriptors_is_tried_again(autojump_clock: object) -> None:
    link, launcher, heard = linked(Full)
    launch(link, 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run)
        link.flush()
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert len(launcher.requests()) == 1
    assert heard == ["room"] * 2
    link.close()


async def test_any_other_failure_is_ours_and_ends_the_front() -> None:
    link, _, _ = linked(Full)
    link._sock.number = errno.EINVAL  # type: ignore[attr-defined]
    launch(link, 1)
    with pytest.raises(OSError, match="Invalid"):
        link.flush()
    link.close()


async def test_a_pair_that_is_given_up_before_its_task_has_its_turn_ends_that_task_alone() -> None:
    link, _, _ = linked()
    assert link._sendable.later(BlockingIOError())
    link.close()
    with trio.fail_after(5):
        await link.run()  # it ended the front: a closed socket has no descriptor to wait for


async def test_an_answer_too_many_does_not_make_a_launcher_less_than_idle() -> None:
    link, launcher, _ = linked()
    launcher.report(messages.Started(1, 1), messages.Failed(2, 3, ""))
    assert link.read()
    assert link.in_flight == 0
    assert link.silent_since is None
    launcher.sock.close()
    assert not link.read()
    link.close()


async def test_services_and_sources_take_turns_and_a_signal_follows_its_launch() -> None:
    link, launcher, _ = linked()

    def start(conn: int, service: str, source: int) -> None:
        link.launch(messages.Launch(conn, service, "", 0, "", 0, "", "", "tcp"), descriptor(), (4, source))

    for conn in range(100):
        start(conn, "flood", 1)
    link._sendable.now = False  # what a full pair does
    link.signal(3, 15)
    link.signal(999, 15)
    start(100, "flood", 2)
    start(101, "quiet", 1)
    link._sendable.now = True
    link.flush()
    order = launcher.requests()
    assert order[0] == messages.Signal(999, 15)  # of a program that runs
    launches = [request.conn for request in order if isinstance(request, messages.Launch)]
    assert launches[:3] == [0, 101, 100]
    assert launches[3:] == list(range(1, 100))
    numbers = [request.conn for request in order if isinstance(request, (messages.Launch, messages.Signal))]
    assert [index for index, number in enumerate(numbers) if number == 3] == [numbers.index(3), numbers.index(3) + 97]
    link.close()
