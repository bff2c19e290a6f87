"""Patterns as numbers: what the table of networks and the walk over patterns say of an address is the same."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.peer import peer_from_text
from superd.policy.address_pattern import ANY, address_entry, network
from superd.policy.hosts_access import NO_FACTS
from superd.policy.patterns import host_match

PATTERNS = st.from_regex(r"(10|192|0|255)(\.(0|1|2|255)){0,3}\.?(/(8|16|24|255\.0\.0\.0))?", fullmatch=True)
ADDRESSES = st.tuples(*[st.sampled_from([0, 1, 2, 10, 192, 255])] * 4).map(lambda parts: ".".join(map(str, parts)))


@given(PATTERNS, ADDRESSES)
def test_an_entry_matches_what_its_pattern_matches(pattern: str, address: str) -> None:
    entry, peer = address_entry(pattern), peer_from_text(address, name="unknown")
    if entry is not None and entry != ANY:
        version, number, mask = entry
        assert (peer.version == version and peer.number & mask == number) is host_match(pattern, peer, NO_FACTS, {})


V4, V6 = (1 << 32) - 1, (1 << 128) - 1


@pytest.mark.parametrize(
    ("word", "entry"),
    [
        ("255.255.255.254", (4, V4 - 1, V4)), ("256.1.1.1", None), ("1.256.1.1", None), ("1.1.256.1", None), ("1.1.1.256", None),
        ("[::1]", (6, 1, V6)), ("[::1", None), ("::1]", None), ("[::1%lo]", None), ("10.", (4, 10 << 24, 255 << 24)),
        ("10.1.2.", (4, 0x0A010200, V4 - 255)), ("10.1.2.3.", None), ("10.256.", None), ("10.01.", None), ("ALL", ANY),
        ("@staff", None), ("/list", None), ("10.1.2.*", None), ("10.1.2.?", None), ("a@10.1.2.3", None),
    ],
)  # fmt: skip
def test_an_entry_is_version_network_and_mask(word: str, entry: tuple[int, int, int] | None) -> None:
    assert address_entry(word) == entry


@pytest.mark.parametrize("length", [0, 1, 31, 32, 64, 127, 128])
def test_a_length_is_so_many_bits_from_the_left(length: int) -> None:
    number = 0x20010DB8 << 96 | 0xFFFF
    bits = int(ipaddress.IPv6Network((0, length)).netmask)
    assert network("[2001:db8::ffff]", str(length)) == (6, number & bits, bits)
    if 1 <= length <= 32:
        bits = int(ipaddress.IPv4Network((0, length)).netmask)
        assert network("128.0.0.0", str(length)) == (4, 1 << 31, bits)


def test_a_length_that_there_is_not_matches_no_address() -> None:
    assert [network("[2001:db8::]", length) for length in ("129", "-1")] == [None, None]
    assert [network("0.0.0.0", length) for length in ("0", "33", "-1")] == [None, None, None]
