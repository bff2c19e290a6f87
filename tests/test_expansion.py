"""% expansions: nothing a peer chose leaves the word it was put into, and an unknown letter is nothing, as in percent_x.c."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.expansion import (
    ExpansionTooLong,
    Values,
    asked_by,
    command_environment,
    defused,
    expand_banner,
    expand_shell,
    split_variable,
    without_ampersand,
)

ANY = st.text(max_size=300)


@given(ANY, ANY)
def test_what_a_peer_chose_is_one_plain_word(user: str, name: str) -> None:
    words = defused(Values(u=user, n=name, h=name, c=f"{user}@{name}"))
    for letter in "unh":
        assert re.fullmatch(r"[0-9A-Za-z:,_][0-9A-Za-z:,._+-]*", words[letter])
        assert ".." not in words[letter]
    assert words["c"].count("@") == 1


def test_each_byte_that_is_not_a_plain_letter_is_an_underscore() -> None:
    assert defused(Values(u="jos\xe9 \udce9"))["u"] == "jos____"


@given(ANY)
def test_variables_hold_printable_text_alone(user: str) -> None:
    for name, value in command_environment(Values(u=user)).items():
        assert name.startswith("SUPERD_")
        assert value.isascii()
        assert value.isprintable()


@given(ANY)
def test_a_banner_stays_one_line(name: str) -> None:
    assert not re.search(rb"[\x00-\x1f\x7f]", expand_banner(b"hello %n", Values(n=name)))


def test_letters_are_put_in_once() -> None:
    values = Values(a="10.1.2.3", u="%a")
    assert expand_shell("%a %% %z%u 100%", values) == "10.1.2.3 % _a 100%"


def test_of_an_unknown_letter_one_byte_goes_whatever_the_text_is_for() -> None:
    values = Values(a="10.1.2.3")
    assert expand_shell("%é%a", values).encode("utf-8", "surrogateescape") == b"\xa910.1.2.3"
    assert expand_banner("%é%a".encode(), values) == b"\xa910.1.2.3"
    assert expand_shell("%\udcff%a", values) == "10.1.2.3"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A b c", ("A", "b c")), ("A \v b \f", ("A", "b")), (" A", ("A", "")), ("A\vb c", ("A\vb", "c")),
        ("A\xa0b c", ("A\xa0b", "c")), ("", ("", "")),
    ],
)  # fmt: skip
def test_a_variable_ends_at_the_blanks_that_libwrap_knows(text: str, expected: tuple[str, str]) -> None:
    assert split_variable(text) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("(a | b) &", "(a | b) "),
        ("a 2>&1& \t", "a 2>&1"),
        ("a", None),
        ("a &&", None),
        ("a \\&", None),
        ("a >&", None),
        ("", None),
    ],
)
def test_the_ampersand_at_the_end_is_superds(command: str, expected: str | None) -> None:
    assert without_ampersand(command) == expected


def test_only_three_letters_want_something_looked_up() -> None:
    assert asked_by("%a %h %c %%n %d") == ""
    assert asked_by("%u%n %N %n") == "Nnu"


def test_too_long_is_an_exception_and_just_not_too_long_is_not() -> None:
    assert len(expand_shell("x" * 8190, Values())) == 8190
    with pytest.raises(ExpansionTooLong):
        expand_shell("x" * 8191, Values())
    with pytest.raises(ExpansionTooLong):
        expand_banner(b"x" * 16400 + b"%a", Values())
