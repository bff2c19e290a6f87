"""hosts.allow and hosts.deny: rules where libwrap sees them, and a problem where it would stay silent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.hosts.tables import file_patterns, parse, words
from superd.problem import errors
from superd.rule import Table

PIECES = ["ALL", " : ", ":", "\\\n", "\n", "[::1]", "[", "]", "#", " deny", "umask 0x", "setenv A B"]
PIECES += ["\\:", "\0", "twist", ",", "\ufeff"]
TOKENS = st.text("abc.10/*@", min_size=1, max_size=6)


@given(
    st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(PIECES), max_size=15).map("".join).map(str.encode)),
    st.sampled_from(("allow", "deny")),
)
def test_any_bytes_give_rules_and_problems_inside_the_file(data: bytes, table: Table) -> None:
    rules, problems = parse(data, "hosts", table)
    for origin in (*(rule.origin for rule in rules), *(problem.origin for problem in problems)):
        assert 1 <= origin.line <= data.count(b"\n") + 1
    assert [rule.origin.line for rule in rules] == sorted(rule.origin.line for rule in rules)
    assert not (table == "allow" and errors(problems))


@given(st.lists(TOKENS, min_size=1, max_size=4), st.lists(TOKENS, min_size=1, max_size=4), st.sampled_from([" ", ",", " ,\t"]))
def test_a_rule_that_is_written_out_reads_back_as_it_was(daemons: list[str], clients: list[str], blank: str) -> None:
    line = f"{blank.join(daemons)}: {blank.join(clients)} : severity auth.info : deny\n"
    first = parse(line.encode(), "hosts", "allow")[0][0]
    assert (first.daemons, first.clients) == (tuple(daemons), tuple(clients))
    again = parse(f"{first.text}\n".encode(), "hosts", "allow")[0][0]
    assert again == first


def test_a_line_that_is_not_a_rule_fails_open_in_deny_and_closed_in_allow() -> None:
    text = b"ALL ALL\n\nsshd : \\\n  10.\nALL : ALL"
    tables: dict[Table, int] = {"deny": 1, "allow": 0}
    for table, serious in tables.items():
        rules, problems = parse(text, "hosts", table)
        assert [rule.origin.line for rule in rules] == [4, 5]
        assert len(errors(problems)) == serious
        assert [problem.origin.line for problem in problems] == [1, 5]


def test_every_blank_of_c_is_taken_off_an_option() -> None:
    (rule,), problems = parse(b"ALL : ALL : \v nice 5\f : allow\v\n", "hosts", "deny")
    assert [(option.name, option.value, option.error) for option in rule.options] == [("nice", "5", ""), ("allow", "", "")]
    assert not problems


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("sevrity mail.info", "severity mail.info"), ("severity mail.waring", "severity mail.warning"),
        ("severity notise", "severity notice"), ("setenv A=b c", "setenv A b c"),
        ("setenv A=b=c", "setenv A b=c"), ("/bin/echo %a", "spawn /bin/echo %a"),
        ("umask 022:", "umask 022"), ("nice x", ""), ("allow yes", "allow"), ("allow : umask 022", "umask 022 : allow"),
        ('spawn (echo "DENIED: access" | logger)', 'spawn (echo "DENIED\\: access" | logger)'),
        ("spawn date 12:30:05 : deny", "spawn date 12\\:30\\:05 : deny"), ("bogus x", ""),
    ],
)  # fmt: skip
def test_a_wrong_option_is_reported_as_it_was_probably_meant(option: str, hint: str) -> None:
    _, problems = parse(f"ALL : ALL : {option}\n".encode(), "hosts", "deny")
    meant = f"ALL : ALL : {hint}"
    assert [problem.hint for problem in problems] == [f"write `{meant}`" if hint else ""]
    if hint:
        assert parse(f"{meant}\n".encode(), "hosts", "deny")[1] == ()


def test_all_that_is_wrong_with_a_rule_is_reported_at_once() -> None:
    _, problems = parse(b"cat: ALL: keepaliv: linger x: spawn a:b: nise 3: umask 9999: deny now\n", "hosts", "allow")
    assert [problem.message.partition(",")[0] for problem in problems] == [
        'bad option name: "keepaliv"',
        'bad linger value: "x"',
        'bad option name: "nise"',
        'bad umask value: "9999"',
        'option "deny" requires no value',
    ]


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("sshd 192.0.2.7\n", 1, "write `sshd : 192.0.2.7`"),
        ("192.0.2.7\n", 1, "write `ALL : 192.0.2.7`"),
        ("ALL ALL\n", 1, "write `ALL : ALL`"),
        ("sshd, ftpd .example.org\n", 1, "write `sshd ftpd : .example.org`"),
        ("sshd\n", 1, "write `sshd : ALL` if it is a daemon"),
        ("Written by hand on Monday\n", 1, "write `# Written by hand on Monday` if it is a comment"),
        ("ALL\uff1a ALL\n", 1, "write `ALL: ALL`"),
        ("sshd: 10. \\ # ours\n 10.2.\n", 2, "write `sshd: 10. 10.2.`"),
        ("sshd: 10. \\ \n 10.2.\n", 2, "write `sshd: 10. 10.2.`"),
        ("sshd: ALL: (/bin/x | \\ #joined\n /bin/y) &\n", 2, "write `sshd : ALL : spawn (/bin/x | /bin/y) &`"),
    ],
)
def test_a_line_without_a_colon_is_one_error_with_the_line_as_it_was_meant(text: str, line: int, hint: str) -> None:
    (problem,) = parse(text.encode(), "hosts", "deny")[1]
    assert (problem.origin.line, problem.severity.value, problem.hint) == (line, "error", hint)
    meant = hint.removeprefix("write `").partition("`")[0]
    assert parse(f"{meant}\n".encode(), "hosts", "deny")[1] == ()


def test_lines_that_libwrap_does_not_read_are_named_with_what_it_does_instead() -> None:
    for text in ("ALL : ALL", "# a comment", "  "):
        assert "libwrap refuses every client" in parse(text.encode(), "hosts", "deny")[1][0].message
    assert "libwrap ignores it" in parse(b"ALL : ALL", "hosts", "allow")[1][0].message
    long = "ALL : " + "10.1.2.3 " * 230 + "\n"
    (problem,) = parse(f"ALL : 10.\n{long}".encode(), "hosts", "deny")[1]
    assert (problem.origin.line, "longer than 2047 bytes" in problem.message) == (2, True)
    short = "ALL : " + "x" * (2047 - 7) + "\n"
    assert len(short) == 2047
    assert parse(short.encode(), "hosts", "deny")[1] == ()


@pytest.mark.parametrize("behind", [b"ALL : ALL", b"# sshd, ALL : ALL", b"sshd, \\\nALL : ALL"])
@pytest.mark.parametrize("before", [b"", b"sshd : 10.\n"])
def test_a_line_after_a_byte_order_mark_is_not_a_rule(before: bytes, behind: bytes) -> None:
    text = before + b"\xef\xbb\xbf" + behind + b"\nsshd : 10.\n"
    tables: dict[Table, int] = {"deny": 1, "allow": 0}
    for table, serious in tables.items():
        rules, problems = parse(text, "hosts", table)
        assert {rule.clients for rule in rules} == {("10.",)}
        assert len(errors(problems)) == serious
        assert "byte order mark" in problems[0].message


def test_commas_and_blanks_separate_and_file_patterns_are_reported_once() -> None:
    assert words(" a,b\t,c ") == ("a", "b", "c")
    rules, _ = parse(b"sshd@/etc/ours : /etc/bad bob@/etc/bad 10.\n", "hosts", "deny")
    assert file_patterns(rules) == ("/etc/ours", "/etc/bad")


def test_a_table_in_utf_16_is_one_error() -> None:
    rules, problems = parse("ALL: 192.0.2.1\nALL: 192.0.2.2\n".encode("utf-16"), "hosts", "deny")
    assert (rules, [problem.message for problem in problems]) == ((), ["the file is UTF-16: none of its lines is a rule"])
