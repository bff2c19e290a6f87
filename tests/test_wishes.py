"""Prefixes have one spelling."""

from __future__ import annotations

import pytest

from superd.wishes import parse_prefix


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1/32", "192.0.2.1"),
        ("192.0.2.77/24", "192.0.2.0/24"),
        ("2001:DB8::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_a_prefix_has_one_spelling(text: str, prefix: str) -> None:
    assert parse_prefix(text) == prefix
    assert parse_prefix(prefix) == prefix


@pytest.mark.parametrize("text", ["", "host", "192.0.2", "192.0.2.1/33", "1;rm", "fe80::1%eth0/64x"])
def test_anything_else_is_refused_with_the_value(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        parse_prefix(text)
