"""Which datagrams would make superd a weapon against their forged sender."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.peer import peer_from_text, unix_peer
from superd.policy.reflection import ECHOERS, reflects


@given(st.ip_addresses(), st.integers(0, 65535), st.frozensets(st.integers(1, 65535), max_size=4))
def test_ports_that_answer_are_never_answered(address: object, port: int, own: frozenset[int]) -> None:
    refused = reflects(peer_from_text(str(address), port), own)
    assert refused or port not in ECHOERS | own


@pytest.mark.parametrize("port", [0, 7, 13, 17, 19, 37, 53, 123])
def test_known_echoers_are_refused(port: int) -> None:
    assert reflects(peer_from_text("192.0.2.1", port), frozenset())


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1", "::", "::ffff:224.0.0.1"]
)
def test_what_is_no_single_host_is_refused(address: str) -> None:
    assert reflects(peer_from_text(address, 40000), frozenset())


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.1", "::1", "2001:db8::1", "fe80::1%lo"])
def test_hosts_are_answered(address: str) -> None:
    assert not reflects(peer_from_text(address, 40000), frozenset({7000}))


def test_nobody_can_forge_the_sender_on_a_unix_socket() -> None:
    assert not reflects(unix_peer(), frozenset())
