"""Patterns as numbers: what the table of networks and the walk over patterns say of an address is the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.peer import peer_from_text
from superd.policy.address_pattern import ANY, address_entry
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
