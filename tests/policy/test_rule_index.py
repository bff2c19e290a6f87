"""The index next to the walk it spares: the same rule is found first, for every table and client."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.hosts.scan import read_rules
from superd.config.hosts.tables import parse
from superd.peer import peer_from_text
from superd.policy.address_pattern import address_entry, is_name
from superd.policy.hosts_access import NO_FACTS, compile_policy, decide, rule_match
from superd.policy.rule_index import BEGINNING, index_of
from superd.rule import Policy
from superd.rule_block import Piece, Rules, rules_of
from superd.verdict import Ask, Verdict

WORDS = [
    "ALL",
    "10.",
    "10.1.",
    "10.1.2.3",
    "10.1.0.0/16",
    "10.1.2.0/255.255.255.0",
    "[2001:db8::]/32",
    "[::1]",
    "[::ffff:10.1.2.3]",
    "[2001:db8::*]",
    "10.*",
    "1.2.3.4",
    ".org",
    ".Example.org",
    "a.example.org",
    "unknown",
    ".lan",
    "b7",
]
LINES = st.tuples(
    st.lists(st.sampled_from(["ALL", "sh", "in.*", "cat", "7001"]), min_size=1, max_size=2),
    st.lists(st.sampled_from([*WORDS, "EXCEPT"]), max_size=3),
).map(lambda parts: f"{' '.join(parts[0])} : {' '.join(parts[1])}")
ADDRESSES = [
    "10.1.2.3",
    "10.1.9.9",
    "10.200.0.1",
    "1.2.3.4",
    "2001:db8::5",
    "::1",
    "192.0.2.1",
    "fe80::1%br.lan",
    "::ffff:10.1.2.3",
]
NAMES = ["", "unknown", "paranoid", "A.example.ORG", "org", ".org", "b7", "x.lan", "::ffff:a.example.org"]


@given(
    st.lists(LINES, max_size=10), st.sampled_from(ADDRESSES), st.sampled_from(NAMES), st.sampled_from(["sh", "in.ftpd", "dog"])
)
def test_the_first_rule_that_matches_decides_as_if_they_were_walked(
    lines: list[str], address: str, name: str, daemon: str
) -> None:
    text = "\n".join(lines).encode() + b"\n"
    rules = parse(text, "hosts.deny", "deny")[0]
    client, server = peer_from_text(address, name=name, user="unknown"), peer_from_text("10.0.0.1", 7001, name="unknown")
    answers = ((rule, rule_match(rule, daemon, client, server, NO_FACTS, {})) for rule in rules)
    walked, answer = next((found for found in answers if found[1] is not False), (None, False))
    for known in (rules, read_rules(text, "hosts.deny", "deny")[0]):
        verdict = decide(compile_policy(Policy((), known)), daemon, client, server, NO_FACTS)
        if isinstance(answer, Ask):
            assert verdict == answer
        else:
            assert isinstance(verdict, Verdict)
            assert (verdict.rule, verdict.admit) == (walked, walked is None)


def test_the_search_goes_on_after_a_position() -> None:
    rules = parse(b"ALL : 10.\nALL : 10.1.\nALL : 10.1.2.3\n", "t", "deny")[0]
    index, client = index_of(rules_of(rules, "deny")), peer_from_text("10.1.2.3")
    assert [index.first("sh", client, (0, after)) for after in (-1, 0, 1, 2)] == [(0, 0), (0, 1), (0, 2), None]


def test_an_address_that_was_written_over_and_over_costs_no_more_than_as_many_others() -> None:
    rules = parse(b"ALL : 10.1.2.3 10.1.2.3\n", "t", "deny")[0] * 200_000
    index, client = index_of(rules_of(rules, "deny")), peer_from_text("10.1.2.3")
    assert [index.first("sh", client, (0, after)) for after in (-1, 0, 199_999)] == [(0, 0), (0, 1), None]


def test_only_words_that_an_address_alone_answers_are_in_the_index() -> None:
    assert address_entry("10.1.") == (4, 0x0A010000, 0xFFFF0000)
    assert address_entry("10.1.2.3") == (4, 0x0A010203, 0xFFFFFFFF)
    for word in (".org", "@staff", "/etc/friends", "bob@10.", "10.*", "name", "010.1.2.3"):
        assert address_entry(word) is None


def test_only_words_that_a_name_alone_answers_are_in_the_index_of_names() -> None:
    for word in (".org", "a.example.org", "b7", "7b", "x_y-z", "1-2"):
        assert is_name(word)
    for word in (
        "ALL",
        "Known",
        "unknown",
        "PARANOID",
        "LOCAL",
        "10.1.2.3",
        ".7",
        "a.",
        "a*",
        "@a",
        "/a",
        "b@a",
        "[::1]",
        "a/8",
        "a..b",
    ):
        assert not is_name(word)


@pytest.mark.parametrize("read", [lambda text: parse(text, "t", "deny")[0], lambda text: read_rules(text, "t", "deny")[0]])
def test_each_rule_of_a_long_list_is_found_by_its_name_or_address(read: Any) -> None:
    names = [f"h{number}.example.org" for number in range(50)]
    lines = "".join(f"ALL : {name}\nALL : 192.0.2.{number}\n" for number, name in enumerate(names))
    policy = compile_policy(Policy((), read(lines.encode())))
    server = peer_from_text("10.0.0.1", 7001, name="unknown")

    def line_of(address: str, name: str) -> int:
        verdict = decide(policy, "sh", peer_from_text(address, name=name, user="unknown"), server, NO_FACTS)
        assert isinstance(verdict, Verdict)
        assert verdict.admit is (verdict.rule is None)
        return verdict.rule.origin.line if verdict.rule is not None else 0

    for number, name in enumerate(names):
        assert line_of("10.9.9.9", name.upper()) == 2 * number + 1
        assert line_of(f"192.0.2.{number}", "z.example.org") == 2 * number + 2
        assert line_of(f"192.0.2.{number}", names[0]) == 1
    for number in range(200):  # none of them, wherever it would be in the order of the table
        assert line_of("10.9.9.9", f"n{number}.example.net") == 0
        assert line_of(f"192.0.3.{number}", "unknown") == 0


PARTS = 2 * (
    b"ALL: 10.1.1.1\nsh: 10.1.1.1\nALL: h.example.org\nALL: h.example.org i.example.org\n"
    b"ALL: 10.1.1.1 EXCEPT 10.1.1.2\nsh: 10.1.1.1 EXCEPT 10.1.1.2\n"
)
ADDRESS, NAMED, WALKED = (0, 1, 6, 7), (2, 3, 8, 9), (4, 5, 10, 11)


@pytest.mark.parametrize("low", range(13))
def test_a_part_of_a_block_has_its_own_rules_alone(low: int) -> None:
    block, client = read_rules(PARTS, "t", "deny")[0].pieces[0].block, peer_from_text("10.1.1.1")
    for high in range(low, 13):
        index = index_of(Rules((Piece(block, low, high, 0), Piece(block, low, high, 20))))
        assert (len(index), bool(index)) == (2 * (high - low), high > low)
        place, found = BEGINNING, []
        while (place_or_none := index.first("sh", client, place)) is not None:
            place = place_or_none
            found.append(place)
        mine = [position for position in ADDRESS if low <= position < high]
        assert found == [(view, position) for view in (0, 1) for position in mine]
        place, found = BEGINNING, []
        while (place_or_none := index.first_named("sh", "h.example.org", place)) is not None:
            place = place_or_none
            found.append(place)
        mine = [position for position in NAMED if low <= position < high]
        assert found == [(view, position) for view in (0, 1) for position in mine]
        assert index.first_named("sh", "", BEGINNING) == next(iter(found), None)
        mine = [position for position in WALKED if low <= position < high]
        walked = [place for place, _ in index.walked(BEGINNING, None)]
        assert walked == [(view, position) for view in (0, 1) for position in mine]
        for until in walked:
            assert [place for place, _ in index.walked(BEGINNING, until)] == walked[: walked.index(until)]
            assert [place for place, _ in index.walked(until, None)] == walked[walked.index(until) + 1 :]
        packed = [position for position in (0, 1, 2, 6, 7, 8) if low <= position < high]
        first = index.first_of_daemon("sh")
        assert (first.origin.line if first is not None else 0) == (packed[0] + 1 if packed else 0)
