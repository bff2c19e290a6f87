"""A rule that is said to be covered never decides: held against the matcher itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.config.hosts.tables import parse
from superd.lint.covered import Seen
from superd.peer import peer_from_text
from superd.policy.hosts_access import NO_FACTS, rule_match
from superd.rule import Rule

CLIENTS = ["ALL", "10.", "10.1.", "10.1.2.3", "10.1.0.0/16", "10.1.2.0/255.255.255.0", "10.1.2.3/8", "[::1]/128", ".org", "LOCAL"]
CLIENTS += ["010.1.2.3", "bob@10.1.2.3", "10. EXCEPT 10.1.", "ALL EXCEPT .org", "[::1]", "@Staff", "@staff"]
ADDRESSES = ["10.1.2.3", "10.1.9.9", "10.2.0.1", "192.0.2.1", "::1", "2001:db8::1"]
RULES = st.tuples(
    st.lists(st.sampled_from(["ALL", "cat", "dog", "cat EXCEPT dog", "c*", "cat@10.0.0.1"]), min_size=1, max_size=2),
    st.lists(st.sampled_from(CLIENTS), min_size=1, max_size=3),
).map(lambda parts: f"{' '.join(parts[0])} : {' '.join(parts[1])}")


def rules_of(text: str) -> tuple[Rule, ...]:
    return parse(text.encode(), "hosts.deny", "deny")[0]


@given(st.lists(RULES, min_size=2, max_size=6), st.sampled_from(ADDRESSES), st.sampled_from(["unknown", "a.org", "a"]))
def test_the_clients_of_a_covered_rule_match_an_earlier_one(lines: list[str], address: str, name: str) -> None:
    rules, seen = rules_of("\n".join(lines) + "\n"), Seen()
    server = peer_from_text("10.0.0.1", name="unknown")
    client = peer_from_text(address, name=name, user="unknown")
    for number, rule in enumerate(rules):
        if seen.covering(rule) is not None:
            for daemon in ("cat", "dog", "cow"):
                if rule_match(rule, daemon, client, server, NO_FACTS, {}) is True:
                    assert any(rule_match(earlier, daemon, client, server, NO_FACTS, {}) is True for earlier in rules[:number])
        seen.add(rule)


def test_what_a_rule_excepts_makes_it_smaller_and_what_it_hides_stays() -> None:
    seen = Seen()
    first, second, third, fourth = rules_of(
        "ALL : 10.\ncat : bob@10. EXCEPT 10.1.\ncat : ALL EXCEPT 10.\ncat@10.0.0.1 : 10.2.0.0/16\n"
    )
    seen.add(first)
    assert [seen.covering(rule) for rule in (second, third, fourth)] == [first, None, first]


def test_only_the_same_daemon_or_all_covers() -> None:
    seen = Seen()
    first, second, third = rules_of("cat : 10.\ndog : 10.1.2.3\ncat : 10.1.2.3\n")
    seen.add(first)
    assert seen.covering(second) is None
    assert seen.covering(third) is first


def test_a_rule_with_aclexec_may_let_go_what_it_matched() -> None:
    seen = Seen()
    first, second = rules_of("cat : 10. : aclexec /bin/false\ncat : 10.1.2.3\n")
    seen.add(first)
    assert seen.covering(second) is None


def test_a_hundred_thousand_lines_are_each_looked_up_not_walked() -> None:
    seen = Seen()
    rules = rules_of("".join(f"ALL : 10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(100_000)))
    for rule in rules:
        assert seen.covering(rule) is None
        seen.add(rule)
    assert seen.covering(rules[99_999]) is rules[99_999]
