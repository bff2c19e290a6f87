"""The handshake of a connection, with fakes in the place of relays: its time, its failure, and what is known after it."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, cast

import trio
from trio.testing import MockClock

from superd.front.stream.connection import Connection
from superd.front.stream.secured import HANDSHAKE_SECONDS, secure
from superd.ipc import relay_messages as messages
from superd.peer import Peer
from tests.front.fakes import CLIENT, service
from tests.front.fakes_of_connections import Front

if TYPE_CHECKING:
    from superd.front.relays.relay_link import RelayLink


def made(nursery: trio.Nursery, **keys: object) -> tuple[Front, Connection]:
    front = Front(nursery)
    ours, theirs = socket.socketpair()
    theirs.close()
    session = front.parts.book.enter(service(tls={"cert": "/x.pem"}, **keys), CLIENT, 0.0)  # type: ignore[arg-type]
    place = front.room.enter(session.service, CLIENT)
    assert place is not None
    return front, Connection(trio.socket.from_stdlib_socket(ours), session, CLIENT, Peer("127.0.0.1", 4, 1), place)


def done(front: Front, connection: Connection) -> None:
    connection.sock.close()
    for fds, _, _ in front.carriers.encrypted:
        for fd in fds:
            os.close(fd)


async def test_the_certificate_becomes_part_of_the_client(nursery: trio.Nursery) -> None:
    front, connection = made(nursery, limits={"idle": 3, "first_byte": 2})
    found: list[str] = []

    async def run() -> None:
        found.append(await secure(front.trip, connection))

    nursery.start_soon(run)
    await trio.testing.wait_all_tasks_blocked()
    ((_, idle, first_byte),) = front.carriers.encrypted
    assert (idle, first_byte) == (3, 2)
    front.carriers.legs[0].secured(b'{"SSL_PROTOCOL": "TLSv1.3", "names": "alice"}')
    await trio.testing.wait_all_tasks_blocked()
    assert found == [""]
    assert connection.client.certificate == frozenset({"alice"})
    assert connection.session.record.tls == (("SSL_PROTOCOL", "TLSv1.3"),)
    done(front, connection)


async def test_a_failure_is_reported(nursery: trio.Nursery) -> None:
    front, connection = made(nursery)
    found: list[str] = []

    async def run() -> None:
        found.append(await secure(front.trip, connection))

    nursery.start_soon(run)
    await trio.testing.wait_all_tasks_blocked()
    front.carriers.legs[0].link = cast("RelayLink", object())
    front.carriers.legs[0].secured(b'{"error": "http request"}')
    front.carriers.legs[0].over(messages.Over(4711, 0, 0, 0.0, messages.HANDSHAKE))
    await trio.testing.wait_all_tasks_blocked()
    assert found == ["the handshake failed: http request"]
    done(front, connection)


async def test_it_has_a_limit_of_time(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    front, connection = made(nursery)
    assert await secure(front.trip, connection) == f"no handshake within {HANDSHAKE_SECONDS:g} s"
    done(front, connection)
