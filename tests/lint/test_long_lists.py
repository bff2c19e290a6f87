"""Advice on long lists: one finding of a kind, with its number."""

from __future__ import annotations

from superd.config.hosts.scan import read_rules
from superd.lint.long_lists import lint_long
from superd.lint.rules import Host

HOST = Host(lambda _: "", {"cat"})


def test_entries_that_stand_there_twice_are_one_finding_with_their_number() -> None:
    text = b"".join(b"ALL: 10.%d.%d.1\n" % (number % 200, number % 100) for number in range(1000))
    (problem,) = lint_long(read_rules(text, "hosts.deny", "deny")[0], HOST)
    assert problem.origin.line == 201
    assert problem.message == "can never match: hosts.deny:1 covers it (and 799 more like it, the last in line 1000)"


def test_names_are_compared_without_their_case_and_a_daemon_that_no_service_has_is_named_once() -> None:
    text = b"cat: a.example.org\ncat: A.Example.org\n" + b"dog: b.example.org\n" * 2
    found = [(item.origin.line, item.message) for item in lint_long(read_rules(text, "hosts.deny", "deny")[0], HOST)]
    assert found == [
        (2, "can never match: hosts.deny:1 covers it"),
        (3, "no service has the daemon name `dog`"),
        (4, "can never match: hosts.deny:3 covers it"),
    ]
