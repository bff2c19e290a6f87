"""Address words: each of them closed where xinetd misread it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.config.xinetd.addresses import BadAddress, read_word


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("10.0.0.0", ("10.0.0.0/8",)),
        ("0.0.0.0", ("0.0.0.0/0",)),
        ("10.1.2.3/8", ("10.0.0.0/8",)),
        ("::ffff:1.2.3.4", ("1.2.3.4",)),
        ("fe80::1%eth0", ("fe80::1",)),
        ("1.2.{3,4}", ("1.2.3.0/24", "1.2.4.0/24")),
    ],
)
def test_a_word_keeps_xinetds_meaning(word: str, words: tuple[str, ...]) -> None:
    assert read_word(word, refusing=False).words == words


@pytest.mark.parametrize("word", ["::1/128", "10.1.2.0/255.255.255.0", "10.1.2.3/33", "192.168", "ALL", "[::1]", "::"])
def test_a_misread_word_admits_nobody(word: str) -> None:
    reading = read_word(word, refusing=False)
    assert reading.words == ()
    assert reading.xinetd


def test_a_network_name_refuses_its_whole_network() -> None:
    reading = read_word("link-local", refusing=True, networks={"link-local": "169.254.0.0"})
    assert reading.words == ("169.254.0.0/16",)


@given(st.text(max_size=40), st.booleans())
def test_any_word_gives_words_or_bad_address_and_none_refused_is_lost(word: str, refusing: bool) -> None:
    try:
        reading = read_word(word, refusing=refusing)
    except BadAddress:
        return
    assert reading.words or not refusing
