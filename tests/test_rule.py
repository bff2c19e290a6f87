"""Rules: written out they read back, and a rule's user and group are one identity."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from superd.config.hosts.tables import parse
from superd.problem import Origin
from superd.rule import Option, identity

WORDS = st.lists(st.text("abc.*", min_size=1, max_size=5), min_size=1, max_size=3)
OPTIONS = st.lists(st.sampled_from(["allow", "deny", "setenv A b", "nice 5", "umask 022"]), max_size=1)


@given(WORDS, WORDS, OPTIONS)
def test_the_text_of_a_rule_is_the_rule(daemons: list[str], clients: list[str], options: list[str]) -> None:
    line = " : ".join([" ".join(daemons), " ".join(clients), *options])
    [rule] = parse(f"{line}\n".encode(), "f", "allow")[0]
    assert rule.text == line
    assert parse(f"{rule.text}\n".encode(), "f", "allow")[0] == (rule,)


def option(name: str, value: str, error: str = "") -> Option:
    return Option(name, value, Origin("f", 1), error)


def test_user_and_group_make_one_identity() -> None:
    assert identity([]) == ("", "")
    assert identity([option("user", "bob")]) == ("bob", "")
    assert identity([option("user", "bob.staff")]) == ("bob", "staff")
    assert identity([option("user", "bob.staff"), option("group", "mail")]) == ("bob", "mail")
    assert identity([option("group", "mail"), option("user", "bob")]) == ("bob", "mail")


def test_after_an_option_in_error_nothing_counts() -> None:
    assert identity([option("nice", "x", "bad"), option("user", "bob")]) == ("", "")
