"""Membership in a netgroup, asked of the C library: in a thread, for a limited time, never with text that C cannot hold."""

from __future__ import annotations

import ctypes
import threading

import pytest
import trio
import trio.testing

from superd.net import netgroup


def test_a_netgroup_that_does_not_exist_has_no_members() -> None:
    assert not netgroup.innetgr("no-such-group", "host.example")


@pytest.mark.parametrize(("group", "host"), [("a\0b", "host"), ("group", "h\0st")])
def test_a_nul_is_never_asked_about(monkeypatch: pytest.MonkeyPatch, group: str, host: str) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("asked"))
    assert not netgroup.innetgr(group, host)


async def test_a_member_is_asked_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def innetgr(group: str, host: str) -> bool:
        asked.append((group, host, threading.current_thread() is threading.main_thread()))
        return True

    monkeypatch.setattr(netgroup, "innetgr", innetgr)
    assert await netgroup.member("staff", "a.example")
    assert asked == [("staff", "a.example", False)]


async def test_a_look_up_that_hangs_counts_as_no(monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock) -> None:
    release = threading.Event()
    monkeypatch.setattr(netgroup, "innetgr", lambda group, host: release.wait(60))
    began = trio.current_time()
    with trio.fail_after(4 * netgroup.TIMEOUT):
        assert not await netgroup.member("staff", "a.example")
    assert trio.current_time() - began >= netgroup.TIMEOUT
    release.set()
