"""The decision: what EXCEPT takes away, which table comes first, and what an aclexec command's status makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.hosts.tables import parse
from superd.peer import Peer, peer_from_text
from superd.policy.facts import Facts
from superd.policy.hosts_access import NO_FACTS, compile_policy, decide, decide_unseen, split_at_sign
from superd.rule import Policy
from superd.verdict import Ask, Need, Reason, Verdict

SERVER = peer_from_text("10.0.0.1", 23, name="unknown")


def asked(allow: str, deny: str, client: Peer, facts: Facts = NO_FACTS) -> Verdict | Ask:
    policy = Policy(parse(allow.encode(), "a", "allow")[0], parse(deny.encode(), "d", "deny")[0])
    return decide(compile_policy(policy), "sh", client, SERVER, facts)


def admits(allow: str, deny: str, address: str, name: str = "unknown", user: str = "unknown") -> bool:
    verdict = asked(allow, deny, peer_from_text(address, name=name, user=user))
    assert isinstance(verdict, Verdict)
    return verdict.admit


def test_hosts_allow_comes_first_and_clients_that_no_rule_names_are_admitted() -> None:
    assert admits("sh : 10.\n", "ALL : ALL\n", "10.1.1.1")
    assert not admits("sh : 10.\n", "ALL : ALL\n", "11.1.1.1")
    assert admits("", "cat : ALL\n", "11.1.1.1")


@given(st.lists(st.sampled_from(["10.", "10.1.", "10.1.1.", "10.1.1.1", "ALL"]), min_size=1, max_size=6))
def test_except_nests_to_the_right(words: list[str]) -> None:
    """`a EXCEPT b EXCEPT c` is a without (b without c)."""

    def naive(rest: list[str]) -> bool:
        head = rest[0] == "ALL" or "10.1.1.1".startswith(rest[0])
        return head and not (len(rest) > 1 and naive(rest[1:]))

    assert admits("", f"sh : {' EXCEPT '.join(words)}\n", "10.1.1.1") is not naive(words)


def test_a_line_may_have_more_excepts_than_there_is_stack() -> None:
    for depth in (20_000, 20_001):
        text = f"sh : {'10. EXCEPT ' * depth}11.\n"
        assert admits("", text, "10.1.1.1") is (depth % 2 == 0)


def test_what_is_not_known_is_asked_for_and_only_when_it_matters() -> None:
    nobody = peer_from_text("10.1.1.1")
    named = asked("", "sh : .org\n", nobody)
    assert isinstance(named, Ask)
    assert named.need is Need.HOST_NAME
    user = asked("", "sh : bob@10.\n", nobody)
    assert isinstance(user, Ask)
    assert user.need is Need.USER_NAME
    assert isinstance(asked("", "cat : .org\nsh : 10.\n", nobody), Verdict)


def test_an_aclexec_that_fails_takes_the_more_closed_way() -> None:
    client = peer_from_text("10.1.1.1", name="unknown", user="unknown")
    allow, deny = "sh : ALL : aclexec /bin/x\nsh : ALL\n", "sh : ALL : aclexec /bin/y\nsh : ALL\n"
    first = asked(allow, "", client)
    assert isinstance(first, Ask)
    assert first.option is not None
    failed = Facts(aclexec={first.option: False})
    skipped = asked(allow, "sh : 10.\n", client, failed)
    assert isinstance(skipped, Verdict)
    assert not skipped.admit  # the rest of hosts.allow was skipped
    second = asked("", deny, client)
    assert isinstance(second, Ask)
    assert second.option is not None
    gone_on = asked("", deny, client, Facts(aclexec={second.option: False}))
    assert isinstance(gone_on, Verdict)
    assert (gone_on.admit, gone_on.rule is not None and gone_on.rule.origin.line) == (False, 2)


def test_the_same_aclexec_twice_runs_twice() -> None:
    client = peer_from_text("10.1.1.1", name="unknown", user="unknown")
    table = "sh : ALL : aclexec /bin/x : aclexec /bin/x\n"
    first = asked(table, "", client)
    assert isinstance(first, Ask)
    assert first.option is not None
    second = asked(table, "", client, Facts(aclexec={first.option: True}))
    assert isinstance(second, Ask)
    assert second.option is not None
    assert (second.option.value, second.option.number) == ("/bin/x", 1)
    both = asked(table, "", client, Facts(aclexec={first.option: True, second.option: True}))
    assert isinstance(both, Verdict)


def test_an_option_that_is_wrong_refuses_clients_that_match() -> None:
    verdict = asked("sh : ALL : nonsense\n", "", peer_from_text("10.1.1.1"))
    assert isinstance(verdict, Verdict)
    assert (verdict.admit, verdict.reason) == (False, Reason.RULE_BROKEN)


@given(st.text(alphabet="ab@[]:", max_size=12))
def test_a_word_is_cut_at_an_at_sign_outside_brackets_and_nothing_is_lost(word: str) -> None:
    parts = split_at_sign(word)
    assert parts is None or (f"{parts[0]}@{parts[1]}" == word and parts[0] != "")


def unseen(allow: str, deny: str) -> bool:
    policy = Policy(parse(allow.encode(), "a", "allow")[0], parse(deny.encode(), "d", "deny")[0])
    return decide_unseen(compile_policy(policy), "sh").admit


def test_clients_without_an_address_are_admitted_only_where_no_rule_could_refuse() -> None:
    assert unseen("", "")
    assert unseen("", "cat : ALL\n")
    assert not unseen("", "ALL : ALL\n")
    assert not unseen("", "ALL : 192.0.2.7\n")
    assert not unseen("sh : 10.\n", "ALL : ALL\n")
    assert unseen("sh : ALL\n", "ALL : ALL\n")
    assert not unseen("sh : ALL : deny\n", "")
    assert not unseen("", "sh@@group : ALL\n")


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (b"ALL: .lan\n", 1),
        (b"ALL: .example.net\nALL: .lan\n", 2),
        (b"ALL: [fe80::]/10\nALL: .lan\n", 1),
        (b"ALL: .lan\nALL: [fe80::]/10\n", 1),
        (b"ALL: .example.org\nALL: .lan\nALL: [fe80::]/10\n", 1),
        (b"ALL: .lan\nALL: .example.org\n", 1),
        (b"ALL: .wan\n", 0),
    ],
)
def test_a_zone_that_ends_like_a_name_matches_as_one(lines: bytes, line: int) -> None:
    policy = compile_policy(Policy((), parse(lines, "t", "deny")[0]))
    client = peer_from_text("fe80::1%br.lan", name="a.example.org", user="unknown")
    verdict = decide(policy, "sh", client, peer_from_text("10.0.0.1", 7001, name="unknown"), NO_FACTS)
    assert isinstance(verdict, Verdict)
    assert (verdict.rule.origin.line if verdict.rule is not None else 0) == line


@pytest.mark.parametrize(
    ("clients", "address", "matches"),
    [
        ("10. EXCEPT 10.1.", "192.0.2.1", False), ("10. EXCEPT 10.1.", "10.2.0.1", True), ("10. EXCEPT 10.1.", "10.1.0.1", False),
        ("10. EXCEPT 10.1. EXCEPT 10.1.2.", "192.0.2.1", False), ("10. EXCEPT 10.1. EXCEPT 10.1.2.", "10.2.0.1", True),
        ("10. EXCEPT 10.1. EXCEPT 10.1.2.", "10.1.3.1", False), ("10. EXCEPT 10.1. EXCEPT 10.1.2.", "10.1.2.3", True),
        ("10. EXCEPT 192.0.2.", "192.0.2.1", False), ("EXCEPT 10.", "10.1.1.1", False),
        ("10. 192.0.2. EXCEPT 10.", "192.0.2.1", True),
    ],
)  # fmt: skip
def test_except_takes_away_from_what_stands_before_it_alone(clients: str, address: str, matches: bool) -> None:
    assert admits("", f"sh : {clients}\n", address) is not matches
    assert admits(f"sh : {clients}\n", "ALL : ALL\n", address) is matches


@pytest.mark.parametrize(
    ("daemons", "matches"),
    [
        ("ALL EXCEPT sh", False),
        ("ALL EXCEPT cat", True),
        ("cat EXCEPT sh", False),
        ("cat EXCEPT dog", False),
        ("sh EXCEPT cat", True),
    ],
)
def test_except_is_for_daemons_as_for_clients(daemons: str, matches: bool) -> None:
    assert admits("", f"{daemons} : ALL\n", "10.1.1.1") is not matches


def test_allow_and_deny_say_it_in_either_table() -> None:
    assert admits("", "sh : 10. : allow\nALL : ALL\n", "10.1.1.1")
    assert not admits("sh : 10. : deny\nALL : ALL\n", "", "10.1.1.1")
    assert not admits("", "sh : 10. : deny\n", "10.1.1.1")
    assert admits("sh : 10. : allow\n", "ALL : ALL\n", "10.1.1.1")
