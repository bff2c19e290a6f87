"""Banners and last words: what is read of a path, and that no client is waited for without a limit."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
import trio

from superd.front.stream.client_output import MAX_BANNER, part, read_file, send
from tests.front.fakes_of_connections import pair


async def test_a_banner_is_a_regular_file_of_limited_length(tmp_path: Path) -> None:
    """One that was a FIFO with a writer was a TypeError, and a dropped session."""
    (tmp_path / "long").write_bytes(b"x" * (MAX_BANNER + 1))
    assert len(await read_file(str(tmp_path / "long"))) == MAX_BANNER
    assert await read_file(str(tmp_path / "absent")) == b""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = os.open(fifo, os.O_RDWR)
    for path in (fifo, Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError):
            await read_file(str(path))
    os.close(writer)


async def test_threads_that_hang_elsewhere_hold_no_banner_up(tmp_path: Path) -> None:
    (tmp_path / "banner").write_text("hello\n")
    go_on = threading.Event()

    async def hang() -> None:
        await trio.to_thread.run_sync(go_on.wait)

    try:
        async with trio.open_nursery() as nursery:
            for _ in range(45):
                nursery.start_soon(hang)
            await trio.testing.wait_all_tasks_blocked()
            with trio.fail_after(5):
                assert await read_file(str(tmp_path / "banner")) == b"hello\n"
            go_on.set()
    finally:
        go_on.set()


async def test_a_client_that_does_not_read_is_left_in_time(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = pair()
    ours.setblocking(False)
    with trio.socket.from_stdlib_socket(ours) as stream, theirs:
        assert await send(stream, b"hello", 1.0)
        assert not await send(stream, b"x" * (1 << 22), 1.0)


async def test_parting_sends_the_end_and_reads_a_little(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = pair()
    ours.setblocking(False)
    with trio.socket.from_stdlib_socket(ours) as stream, theirs:
        theirs.sendall(b"unread")
        await part(stream)
        assert theirs.recv(1) == b""
    theirs, ours = socket.socketpair()
    with trio.socket.from_stdlib_socket(ours) as stream:
        theirs.close()
        ours.setblocking(False)
        await part(stream)
