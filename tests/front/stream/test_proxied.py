"""The step before the gate: who is listened to, for how long, and whose address counts afterwards."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import trio

from superd.front.gate.compiled_service import CompiledService
from superd.front.stream.proxied import ProxiedArrivals, facts_of
from superd.peer import Peer, peer_from_text, unix_peer
from superd.through import Through
from superd.verdict import Reason
from superd.wire.proxy_header import ProxyHeader, ProxyTls, build
from tests.front.fakes import service
from tests.front.fakes_of_connections import Front
from tests.waiting import until

PROXY, CLIENT, SERVER = peer_from_text("10.0.0.1", 50000), peer_from_text("192.0.2.7", 4711), peer_from_text("198.51.100.1", 22)
HEADER = build(2, CLIENT, SERVER)


class Step:
    """The step alone, with the decisions that it asks for."""

    def __init__(self, nursery: trio.Nursery, **keys: Any) -> None:
        self.front = Front(nursery)
        self.service = service(**{"proxy_protocol": "any", "proxy_from": ["10.0.0.0/8"], **keys})
        self.front.force.services["s"] = self.service
        self.decided: list[tuple[Peer, Peer | None, Through | None]] = []
        self.rest: list[bytes] = []
        self.step = ProxiedArrivals(self.front.trip, self._decide)

    def _decide(
        self, listener: object, service: CompiledService, fd: int, peer: Peer, server: Peer | None, through: Through | None
    ) -> None:
        self.decided.append((peer, server, through))
        with socket.socket(fileno=fd) as sock:
            sock.setblocking(False)
            try:
                self.rest.append(sock.recv(100))
            except BlockingIOError:
                self.rest.append(b"")

    def arrive(self, data: bytes = b"", peer: Peer = PROXY) -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.sendall(data)
        self.step.arrive(None, self.service, ours.detach(), peer)  # type: ignore[arg-type]
        return theirs

    @property
    def refused(self) -> list[Reason]:
        return [event[3] for event in self.front.log.take() if event[0] == "FAIL"]


async def test_a_header_that_is_here_is_decided_at_once_with_the_clients_address(nursery: trio.Nursery) -> None:
    step = Step(nursery)
    with step.arrive(HEADER + b"hello"):
        assert step.decided == [(CLIENT, SERVER, Through(PROXY, facts_of(ProxyHeader(2, 0), PROXY)))]
        assert step.rest == [b"hello"]
        assert len(step.front.room) == 0


async def test_a_header_that_comes_later_holds_a_place_until_it_is_whole(nursery: trio.Nursery) -> None:
    step = Step(nursery)
    with step.arrive(HEADER[:5]) as theirs:
        await trio.testing.wait_all_tasks_blocked()
        assert (step.decided, len(step.front.room)) == ([], 1)
        theirs.send(HEADER[5:])
        await until(lambda: step.decided)
        assert step.decided[0][0] == CLIENT
        assert len(step.front.room) == 0
        assert step.front.launchers.flushed == 1


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0"])
async def test_local_and_unknown_are_the_proxy_itself(nursery: trio.Nursery, header: bytes) -> None:
    step = Step(nursery)
    with step.arrive(header):
        assert step.decided == [(PROXY, None, None)]


async def test_a_stranger_is_refused_unread(nursery: trio.Nursery) -> None:
    step = Step(nursery)
    step.arrive(HEADER, peer_from_text("203.0.113.5")).close()
    assert (step.decided, step.refused) == ([], [Reason.PROXY])


async def test_a_client_that_may_come_by_itself_is_not_believed_when_it_sends_a_header(nursery: trio.Nursery) -> None:
    step = Step(nursery, proxy_optional_from=["203.0.113.0/24"])
    direct = peer_from_text("203.0.113.5")
    with step.arrive(HEADER, direct):
        assert step.decided == [(direct, None, None)]
        assert step.rest == [HEADER]


async def test_a_proxy_without_a_header_is_refused(nursery: trio.Nursery) -> None:
    step = Step(nursery)
    with step.arrive(b"GET / HTTP/1.0\r\n"):
        assert step.refused == [Reason.PROXY]


async def test_a_proxy_that_closes_before_its_header_is_gone(nursery: trio.Nursery) -> None:
    step = Step(nursery)
    step.arrive(HEADER[:4]).close()
    await until(lambda: not len(step.front.room))
    assert step.refused == [Reason.GONE]


async def test_a_header_that_is_too_slow_ends_the_connection(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    step = Step(nursery, limits={"start": 3})
    with step.arrive(HEADER[:4]):
        began = trio.current_time()
        await trio.sleep(10)
        assert (step.refused, len(step.front.room)) == ([Reason.START_LIMIT], 0)
        assert trio.current_time() - began == 10


async def test_without_a_place_to_wait_the_connection_is_refused(nursery: trio.Nursery) -> None:
    step = Step(nursery)
    step.front.room.configure(step.front.force.settings.model_copy(update={"undecided": 0}))
    with step.arrive(b""):
        assert step.refused == [Reason.OVERLOAD]


async def test_a_reload_while_a_header_is_awaited_counts(nursery: trio.Nursery) -> None:
    step = Step(nursery)
    with step.arrive(b"") as first:
        step.front.force.services["s"] = service(proxy_protocol="any", proxy_from=["172.16.0.0/12"])
        first.send(HEADER)
        await trio.testing.wait_all_tasks_blocked()
        await until(lambda: not len(step.front.room))
        assert step.refused == [Reason.PROXY]
    with step.arrive(b"") as second:
        del step.front.force.services["s"]
        second.send(HEADER)
        await until(lambda: not len(step.front.room))
        assert step.refused == [Reason.STOPPING]


def test_the_facts_are_those_that_the_header_has() -> None:
    header = ProxyHeader(2, 0, CLIENT, SERVER, "h2", "a.example", b"\x01\xff", ProxyTls("TLSv1.3", "X", "CN a", True, True))
    assert dict(facts_of(header, PROXY)) == {
        "PROXY_PROTOCOL": "v2", "PROXY_ADDR": "10.0.0.1", "PROXY_PORT": "50000", "PROXY_AUTHORITY": "a.example",
        "PROXY_ALPN": "h2", "PROXY_UNIQUE_ID": "01ff", "PROXY_TLS_VERSION": "TLSv1.3", "PROXY_TLS_CIPHER": "X",
        "PROXY_TLS_CN": "CN a", "PROXY_TLS_VERIFIED": "yes",
    }  # fmt: skip
    assert dict(facts_of(ProxyHeader(1, 0, CLIENT, SERVER), unix_peer(0))) == {"PROXY_PROTOCOL": "v1"}
