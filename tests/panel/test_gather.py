"""Pages, peers and ids."""

from __future__ import annotations

import ipaddress

import pytest

from superd.panel import gather
from superd.panel.steps import Refusal
from superd.record import conn_of, session_id
from tests.panel.script import World, session


def test_all_pages_are_read() -> None:
    world = World(*(session(number) for number in range(1, 8)))

    def method() -> gather.Gathered:
        rows = yield from gather.sessions()
        return {"conns": [row.conn for row in rows]}

    assert world.run(method()) == {"conns": list(range(1, 8))}


@pytest.mark.parametrize(
    ("peer", "inside"),
    [("192.0.2.1:80", True), ("192.0.3.1:80", False), ("[2001:db8::1]:5", False), ("uid:0", False), ("", False), ("x:y", False)],
)
def test_a_peer_is_in_a_network_or_not(peer: str, inside: bool) -> None:
    assert gather.peer_in(peer, ipaddress.ip_network("192.0.2.0/24")) is inside


def test_an_ipv6_peer_may_have_a_zone() -> None:
    assert gather.peer_in("[fe80::1%eth0]:5", ipaddress.ip_network("fe80::/64"))


def test_what_is_not_a_network_is_refused() -> None:
    with pytest.raises(Refusal, match="InvalidParameter"):
        gather.network_of("evil")


@pytest.mark.parametrize("conn", [0, 5, 77 << 31, (36**5 - 1 << 31) + (1 << 31) - 1])
def test_an_id_is_its_number(conn: int) -> None:
    assert conn_of(session_id(conn)) == conn


@pytest.mark.parametrize("text", ["", "-", "a-", "a-b-c", "A-1", "zzzzzz-1", "1-zzzzzzz", "a-" + "1" * 99, "é-1"])
def test_other_text_is_not_an_id(text: str) -> None:
    assert conn_of(text) is None
