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


@pytest.mark.parametrize(
    ("word", "words", "dropped"),
    [
        ("fe80::1%ENX0", ("fe80::1",), False),
        ("ff02::1%lo", ("ff02::1",), False),
        ("::1%1", ("::1",), False),
        ("::1%lo", ("::1",), True),
        ("2001:db8::1%eth0", ("2001:db8::1",), True),
    ],
)
def test_a_zone_counts_where_the_c_library_takes_one(word: str, words: tuple[str, ...], dropped: bool) -> None:
    assert read_word(word, refusing=False).words == (() if dropped else words)
    assert read_word(word, refusing=True).words == words
    assert bool(read_word(word, refusing=True).xinetd) == dropped


@pytest.mark.parametrize(
    ("word", "admitted", "refused"),
    [
        ("0", "0.0.0.0/0", "0.0.0.0/0"),
        ("0/0", "0.0.0.0/0", "0.0.0.0/0"),
        ("0/0.0.0.0", "0.0.0.0/0", "0.0.0.0/0"),
        ("192.0.2.7/0", "0.0.0.0/0", "0.0.0.0/0"),
        ("127.1", "127.0.0.1", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1", "127.0.0.1"),
        ("010.0.0.1", "8.0.0.1", "8.0.0.1"),
        ("192.168", "192.0.0.168", "192.168.0.0/16 192.0.0.168"),
        ("10.1/16", "10.0.0.0/16", "10.1.0.0/16 10.0.0.0/16"),
        ("10.0.0", "10.0.0.0/24", "10.0.0.0/24 10.0.0.0/8"),
        ("10.1.2.7/255.255.255.0", "10.1.2.7", "10.1.2.0/24 10.1.2.7"),
        ("10.1.2.3/33", "10.1.2.3", "10.1.2.3"),
        ("10.1.2.3/24abc", "10.1.2.0/24", "10.1.2.0/24"),
    ],
)
def test_a_word_of_numbers_is_read_as_inet_aton_does_and_never_opens_more_than_was_meant(
    word: str, admitted: str, refused: str
) -> None:
    assert read_word(word, refusing=False).words == tuple(admitted.split())
    assert read_word(word, refusing=True).words == tuple(refused.split())


@pytest.mark.parametrize("word", ["::1/128", "ALL", "any", "everyone", "[::1]", "::", "10.0.0.", "192.0.2.1-192.0.2.9"])
def test_a_misread_word_admits_no_client(word: str) -> None:
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


@pytest.mark.parametrize(("word", "said"), [("1.2.{255,3}", ""), ("1.2.{256,3}", "above 255"), ("1.256.{3}", "above 255")])
def test_each_number_of_a_word_with_braces_is_an_octet(word: str, said: str) -> None:
    if said:
        with pytest.raises(BadAddress, match=said):
            read_word(word, refusing=True)
    else:
        assert read_word(word, refusing=True).words == ("1.2.255.0/24", "1.2.3.0/24")
