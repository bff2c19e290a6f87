"""What single xinetd values mean, each closed where xinetd was not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.xinetd.lexer import Line
from superd.config.xinetd.section import Section
from superd.config.xinetd.values import hours, log_type, number, size, words, yes
from superd.problem import Origin

WORDS = st.lists(st.sampled_from(["a", "b", "10.0.0.1", "yes", "#", "#x", "A=b"]), max_size=3)


def line(text: str, number: int = 1) -> Line:
    name, operator, *values = text.split()
    return Line(name, operator, tuple(values), Origin("xinetd.conf", number))


@given(st.lists(st.tuples(st.sampled_from(["=", "+=", "-="]), WORDS), max_size=6))
def test_words_are_those_added_and_not_taken_away_afterwards(parts: list[tuple[str, list[str]]]) -> None:
    lines = [Line("passenv", sign, tuple(values), Origin("x")) for sign, values in parts]
    last = {word: sign != "-=" for sign, values in parts for word in values}
    found = words(lines)
    assert (found is None) == (not parts)
    assert sorted(found or ()) == sorted(word for word, there in last.items() if there)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("nice = 19", 19),
        ("nice = 20", None),
        ("nice = x", None),
        ("rlimit_as = 2K", 2048),
        ("rlimit_as = UNLIMITED", -1),
        ("rlimit_as = 2G", None),
        ("access_times = 2:00-8:59", ["02:00-08:59"]),
        ("access_times = 8:00-8:00", []),
        ("access_times = 0:00-23:59 23:58-23:59", ["00:00-23:59", "23:58-23:59"]),
        ("access_times = 0:00-24:00", []),
        ("access_times = 24:00-24:01", []),
        ("access_times = 8:60-9:00", []),
        ("access_times = 8:00-9:60", []),
        ("access_times = 9:00-8:59", []),
        ("log_type = syslog DAEMON Info", "SYSLOG daemon info"),
        ("log_type = FILE /a 2K 1K", ""),
    ],
)
def test_a_value_is_read_or_its_section_is_broken(text: str, value: object) -> None:
    section, given_line = Section(), line(text)
    match given_line.name:
        case "nice":
            assert number(given_line, section, low=-20, high=19) == value
        case "rlimit_as":
            assert size(given_line, section) == value
        case "access_times":
            assert hours(given_line, section) == value
        case _:
            assert log_type(given_line, section) == value
    assert section.broken == (value in (None, [], ""))


@pytest.mark.parametrize(
    ("word", "value", "hint"), [("Yes", True, None), ("NO", False, None), ("true", False, "write `wait = yes`")]
)
def test_yes_and_no_are_the_words_and_others_are_shown_as_meant(word: str, value: bool, hint: str | None) -> None:
    section = Section()
    assert yes(line(f"wait = {word}"), section) is value
    assert [problem.hint for problem in section.problems] == ([] if hint is None else [hint])
