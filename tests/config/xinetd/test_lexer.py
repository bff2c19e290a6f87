"""Blocks and resynchronising."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.xinetd.lexer import split_entries
from superd.look_alikes import UTF_16
from superd.problem import Severity


def test_a_missing_brace_is_noticed_at_the_next_keyword() -> None:
    entries, problems = split_entries(b"service a\n{\nwait = no\nservice b\n{\n}\n", "f")
    assert [(entry.argument, entry.broken) for entry in entries] == [("a", True), ("b", False)]
    assert problems[0].origin.line == 1


@given(st.binary(max_size=400))
def test_any_bytes_split_and_a_whole_entry_after_them_is_found(data: bytes) -> None:
    entries, problems = split_entries(data + b"\nservice last\n{\n}\n", "f")
    if data.startswith(UTF_16):
        assert [problem.message for problem in problems] == ["the file is UTF-16"]
        return
    assert entries[-1].argument == "last"
    assert not entries[-1].broken


BODY = ("type = UNLISTED", "port = 9001", "wait = no")


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("service x{\n" + "\n".join(BODY) + "\n}\n", 1, "write `service x`, and `{` on the next line"),
        ("service x {\n" + "\n".join(BODY) + "\n}\n", 1, "write `service x`, and `{` on the next line"),
        ("service x { " + " ".join(BODY) + " }\n", 1, "each attribute and `}` on a line of its own"),
        ("service x\n{ " + "\n".join(BODY) + "\n}\n", 2, "put `{` on its own line"),
        ("service x\n" + "\n".join(BODY) + "\n}\n", 2, "put `{` on its own line"),
        ("service x\n{\n" + "\n".join(BODY) + " }\n", 5, "put `}` on a line of its own"),
        ("service x\n{\n" + "\n".join(BODY) + "\n", 1, "put `}` on a line of its own"),
        ("service x\n{\ntype = UNLISTED\nport = \\\n9001\nwait = no\n}\n", 4, "write `port = 9001`"),
        ("service x\n{\ntype = UNLISTED\nport =\u00a09001\nwait = no\n}\n", 4, "write `port = 9001`"),
        ("service x\n{\ntype = UNLISTED\nport=9001\nwait = no\n}\n", 4, "write `port = 9001`"),
    ],
)
def test_each_wrong_form_is_one_error_and_the_rest_is_read(text: str, line: int, hint: str) -> None:
    entries, problems = split_entries(f"{text}service last\n{{\n}}\n".encode(), "f")
    assert [(entry.argument, entry.broken) for entry in entries] == [("x", True), ("last", False)]
    wanted = [tuple(line.split(" = ")) for line in BODY]
    assert [(given.name, *given.values) for given in entries[0].lines] == wanted
    (problem,) = problems
    assert (problem.origin.line, hint in problem.hint) == (line, True), problem


def test_a_backslash_before_a_line_of_its_own_is_a_value_as_in_xinetd() -> None:
    entries, problems = split_entries(b"service x\n{\nserver_args = a \\\nwait = no\n}\n", "f")
    assert problems == []
    assert [line.values for line in entries[0].lines] == [("a", "\\"), ("no",)]


def test_a_brace_is_an_argument_where_the_entry_is_closed_besides() -> None:
    entries, problems = split_entries(b"service x\n{\nserver_args = { a }\n}\n", "f")
    assert problems == []
    assert entries[0].lines[0].values == ("{", "a", "}")


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        (["port=1", "wait=no", "nice=3"], "`port=1` needs a blank before the operator", "write `port = 1`"),
        (["port : 1", "wait : no", "nice: 3"], "`:` in `port : 1` is not an operator", "write `port = 1`"),
        (["port => 1", "wait => no", "nice => 3"], "`=>` in `port => 1` is not an operator", "write `port = 1`"),
        (["port 1", "wait no", "nice 3"], "no operator in `port 1`", "write `port = 1`"),
        (["port = 1;", "wait = no;", "nice = 3;"], "the `;` of `port = 1;` is part of the value", "write `port = 1`"),
    ],
)
def test_a_form_that_all_lines_of_an_entry_have_is_one_error_that_counts_them(lines: list[str], message: str, hint: str) -> None:
    entries, problems = split_entries("\n".join(["service x", "{", *lines, "}", ""]).encode(), "f")
    (problem,) = problems
    assert problem.message.startswith(message)
    assert problem.message.endswith("; and the entry has 2 more lines of this kind")
    assert (problem.origin.line, problem.hint) == (3, hint)
    assert [(line.name, *line.values) for line in entries[0].lines] == [("port", "1"), ("wait", "no"), ("nice", "3")]


def test_words_after_a_name_are_ignored_with_a_warning() -> None:
    entries, problems = split_entries(b"service a b c\n{\n}\ndefaults d\n{\n}\nservice x\n{\n}\n", "f")
    assert [(entry.kind, entry.broken) for entry in entries] == [("service", False), ("defaults", False), ("service", False)]
    assert [(problem.origin.line, problem.severity, problem.message) for problem in problems] == [
        (1, Severity.WARNING, "`b c` is ignored, as xinetd did"),
        (4, Severity.WARNING, "`d` is ignored, as xinetd did"),
    ]
