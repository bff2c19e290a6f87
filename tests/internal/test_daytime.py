"""daytime: one line with the local time, as xinetd writes it."""

from __future__ import annotations

import re
import time

import pytest
import trio

from superd.internal import daytime


@pytest.fixture
def _tokyo(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_tokyo")
def test_the_time_is_the_local_one() -> None:
    assert daytime.line(0.0) == b"01 JAN 1970 09:00:00 JST\r\n"
    assert daytime.datagram(b"whatever", 0.0) == daytime.line(0.0)


async def test_a_connection_gets_the_line_of_now() -> None:
    ours, client = trio.socket.socketpair()
    with ours, client:
        await daytime.stream(ours)
        assert re.fullmatch(rb"\d\d [A-Z]{3} \d{4} \d\d:\d\d:\d\d \S+\r\n", await client.recv(100))
