"""A pair that takes no message now: what is waited for, and when waiting is of no use."""

from __future__ import annotations

import errno
import socket

import pytest
import trio
import trio.testing

from superd.front.sendable import Sendable
from superd.ipc.descriptors import AGAIN, NO_ROOM
from superd.ipc.message_pair import message_pair


def full() -> tuple[socket.socket, socket.socket]:
    ours, theirs = message_pair()
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            ours.send(bytes(4096))
    return ours, theirs


async def test_a_full_pair_is_waited_for_until_its_other_end_reads(nursery: trio.Nursery) -> None:
    ours, theirs = full()
    with ours, theirs:
        sendable, room = Sendable(ours), trio.Event()

        async def wait() -> None:
            assert await sendable.again()
            room.set()

        nursery.start_soon(wait)
        assert sendable.later(BlockingIOError())
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert (sendable.now, room.is_set()) == (False, False)
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                theirs.recv(4096)
        with trio.fail_after(5):
            await room.wait()
        assert sendable.now


@pytest.mark.parametrize("number", sorted(NO_ROOM))
async def test_a_kernel_without_room_is_asked_again_after_a_moment(number: int, autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = message_pair()
    with ours, theirs:
        sendable = Sendable(ours)
        assert sendable.later(OSError(number, ""))
        began = trio.current_time()
        assert await sendable.again()
        assert trio.current_time() - began == pytest.approx(AGAIN)


async def test_any_other_error_is_not_waited_for() -> None:
    ours, theirs = message_pair()
    with ours, theirs:
        sendable = Sendable(ours)
        assert not sendable.later(OSError(errno.EPIPE, ""))
        assert sendable.now


async def test_a_pair_that_is_closed_before_or_while_it_is_waited_for_ends_the_wait(nursery: trio.Nursery) -> None:
    ours, theirs = full()
    with theirs:
        sendable, ends = Sendable(ours), list[bool]()

        async def wait() -> None:
            ends.append(await sendable.again())

        sendable.later(BlockingIOError())
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked(0.01)
        trio.lowlevel.notify_closing(ours)
        ours.close()
        await trio.testing.wait_all_tasks_blocked(0.01)
        sendable.later(BlockingIOError())
        await wait()
        assert ends == [False, False]
