"""The trace and the decision are one: the rule that is named as the one that matched has decided."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.hosts.tables import parse
from superd.peer import peer_from_text
from superd.policy.hosts_access import compile_policy
from superd.policy.trace import deciding_key, dry_facts, own_rules, trace
from superd.rule import Policy
from superd.service import Service
from superd.verdict import Ask, Reason, Verdict

WORDS = [
    "ALL",
    "LOCAL",
    "KNOWN",
    "UNKNOWN",
    "10.",
    "10.1.2.3",
    "10.1.0.0/255.255.0.0",
    "bob@10.",
    ".example.org",
    "EXCEPT",
    "*.1",
]
DAEMONS = ["ALL", "sh", "in.*", "sh@10.0.0.1", "EXCEPT", "7001"]
LINES = st.tuples(
    st.lists(st.sampled_from(DAEMONS), min_size=1, max_size=4),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=5),
    st.sampled_from(["", " : deny", " : allow", " : aclexec /bin/false", " : nonsense", " : setenv A b"]),
).map(lambda parts: f"{' '.join(parts[0])} : {' '.join(parts[1])}{parts[2]}")


@given(
    st.lists(LINES, max_size=6), st.lists(LINES, max_size=6), st.sampled_from(["10.1.2.3", "10.9.9.9", "192.0.2.1"]),
    st.sampled_from(["unknown", "paranoid", "a.example.org", "short"]), st.sampled_from(["unknown", "bob", "al"]),
)  # fmt: skip
def test_the_rule_that_is_said_to_match_is_the_one_that_decides(
    allow: list[str], deny: list[str], address: str, name: str, user: str
) -> None:
    policy = Policy(
        parse("\n".join(allow).encode() + b"\n", "a", "allow")[0], parse("\n".join(deny).encode() + b"\n", "d", "deny")[0]
    )
    server = peer_from_text("10.0.0.1", 7001, name="unknown")
    looks, verdict = trace(compile_policy(policy), "sh", peer_from_text(address, name=name, user=user), server, dry_facts({}))
    assert isinstance(verdict, Verdict)
    matched = [look.rule for look in looks if not look.why_not]
    assert matched == ([] if verdict.rule is None else [verdict.rule])
    assert [look.rule for look in looks] == [*policy.allow, *policy.deny][: len(looks)]


def test_a_trace_that_hangs_on_something_says_on_what() -> None:
    rules = parse(b"ALL : @staff\nALL : ALL\n", "hosts.allow", "allow")[0]
    peer = peer_from_text("10.1.2.3", name="a.example.org", user="unknown")
    looks, verdict = trace(compile_policy(Policy(rules)), "sh", peer, peer, dry_facts({}))
    assert isinstance(verdict, Ask)
    assert [str(look) for look in looks] == ["hosts.allow:1: does not match: it hangs on netgroup: ALL : @staff"]


def test_a_rule_that_does_not_match_says_which_of_its_lists_kept_the_client_out() -> None:
    lines = b"ALL : 10. EXCEPT 10.1.\nALL : 10.2.\nALL : root@10.1.\nftpd : 10.1.\n"
    rules = parse(lines, "hosts.allow", "allow")[0]
    peer = peer_from_text("10.1.2.3", name="unknown", user="me")
    looks, _ = trace(compile_policy(Policy(rules)), "sh", peer, peer, dry_facts({}))
    assert [look.why_not for look in looks] == [
        "its client list excepts 10.1.2.3",
        "its client list does not name 10.1.2.3",
        "the user would have to be `root`, and is me",
        "its daemon list does not name sh",
    ]


SERVICE = Service(
    name="cat", server="/bin/cat", no_access=("10.9.0.0/16",), only_from=("10.0.0.0/8",), max_load=2, access_times=("8:00-9:00",)
)


@pytest.mark.parametrize(
    ("verdict", "keys"),
    [
        (None, ["no_access", "only_from", "max_load", "access_times"]),
        (Verdict(False, Reason.ADDRESS, detail="in no_access"), ["no_access"]),
        (Verdict(False, Reason.ADDRESS, detail="not in only_from"), ["no_access", "only_from"]),
        (Verdict(False, Reason.SENSOR), ["no_access", "only_from", "flags"]),
        (Verdict(False, Reason.LOAD, detail="load 3"), ["no_access", "only_from", "max_load"]),
        (Verdict(False, Reason.HOURS, detail="outside access_times"), ["no_access", "only_from", "max_load", "access_times"]),
        (Verdict(False, Reason.INSTANCES), ["no_access", "only_from", "max_load", "access_times", "instances"]),
    ],
)
def test_a_services_own_rules_are_listed_up_to_the_one_that_refuses(verdict: Verdict | None, keys: list[str]) -> None:
    told = own_rules(SERVICE, peer_from_text("10.1.2.3"), verdict)
    assert [key for key, _ in told] == keys
    assert verdict is None or deciding_key(verdict) == keys[-1]


def test_a_rule_of_the_service_says_what_it_holds() -> None:
    late = Verdict(False, Reason.HOURS, detail="outside access_times")
    assert own_rules(SERVICE, peer_from_text("10.1.2.3"), late) == (
        ("no_access", "does not name 10.1.2.3"),
        ("only_from", "names 10.1.2.3: `10.0.0.0/8`"),
        ("max_load", "is 2.0"),
        ("access_times", "are 8:00-9:00: outside access_times"),
    )


def test_penalties_of_a_service_say_which_clients_they_spare() -> None:
    def told(exempt: list[str]) -> list[str]:
        limits = {"penalties": {"refused": 5, "exempt": exempt}}
        made = Service.model_validate({"name": "cat", "server": "/bin/cat", "limits": limits})
        return [text for key, text in own_rules(made, peer_from_text("10.1.2.3"), None) if key == "limits.penalties"]

    costs = "may refuse 10.1.2.3 after refused 5 s, 600 s at most"
    assert told([]) == [costs]
    assert told(["192.0.2.0/24"]) == [costs]
    assert told(["10.1.2.0/24"]) == ["has no penalties for 10.1.2.3: it is in exempt"]
    assert told(["dns:h.example.org"])[1:] == ["but not the addresses of h.example.org"]
