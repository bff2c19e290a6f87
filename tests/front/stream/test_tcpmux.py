"""The name that a client says to tcpmux: read to its end and no further, and known only if it is a client's."""

from __future__ import annotations

import pytest
import trio

from superd.front.stream.tcpmux import NAME_SECONDS, read_choice
from tests.front.fakes import service
from tests.front.fakes_of_connections import pair

SERVICES = {
    "open": service("open", type=["TCPMUX"], server="/bin/cat", port=None),
    "plain": service("plain"),
}


async def choose(said: bytes, *, end: bool = True) -> tuple[str | None, bytes, bytes]:
    """(the service, what the client got, what is left for the program)."""
    ours, theirs = pair()
    with ours, theirs:
        theirs.sendall(said)
        if end:
            theirs.shutdown(1)
        ours.setblocking(False)
        stream = trio.socket.from_stdlib_socket(ours)
        chosen = await read_choice(SERVICES, stream)
        try:
            left = ours.recv(100)
        except BlockingIOError:
            left = b""
        stream.close()
        return chosen.name if chosen else None, theirs.recv(200), left


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (b"open\r\nrest", ("open", b"", b"rest")),
        (b"OPEN\nrest", ("open", b"", b"rest")),
        (b"plain\r\n", (None, b"-Service not available\r\n", b"")),
        (b"\x00\r\n", (None, b"-Service not available\r\n", b"\x00\r\n")),
        (b"help\r\n", (None, b"open\r\n", b"")),
        (b"ope", (None, b"", b"")),
    ],
)
async def test_a_name_is_read_to_its_end_alone(said: bytes, found: tuple[str | None, bytes, bytes]) -> None:
    assert await choose(said) == found


async def test_a_client_that_says_nothing_has_so_long(autojump_clock: trio.testing.MockClock) -> None:
    began = trio.current_time()
    assert (await choose(b"", end=False))[0] is None
    assert trio.current_time() - began == pytest.approx(NAME_SECONDS, abs=1)
