"""Files of variables: systemd's syntax to the letter, and no message that holds a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.env_file import parse_env_file


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("A=1\nB=two words  \n", (("A", "1"), ("B", "two words"))),
        ("# a comment\n; another\n\n  A=1", (("A", "1"),)),
        ("A='single \"q\" $x \\n'\n", (("A", 'single "q" $x \\n'),)),
        ('A="double \\"q\\" \\$x \\n \\\\"\n', (("A", 'double "q" $x \\n \\'),)),
        ("A='two\nlines'\nB=2\n", (("A", "two\nlines"), ("B", "2"))),
        ("A=one\\\ntwo\n", (("A", "onetwo"),)),
        ('A="one\\\ntwo"\n', (("A", "onetwo"),)),
        ("A=a\\ b\\\\c\n", (("A", "a b\\c"),)),
        ("A='x'\"y\"z\n", (("A", "xyz"),)),
        ("A=it's # no comment\n", (("A", "it's # no comment"),)),
        ("A=\nB =b\n", (("A", ""), ("B", "b"))),
        ("A=1\nA=2\n", (("A", "2"),)),
        ("A=1\r\nB=2\r\n", (("A", "1"), ("B", "2"))),
        ("A=1\rB=2\r# no\rC='3\r4'", (("A", "1"), ("B", "2"), ("C", "3\r4"))),
        ("A=1\\\r\nB=2\n", (("A", "1"), ("B", "2"))),
    ],
)
def test_variables_are_read_as_systemd_reads_them(text: str, variables: tuple[tuple[str, str], ...]) -> None:
    assert parse_env_file(text) == (variables, ())


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("A=1\nnonsense\n", 2, "is not NAME=value"),
        ("export TOKEN=secret\n", 1, "write `TOKEN=`"),
        ("1A=secret\n", 1, "is not the name of a variable"),
        ("A='secret\n", 1, "never closed"),
        ("\nA=se\0cret\n", 2, "NUL"),
    ],
)
def test_what_is_wrong_is_said_at_its_line_and_without_the_value(text: str, line: int, part: str) -> None:
    _, ((number, message),) = parse_env_file(text)
    assert number == line
    assert part in message
    assert "secret" not in message


@given(st.text(max_size=100))
def test_any_text_is_read_to_its_end(text: str) -> None:
    variables, wrong = parse_env_file(text)
    assert all("\0" not in name + value for name, value in variables)
    assert all(1 <= line <= text.count("\n") + 1 for line, _ in wrong)
