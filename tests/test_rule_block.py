"""Packed rules: made when they are asked for, the same each time, with the line of the file they stand in now."""

from __future__ import annotations

import pytest

from superd.config.hosts.scan import read_rules
from superd.problem import Origin
from superd.rule_block import Piece, Rules, rules_of

TEXT = b"# list\nALL: 192.0.2.7\nsshd: .Example.org : deny\nALL: a b EXCEPT c\n"


def test_a_rule_is_made_from_its_line() -> None:
    rules = read_rules(TEXT, "hosts.deny", "deny")[0]
    assert [(rule.origin.line, rule.daemons, rule.clients) for rule in rules] == [
        (2, ("ALL",), ("192.0.2.7",)),
        (3, ("sshd",), (".Example.org",)),
        (4, ("ALL",), ("a", "b", "EXCEPT", "c")),
    ]
    assert [option.name for option in rules[1].options] == ["deny"]
    assert [rule.origin.line for rule in rules.not_plain()] == [4]
    assert rules[-1] == list(rules)[2]
    with pytest.raises(IndexError):
        rules[3]


def test_a_piece_has_the_lines_of_the_file_it_stands_in_now() -> None:
    block = read_rules(TEXT, "hosts.deny", "deny")[0].pieces[0].block
    moved = Rules((Piece(block, 1, 3, 100),))
    assert [rule.origin for rule in moved] == [Origin("hosts.deny", 103), Origin("hosts.deny", 104)]
    assert moved[0].options[0].origin == Origin("hosts.deny", 103)


def test_rules_that_are_made_already_are_the_same_as_rules_of_a_text() -> None:
    rules = read_rules(TEXT, "hosts.deny", "deny")[0]
    assert rules_of(tuple(rules), "deny") == rules
    assert rules_of(rules, "deny") is rules
