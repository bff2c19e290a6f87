"""Asking an ident server that answers, lies, hangs, hangs up, or does not exist."""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio

from superd.net.ident import ask
from superd.peer import Peer
from superd.wire.ident import Identity

Answer = Callable[[trio.SocketStream], Awaitable[None]]


def peer(port: int, address: str = "127.0.0.1") -> Peer:
    return Peer(address, 4, int.from_bytes(socket.inet_aton(address), "big"), port)


async def says(*pieces: bytes) -> Answer:
    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some(100)
        for piece in pieces:
            await stream.send_all(piece)

    return answer


async def asked(answer: Answer, nursery: trio.Nursery, timeout: float = 20.0) -> Identity:
    """What is made of a server that behaves like ``answer``."""
    (listener,) = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
    port = listener.socket.getsockname()[1]
    return await ask(peer(4711), peer(23), timeout, port=port)


async def test_the_answer_is_kept_to_the_letter(nursery: trio.Nursery) -> None:
    answer = await says(b"4711 , 23 : USER", b"ID : UNIX,UTF-8 : joe user\r\n")
    assert await asked(answer, nursery) == Identity("joe", "UNIX,UTF-8 : joe user")


@pytest.mark.parametrize(
    "reply",
    [
        b"4711, 23 : ERROR : NO-USER\r\n",
        b"4711, 24 : USERID : UNIX : joe\r\n",
        b"nonsense\r\n",
        b"",
        b"4711, 23 : USERID : UNIX : joe",
    ],
)
async def test_what_names_no_user_is_a_bad_response(reply: bytes, nursery: trio.Nursery) -> None:
    assert await asked(await says(reply), nursery) == Identity(failure="bad response")


async def test_a_server_that_says_too_much_is_not_heard_to_the_end(nursery: trio.Nursery) -> None:
    async def chatter(stream: trio.SocketStream) -> None:
        with pytest.raises(trio.BrokenResourceError):
            while True:
                await stream.send_all(b"x" * 1000)

    assert await asked(chatter, nursery) == Identity(failure="bad response")


async def test_a_server_that_hangs_up_is_an_error_while_receiving(nursery: trio.Nursery) -> None:
    async def reset(stream: trio.SocketStream) -> None:
        await stream.receive_some(100)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert await asked(reset, nursery) == Identity(failure="error while receiving response")


async def test_a_server_that_says_nothing_is_a_timeout(nursery: trio.Nursery) -> None:
    async def hang(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    assert await asked(hang, nursery, timeout=0.05) == Identity(failure="timeout")


async def test_without_a_server_there_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert await ask(peer(4711), peer(23), 20.0, port=port) == Identity(failure="no server")


async def test_an_address_that_is_not_ours_is_a_system_error() -> None:
    assert await ask(peer(4711), peer(23, "192.0.2.1"), 20.0, port=1) == Identity(failure="system error")
