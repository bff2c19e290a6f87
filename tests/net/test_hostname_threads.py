"""Names that do not come take their own threads alone."""

from __future__ import annotations

import socket
import threading

import pytest
import trio

from superd.net.hostname_threads import HostnameThreads


async def test_names_that_hang_leave_the_threads_of_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """45 redirects to a name that does not resolve held banners up for six seconds."""
    go_on, asked = threading.Event(), threading.Semaphore(0)

    def hang(*_: object) -> list[object]:
        asked.release()
        go_on.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    names = HostnameThreads(at_once=2)
    try:
        async with trio.open_nursery() as nursery:
            for _ in range(60):
                nursery.start_soon(names.getaddrinfo, b"hangs.example", 80)
            await trio.to_thread.run_sync(asked.acquire)
            await trio.to_thread.run_sync(asked.acquire)
            assert names._limiter.borrowed_tokens == 2
            assert await trio.to_thread.run_sync(lambda: "served") == "served"
            nursery.cancel_scope.cancel()
    finally:
        go_on.set()


async def test_a_numeric_name_is_answered() -> None:
    found = await HostnameThreads().getaddrinfo(b"127.0.0.1", 80, flags=socket.AI_NUMERICHOST, type=socket.SOCK_STREAM)
    assert found[0][4] == ("127.0.0.1", 80)
    assert await HostnameThreads().getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV) == (
        "127.0.0.1",
        "80",
    )
