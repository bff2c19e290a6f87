"""One peer, one spelling: mapped addresses are folded, and the number is the address."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.peer import local_from_text, local_text, peer_from_text, unix_peer


@given(st.ip_addresses())
def test_version_and_number_are_the_addresss(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    peer = peer_from_text(str(address), 7)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    seen = mapped or address
    assert (peer.version, peer.number, peer.port) == (seen.version, int(seen), 7)
    assert ipaddress.ip_address(peer.address) == seen


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_the_ipv4_one(address: ipaddress.IPv4Address) -> None:
    assert peer_from_text(f"::ffff:{address}") == peer_from_text(str(address))


def test_a_zone_stays_and_a_unix_peer_has_no_address() -> None:
    assert peer_from_text("fe80::1%eth0", 1).address == "fe80::1%eth0"
    assert str(peer_from_text("::1", 7)) == "[::1]:7"
    assert (unix_peer(5).version, unix_peer(5).uid, unix_peer().address) == (0, 5, "localhost")


@pytest.mark.parametrize("text", ["", "name", "1.2.3", "1.2.3.4.5", "::g", "010.1.1.1"])
def test_what_is_not_a_number_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        peer_from_text(text)


def test_a_unix_socket_s_client_as_text_reads_back() -> None:
    client = unix_peer(1000, (1000, 27))
    assert local_text(client) == "uid:1000 gid:1000 gid:27"
    assert local_from_text(local_text(client)) == client
    for wrong in (
        "uid:",
        "uid:-1",
        "uid:x",
        "gid:1",
        "uid:1 uid:2",
        "uid:1 gid:",
        "uid:٣",
        "uid:1  gid:1",
        "uid:1" + " gid:1" * 300,
    ):
        with pytest.raises(ValueError, match="id"):
            local_from_text(wrong)
