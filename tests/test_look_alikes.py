"""Characters that look like others: each kind is named, and the text is as it was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.look_alikes import look_alike


@pytest.mark.parametrize(
    ("text", "named", "meant"),
    [
        ("only_from\u00a0= x", "U+00A0", "only_from = x"),
        ("a\u200bb", "U+200B", "ab"),
        ("10.0.0.1\u201310.0.0.9", "`-` is meant", "10.0.0.1-10.0.0.9"),
        ("server_args = \u201ca b\u201d", "curly quote", 'server_args = "a b"'),
        ("sshd\uff1a ALL", "wide colon", "sshd: ALL"),
        ("echo a &amp; b", "HTML", "echo a & b"),
        ("echo a &#38;&#x26; b", "HTML", "echo a && b"),
        ("sshd : ALL &ndash; x", "HTML for `-`", "sshd : ALL - x"),
        ("ALL:\u2028ALL", "U+2028", "ALL: ALL"),
        ("\uff21LL: ALL", "wide character", "ALL: ALL"),
        ("\u0410LL: ALL", "another alphabet (U+0410) stands where `A`", "ALL: ALL"),
        ("ALL: ALL \u0415\u0425\u0421\u0415\u0420\u0422 x", "another alphabet", "ALL: ALL EXCEPT x"),
        ("ALL:\udca0ALL", "byte 0xA0", "ALL: ALL"),
        ("ALL\u00a0: \u0410LL", "U+00A0", "ALL : ALL"),
    ],
)
def test_a_look_alike_is_named_and_replaced(text: str, named: str, meant: str) -> None:
    found = look_alike(text)
    assert found is not None
    assert named in found[0]
    assert found[1] == meant


@pytest.mark.parametrize("text", ["plain = text", "a & b", "Größe = 3", "日本", "море", "сто Привет", "a&b;c"])
def test_plain_text_is_left_alone(text: str) -> None:
    assert look_alike(text) is None


@given(st.text(max_size=60))
def test_what_was_meant_has_no_character_that_looks_like_another(text: str) -> None:
    found = look_alike(text)
    assert found is None or not any(character in found[1] for character in "\u00a0\u200b\u2013\u201c\uff1a\uff21\udca0\u2028")
