"""The options of the internal `auth` service, as FreeBSD's inetd has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.auth_options import AuthOptions, parse_auth_options


def test_each_option_sets_its_own_field() -> None:
    assert parse_auth_options([]) == AuthOptions()
    assert parse_auth_options(["-r", "-i", "-n", "-g"]) == AuthOptions(real=True, numeric=True, hide=True, random=True)
    assert parse_auth_options(["-d", "root", "-oOTHER", "-t", "2.5"]) == AuthOptions(fallback="root", system="OTHER", seconds=2.5)


@pytest.mark.parametrize(
    "words", [["-f"], ["-x"], ["-d"], ["-d", "a:b"], ["-d", "a\r\nb"], ["-t", "0"], ["-t", "x"], ["-o", "a b"]]
)
def test_what_it_cannot_mean_is_an_error_that_names_the_word(words: list[str]) -> None:
    with pytest.raises(ValueError, match=f"`{words[0][:2]}"):
        parse_auth_options(words)


@given(st.lists(st.text(max_size=8) | st.sampled_from(["-r", "-d", "-o", "-t", "-n"]), max_size=5))
def test_nothing_that_ends_an_ident_line_gets_into_an_answer(words: list[str]) -> None:
    try:
        found = parse_auth_options(words)
    except ValueError:
        return
    assert not set("\r\n:") & set(found.fallback + found.system)
    assert found.seconds > 0
