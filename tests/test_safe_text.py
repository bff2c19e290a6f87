"""Text of peers in a log line: visible, in one direction, on one line, and bounded."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.safe_text import MAX_VALUE, safe, safe_banner

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text(max_size=600))
def test_nothing_invisible_is_left_and_the_length_is_bounded(text: str) -> None:
    shown = safe(text)
    assert not [character for character in shown if unicodedata.category(character) in UNSEEN]
    assert len(shown) <= MAX_VALUE + 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("größe 日本", "größe 日本"),
        ("a\nb\x7f\x85", "a\\x0ab\\x7f\\x85"),
        ("right\u202eleft", "right\\u202eleft"),
        ("\u2066isolate\u2069", "\\u2066isolate\\u2069"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("soft\xadhyphen", "soft\\xadhyphen"),
        ("filler\u3164", "filler\\u3164"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("variation\ufe0f", "variation\\ufe0f"),
        ("no-break\xa0space", "no-break\\xa0space"),
        ("not utf-8 \udcff", "not utf-8 \\xff"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_shows_nothing_is_escaped(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_a_long_value_ends_with_an_ellipsis() -> None:
    assert safe("x" * 300) == "x" * 255 + "…"
    assert safe("\n" * 300, 8) == "\\x0a\\x0a…"


def test_a_banner_has_an_underscore_for_each_control() -> None:
    assert safe_banner("a\nb\u2028c") == b"a_b_c"
