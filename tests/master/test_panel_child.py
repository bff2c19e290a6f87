"""A panel as the master starts it: a process that ends with its channel, and no descriptor that is left over."""

from __future__ import annotations

import os
import socket

import pytest

from superd.master import panel_child
from superd.master.panel_child import start_panel


def test_a_panel_ends_with_the_masters_end_of_its_pair() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        pid = start_panel(theirs, None)
    assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    ours.close()
    assert os.waitpid(pid, 0)[1] == 0


def test_a_start_that_fails_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*arguments: object) -> int:
        raise BlockingIOError(11, "no room")

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        monkeypatch.setattr(panel_child, "_spawn", lambda: no_room)
        with pytest.raises(BlockingIOError):
            start_panel(theirs, None)
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(BlockingIOError):
            start_panel(theirs, None)
        assert len(os.listdir("/proc/self/fd")) == before
