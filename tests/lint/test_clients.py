"""What the lint says of a client pattern is what the matcher does with it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from superd.config.hosts.tables import parse
from superd.lint.clients import client_findings, host_names, pattern_finding
from superd.peer import peer_from_text
from superd.policy.facts import NO_FACTS
from superd.policy.hosts_access import client_match

PIECES = st.sampled_from(
    ["10", "1", "2", "3", "0", "010", "255", "300", ".", "/", "8", "24", "32", "33", "[", "]", "2001:db8::1", ":"]
)
PATTERNS = st.lists(PIECES, min_size=1, max_size=9).map("".join)
ADDRESSES = ["10.1.2.3", "10.1.2.0", "10.0.0.0", "8.1.2.3", "10.255.1.1", "1.2.3.10", "2.3.0.8", "0.0.0.1", "2001:db8::1", "::1"]


@pytest.mark.parametrize(
    ("token", "meant"),
    [
        ("10.1", "10.1."),
        ("10", "10."),
        ("010.1.2.3", "10.1.2.3"),
        ("10.01.", "10.1."),
        ("10.1.2.3.", "10.1.2.3"),
        ("10.1.2.300", ""),
        ("10.1.2.3.4", ""),
        ("10.1.2.3-9", ""),
        ("10.1.2.3;10.1.2.4", ""),
        ("'ALL'", ""),
        ("10.1.2.0/255.255.255.255", "10.1.2.0/32"),
        ("[10.1.2.3]", "10.1.2.3"),
        ("[10.1.0.0/16]", "10.1.0.0/16"),
        ("[2001:db8::/32]", "[2001:db8::]/32"),
        ("[2001:db8::1]/32", "[2001:db8::]/32"),
        ("[2001:db8::]/129", ""),
        ("[2001:db8::]/x", ""),
        ("[::ffff:10.1.2.3]", "10.1.2.3"),
        ("[::ffff:10.1.2.3]/120", "10.1.2.0/24"),
        ("[::ffff:0:0]/96", "0.0.0.0/0.0.0.0"),
        ("[office]", ""),
        ("[fe80::1%2]", ""),
        ("[fe80::1%eth2]", None),
        ("10.1/16", "10.1.0.0/16"),
        ("10.1./255.255.0.0", "10.1.0.0/255.255.0.0"),
        ("0.0.0.0/0", "0.0.0.0/0.0.0.0"),
        ("10.1.0.0/16x", "10.1.0.0/16"),
        ("10.1.0.0/16.300.0.0", "10.1.0.0/16"),
        (".example.org.", ".example.org"),
        ("2001:db8:0::1", "2001:db8::1"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:DB8::1", None),
        ("2001:db8:1", ""),
        ("10.1.2.*", None),
        ("[2001:db8::1]", None),
        ("[2001:db8::]/32", None),
        ("0.0.0.0/0.0.0.0", None),
        (".example.org", None),
    ],
)
def test_a_pattern_is_reported_as_it_was_meant(token: str, meant: str | None) -> None:
    found = pattern_finding(token)
    assert (None if found is None else found[2]) == meant


@example("2001:db8::1", "2001:db8::1")
@given(PATTERNS, st.sampled_from(ADDRESSES))
def test_what_is_said_to_match_no_client_matches_none(token: str, address: str) -> None:
    found = pattern_finding(token)
    if found is not None and "never matches" in found[0]:
        assert client_match(token, peer_from_text(address, name="unknown"), NO_FACTS, {}) is False


@given(PATTERNS)
def test_what_was_meant_has_no_fault_itself(token: str) -> None:
    found = pattern_finding(token)
    if found is not None and found[2]:
        assert pattern_finding(found[2]) is None


@given(st.text(min_size=1, max_size=40).filter(lambda text: not text.isspace()))
def test_any_word_is_looked_at_without_a_fault_of_ours(token: str) -> None:
    assert all(what for what, _, _ in client_findings(token, lambda _: False, lambda _: ("not found", "")))


def test_only_the_names_of_single_hosts_are_looked_up() -> None:
    text = b"sh@mars sh@10.0.0.1 : ALL .org 10. venus bob@pluto.example.org @staff /etc/friends *.net EXCEPT [::1] 10.0.0.0/8\n"
    assert list(host_names(parse(text, "hosts.allow", "allow")[0])) == ["mars", "venus", "pluto.example.org"]


def test_a_user_is_reported_and_the_host_after_it_too() -> None:
    found = [what for what, _, _ in client_findings("paranoid@10.1", lambda _: True, lambda _: ("", ""))]
    assert found == [
        "user name `paranoid` may be a reserved word",
        "`10.1` is the beginning of an address without its last dot: it never matches",
    ]
