"""Words and characters that make another rule of one: the consequence first, then the word, then the line as it was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.hosts.tables import parse
from superd.lint.covered import Seen
from superd.lint.misread import misreading
from superd.lint.rules import Host, guarded_by, lint
from superd.problem import Problem
from superd.rule import Table

HOST = Host(lambda _: "", ())
DENY = parse(b"ALL : ALL\n", "hosts.deny", "deny")[0]


def said(text: str, table: Table) -> list[Problem]:
    rules, _ = parse(text.encode(), f"hosts.{table}", table)
    return lint(rules, text.split("\n"), HOST, Seen(), guarded=guarded_by(DENY))


CASES: list[tuple[Table, str, str, str]] = [
    ("allow", "sshd : ALL EXPECT .example", "error: this rule admits every client: `EXPECT`", "sshd : ALL EXCEPT .example"),
    ("allow", "sshd : ALL BUT .bad.example", "error: this rule admits every client: `BUT`", "sshd : ALL EXCEPT .bad.example"),
    ("allow", "sshd : ALL, EXCEPT: .bad", "warning: ", ""),
    ("allow", "sshd : 10. EXEPT 10.1.2.3", "error: this rule admits `10.1.2.3` too: `EXEPT`", "sshd : 10. EXCEPT 10.1.2.3"),
    ("allow", "sshd : ALL !192.0.2.9", "error: this rule admits every client: `!192.0.2.9`", "sshd : ALL EXCEPT 192.0.2.9"),
    ("allow", "sshd : ALL deny", "error: this rule admits every client: `deny` is a pattern", "sshd : ALL : deny"),
    ("allow", "sshd : ALL REJECT", "error: this rule admits every client: `REJECT` is a pattern", "sshd : ALL : deny"),
    ("allow", "sshd : ALL\u00a0EXCEPT .bad", "error: this rule admits ", "sshd : ALL EXCEPT .bad"),
    ("deny", "ALL :\u00a0ALL", "error: this rule refuses nobody: a special blank (U+00A0)", "ALL : ALL"),
    ("deny", "ALL\u00a0: ALL", "error: this rule refuses nobody: a special blank (U+00A0)", "ALL : ALL"),
    ("deny", "\u201cALL\u201d : ALL", "error: this rule refuses nobody: a curly quote (U+201C)", "ALL : ALL"),
    ("deny", '"ALL" : ALL', "error: this rule refuses nobody: the quote is part of the pattern", "ALL : ALL"),
    ("deny", "ALL : 'ALL'", "error: this rule refuses nobody: the quote is part of the pattern", "ALL : ALL"),
    ("deny", "ALL : PARANIOD", "error: this rule refuses nobody: `PARANIOD` is a host's name", "ALL : PARANOID"),
    ("deny", "ALL : UNKNAWN", "error: this rule refuses nobody: `UNKNAWN` is a host's name and not UNKNOWN", "ALL : UNKNOWN"),
    ("deny", "AL : ALL", "error: this rule refuses nobody: `AL` is a daemon's name and not ALL", "ALL : ALL"),
    ("allow", "ALL : LOCL", "warning: this rule admits nobody: `LOCL` is a host's name", "ALL : LOCAL"),
    ("deny", "\u0410LL : ALL", "error: this rule refuses nobody: a letter of another alphabet", "ALL : ALL"),
    ("deny", "EXCEPT sshd : ALL", "error: this rule refuses nobody: nothing stands before EXCEPT", "ALL EXCEPT sshd : ALL"),
    ("allow", "sshd : ALL EXCEPT", "error: this rule admits every client: nothing stands after EXCEPT", "sshd : ALL"),
    ("deny", "ALL : deny", "error: this rule refuses nobody: `deny` is a pattern here", "ALL : ALL : deny"),
    ("allow", "sshd : deny", "error: this rule refuses nobody: `deny` is a pattern here", "sshd : ALL : deny"),
    ("allow", "sshd : spawn /bin/x", "warning: this rule admits nobody: `spawn` is a pattern", "sshd : ALL : spawn /bin/x"),
    ("allow", "sshd, 10.0.0.1 : allow", "warning: this rule admits nobody: `allow`", "sshd : 10.0.0.1 : allow"),
    ("deny", "ALL : ANY", "error: this rule refuses nobody: `ANY` is a host's name", "ALL : ALL"),
    ("deny", "ALL : 10.1.2.3\\\n10.4.5.6", "error: this rule refuses nobody: a backslash", "ALL : 10.1.2.3 10.4.5.6"),
    ("deny", "ALL : ALL EXEPT 10.", "warning: this rule refuses every client: `EXEPT`", "ALL : ALL EXCEPT 10."),
    ("deny", "ALL : ALL allow", "warning: this rule refuses every client: `allow` is a pattern", "ALL : ALL : allow"),
    ("allow", "sshd : http://192.0.2.7/", "warning: this rule admits nobody: `http://192.0.2.7/` is a URL", "sshd : 192.0.2.7"),
    ("allow", "sshd : 10. : spawn echo a &amp;", "warning: the option is carried out", "sshd : 10. : spawn echo a &"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "line", "message", "meant"), CASES, ids=[case[1] for case in CASES])
def test_the_consequence_comes_first_and_the_corrected_line_passes(table: Table, line: str, message: str, meant: str) -> None:
    found = said(f"{line}\n", table)
    if not meant:
        return  # an option that does not exist, which the reader names
    first = found[0]
    assert f"{first.severity}: {first.message}".startswith(message)
    assert first.hint == f"write `{meant}`"
    rules, problems = parse(f"{meant}\n".encode(), "hosts", table)
    assert problems == ()
    assert [misreading(rule) for rule in rules] == [None]


def test_without_a_rule_of_hosts_deny_for_its_daemon_it_is_a_warning() -> None:
    rules, _ = parse(b"sshd : ALL EXPECT .bad\n", "hosts.allow", "allow")
    for deny, severity in (("", "warning"), ("cat : ALL\n", "warning"), ("sshd : 10.\n", "error"), ("ALL : ALL\n", "error")):
        guarded = guarded_by(parse(deny.encode(), "hosts.deny", "deny")[0])
        assert lint(rules, ["sshd : ALL EXPECT .bad"], HOST, Seen(), guarded=guarded)[0].severity.value == severity


@pytest.mark.parametrize(
    "line",
    [
        "sshd : 10. expert mail excel",
        "sshd, in.ftpd : ALL EXCEPT 10.1.2.3",
        "sshd : mail www allow.example.org",
        "sshd : .exeter.ac.uk",
        "sshd : 10. : deny",
        "sshd : 10. \\\n 10.2.",
        "sshd : a&b.example",
    ],
)
def test_rules_that_mean_what_they_say_are_left_alone(line: str) -> None:
    rules, _ = parse(f"{line}\n".encode(), "hosts.allow", "allow")
    assert [misreading(rule, [piece.removesuffix("\\") for piece in line.split("\n")]) for rule in rules] == [None]


@given(st.lists(st.sampled_from(["ALL", "EXPECT", "BUT", "10.", "deny", "!x", "any", "\u00a0", "a\u00a0b", "EXCEPT", "http"])))
def test_what_was_meant_is_always_a_rule_without_a_misreading_of_the_same_word(words: list[str]) -> None:
    rules, _ = parse(f"ALL : {' '.join(words)}\n".encode(), "hosts.allow", "allow")
    for rule in rules:
        found = misreading(rule)
        for _ in range(len(words) + 1):
            if found is None:
                break
            found = misreading(found.meant)
        assert found is None
