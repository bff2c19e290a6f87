"""Which datagrams would make superd a weapon against their forged sender."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.peer import peer_from_text, unix_peer
from superd.policy.reflection import ECHOERS, reflects

ALL_PORTS = st.integers(1, 65535)


@given(st.ip_addresses(), st.data(), st.frozensets(ALL_PORTS, min_size=1, max_size=4))
def test_ports_that_answer_are_never_answered(address: object, data: st.DataObject, own: frozenset[int]) -> None:
    port = data.draw(st.sampled_from(sorted(own | ECHOERS)))
    assert reflects(peer_from_text(str(address), port), own)


@given(ALL_PORTS, st.frozensets(ALL_PORTS, max_size=4))
def test_any_other_port_of_a_host_is_answered(port: int, own: frozenset[int]) -> None:
    assert reflects(peer_from_text("192.0.2.1", port), own) == (port in own | ECHOERS)


@pytest.mark.parametrize("port", [0, 7, 13, 17, 19, 37, 53, 123])
def test_known_echoers_are_refused(port: int) -> None:
    assert reflects(peer_from_text("192.0.2.1", port), frozenset())


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1", "::", "::ffff:224.0.0.1"]
)
def test_an_address_that_is_not_one_host_is_refused(address: str) -> None:
    assert reflects(peer_from_text(address, 40000), frozenset())


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.1", "::1", "2001:db8::1", "fe80::1%lo"])
def test_hosts_are_answered(address: str) -> None:
    assert not reflects(peer_from_text(address, 40000), frozenset({7000}))


def test_a_unix_socket_is_answered_because_its_sender_cannot_be_forged() -> None:
    assert not reflects(unix_peer(), frozenset())
