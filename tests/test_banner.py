"""Banners: every line ends in CR LF once, whatever the file has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.banner import MAX_RENDERED, render
from superd.expansion import ExpansionTooLong, Values

LINES = st.lists(st.binary(max_size=20).map(lambda line: line.translate(None, b"\r\n%")), max_size=6)


@given(LINES, st.sampled_from([b"\n", b"\r\n"]))
def test_lines_end_in_cr_lf_and_are_what_they_were(lines: list[bytes], end: bytes) -> None:
    assert render(b"".join(line + end for line in lines), Values()) == b"".join(line + b"\r\n" for line in lines)


def test_a_last_line_without_an_end_gets_none_and_expansions_are_put_in() -> None:
    assert render(b"220-Hello, %c\n%%h", Values(c="bob@a.org")) == b"220-Hello, bob@a.org\r\n%h"


def test_a_name_of_the_clients_choice_stays_on_its_line() -> None:
    assert render(b"Hi %n\n", Values(n="x\r\n250 evil")) == b"Hi x__250 evil\r\n"


def test_expansions_make_no_banner_endless() -> None:
    assert len(render(b"%c\n" * MAX_RENDERED, Values(c="x" * 255))) == MAX_RENDERED
    with pytest.raises(ExpansionTooLong):
        render(b"%c" * 100, Values(c="x" * 255))
