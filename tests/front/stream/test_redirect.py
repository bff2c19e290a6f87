"""A redirect's target is reached within a limit, and its first bytes are the header; else the text says why not."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import trio
import trio.testing

from superd.front.stream import redirect
from superd.front.stream.redirect import CONNECT_TIMEOUT, NoTarget, reach
from superd.redirect import parse_redirect as target
from superd.system.closing import let_socket_go
from tests.daemon_process import free_port


async def test_the_target_gets_the_header_first() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sock = await reach(target(f"127.0.0.1:{listener.getsockname()[1]}"), b"PROXY UNKNOWN\r\n")
        there, _ = listener.accept()
        await sock.send(b"hello")
        let_socket_go(sock)
        with there, there.makefile("rb") as file:
            assert file.read() == b"PROXY UNKNOWN\r\nhello"


async def test_a_unix_socket_is_a_target(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        let_socket_go(await reach(target(f"unix:{tmp_path}/s")))
        there, _ = listener.accept()
        with there:
            assert there.recv(1) == b""


async def test_a_closed_port_and_a_missing_path_are_named(tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(NoTarget, match=rf"^cannot connect to `127\.0\.0\.1:{port}`: .*refused"):
        await reach(target(f"127.0.0.1:{port}"))
    with pytest.raises(NoTarget, match=r"`unix:.*/s`: .*No such file"):
        await reach(target(f"unix:{tmp_path}/s"))


async def test_a_target_that_does_not_answer_is_given_up(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(host: str, port: int) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(redirect, "connect", silent)
    begun = trio.current_time()
    with pytest.raises(NoTarget, match=r"^`192\.0\.2\.1:7` does not answer$"):
        await reach(target("192.0.2.1:7"))
    assert trio.current_time() - begun == CONNECT_TIMEOUT


async def test_a_target_that_ends_before_the_header_leaves_no_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.MonkeyPatch.context() as patch:

        async def broken(host: str, port: int) -> trio.socket.SocketType:
            ours, theirs = socket.socketpair()
            theirs.close()
            return trio.socket.from_stdlib_socket(ours)

        patch.setattr(redirect, "connect", broken)
        with pytest.raises(NoTarget, match="Broken pipe"):
            await reach(target("127.0.0.1:7"), b"PROXY UNKNOWN\r\n")
    assert len(os.listdir("/proc/self/fd")) == before
