"""The launcher's end of the pair with the front: nothing is lost when the kernel has no room for a while."""

from __future__ import annotations

import errno
import os
import select
import socket
import time

import pytest

from superd.ipc import launch_codec as messages
from superd.ipc.descriptors import AGAIN
from superd.launcher.front_end import FrontEnd
from superd.launcher.stderr_pipes import StderrPipes


class Pipes:
    """The part of ``Programs`` that has pipes."""

    def __init__(self) -> None:
        self.pipes = StderrPipes()
        self.pipes.take("cat", 1, alone=True)
        self.ends: list[object] = []

    def forget_ends(self) -> None:
        self.ends.clear()


class Full(socket.socket):
    """A socket for whose descriptors the kernel has no room, so many times."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        super().__init__(fileno=sock.detach())
        self.number = number
        self.times = 2

    def sendmsg(self, *arguments: object) -> int:
        if self.times:
            self.times -= 1
            raise OSError(self.number, os.strerror(self.number))
        return super().sendmsg(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM])
def test_no_room_for_a_descriptor_is_tried_again_and_the_front_is_kept(number: int) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    lost: list[str] = []
    end = FrontEnd(select.poll(), Pipes(), lost.append)  # type: ignore[arg-type]
    end.take(Full(theirs, number))
    for _ in range(2):
        end.send()
        assert end.due <= time.monotonic() + AGAIN
        assert end.unsent
    end.send()
    assert end.due == float("inf")
    assert not end.unsent
    assert lost == []
    kinds: list[type] = []
    while len(kinds) < 2:
        data, fds, _, _ = socket.recv_fds(ours, 65536, 16)
        kinds += [type(report) for report in messages.parse_reports(data)]
        for fd in fds:
            os.close(fd)
    # Reports that need no descriptor did not wait for one that does.
    assert kinds == [messages.Fresh, messages.StderrPipe]
    end.drop()
    ours.close()


def test_a_pair_that_fails_is_reported_with_its_reason() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    lost: list[str] = []
    end = FrontEnd(select.poll(), Pipes(), lost.append)  # type: ignore[arg-type]
    end.take(theirs)
    ours.close()
    end.send()
    assert lost == [os.strerror(errno.EPIPE)]
    assert end.fileno == -1
    assert end.reports  # kept for the next front


def test_a_front_that_reads_nothing_is_left_in_peace_until_it_does() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    end = FrontEnd(select.poll(), Pipes(), lambda why: pytest.fail(why))  # type: ignore[arg-type]
    end.take(theirs)
    end.send()
    while not end.blocked:
        end.reports += ['["Z",1]'] * 200
        end.send()
    assert not end.can_send
    end.blocked = False
    found = 0
    while end.reports:
        found += len(messages.parse_reports(ours.recv(65536)))
        end.blocked = False
        end.send()
    assert found
    end.drop()
    ours.close()
