"""only_from and no_access: the compiled list next to the standard library's own idea of a network."""

from __future__ import annotations

import ipaddress
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from superd.peer import peer_from_text
from superd.policy.addresses import AddressList
from superd.verdict import Ask, Need

MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
NETWORKS = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
).map(lambda pair: ipaddress.ip_network(f"{pair[0]}/{pair[1]}", strict=False))


def unmapped(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A network of nothing but mapped addresses (RFC 4291, 2.5.5.2) is one of IPv4."""
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(MAPPED):
        first = int(network.network_address) & 0xFFFF_FFFF
        return ipaddress.IPv4Network((first, network.prefixlen - MAPPED.prefixlen))
    return network


@example([ipaddress.IPv6Network("::ffff:0:0/96")], ipaddress.IPv4Address("0.0.0.0"))
@example([ipaddress.IPv6Network("::/0")], ipaddress.IPv4Address("10.1.2.3"))
@given(st.lists(NETWORKS, max_size=8), st.ip_addresses())
def test_an_address_matches_if_one_of_the_networks_holds_it(
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network], address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> None:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    seen = mapped or address
    meant = [unmapped(network) for network in networks]
    expected = any(seen.version == network.version and seen in network for network in meant)
    assert AddressList(str(network) for network in networks).matches(peer_from_text(str(address))) is expected


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_a_range_holds_its_ends_and_what_lies_between(
    one: ipaddress.IPv4Address, other: ipaddress.IPv4Address, address: ipaddress.IPv4Address
) -> None:
    first, last = sorted((one, other))
    found = AddressList([f"{first}-{last}"])
    assert found.matches(peer_from_text(str(address))) is (first <= address <= last)
    assert found.matches(peer_from_text(str(first))) is found.matches(peer_from_text(str(last))) is True


def test_the_spellings_of_the_grammar() -> None:
    for word, inside, outside in (
        ("10.0.0.0/255.0.0.0", "10.9.9.9", "11.0.0.1"),
        ("192.0.2.{4,9}", "192.0.2.9", "192.0.2.5"),
        ("[2001:db8::]/32", "2001:db8::1", "2001:db9::1"),
        ("ALL", "203.0.113.1", ""),
    ):
        assert AddressList([word]).matches(peer_from_text(inside)) is True
        assert not outside or AddressList([word]).matches(peer_from_text(outside)) is False


def test_a_name_is_asked_for_only_when_no_address_tells() -> None:
    found = AddressList(["10.0.0.0/8", ".example.org"])
    assert found.matches(peer_from_text("10.1.1.1")) is True
    asked = found.matches(peer_from_text("192.0.2.1"))
    assert isinstance(asked, Ask)
    assert asked.need is Need.HOST_NAME
    assert found.matches(peer_from_text("192.0.2.1", name="a.example.org")) is True
    assert found.matches(peer_from_text("192.0.2.1", name="example.org.evil.net")) is False
    assert found.matches(peer_from_text("192.0.2.1", name="paranoid")) is False


@given(st.text(max_size=30))
def test_a_word_of_no_known_kind_is_an_error_that_names_it(word: str) -> None:
    try:
        AddressList([word])
    except ValueError:
        with pytest.raises(ValueError, match="^`" + re.escape(word)):
            AddressList([word])


@pytest.mark.parametrize("word", ["10.0.0.256", "10.0.0.0/33", "::1/129", "1.2.3.9-1.2.3.4", "", "a b", "-x"])
def test_what_is_not_an_address_and_no_name_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="`"):
        AddressList([word])


@pytest.mark.parametrize(
    ("word", "inside", "outside"),
    [
        (
            "10.1.{2,4}",
            ["10.1.2.0", "10.1.2.255", "10.1.4.0", "10.1.4.255"],
            ["10.1.1.255", "10.1.3.0", "10.1.3.255", "10.1.5.0"],
        ),
        ("10.{1,3}", ["10.1.0.0", "10.1.255.255", "10.3.0.0"], ["10.0.255.255", "10.2.0.0", "10.4.0.0"]),
        ("10.1.2.{3,5}", ["10.1.2.3", "10.1.2.5"], ["10.1.2.2", "10.1.2.4", "10.1.2.6"]),
    ],
)
def test_a_word_with_braces_is_each_of_its_networks_whole(word: str, inside: list[str], outside: list[str]) -> None:
    found = AddressList([word])
    assert [found.matches(peer_from_text(address)) for address in inside] == [True] * len(inside)
    assert [found.matches(peer_from_text(address)) for address in outside] == [False] * len(outside)
