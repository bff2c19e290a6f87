"""Facts are what had to be found out: without them nothing is known, and each counts for its own question."""

from __future__ import annotations

from superd.peer import peer_from_text
from superd.policy.facts import NO_FACTS, Facts
from superd.policy.patterns import host_match
from superd.verdict import Ask


def test_a_membership_counts_for_its_group_and_host_alone() -> None:
    client = peer_from_text("10.1.1.1", name="a.org")
    known = Facts(netgroups={("staff", "a.org"): True, ("guests", "a.org"): False})
    assert host_match("@staff", client, known, {}) is True
    assert host_match("@guests", client, known, {}) is False
    for group, facts in (("@staff", NO_FACTS), ("@others", known)):
        answer = host_match(group, client, facts, {})
        assert isinstance(answer, Ask)
        assert answer.netgroup == (group[1:], "a.org")
