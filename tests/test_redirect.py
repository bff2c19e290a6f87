"""The target of a redirect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.redirect import Redirect, parse_redirect


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("192.0.2.1:80", Redirect("192.0.2.1", 80)),
        ("[2001:db8::1]:80", Redirect("2001:db8::1", 80)),
        ("host.example:http", Redirect("host.example", "http")),
        ("unix:/run/x.sock", Redirect(path="/run/x.sock")),
        ("unix:@name", Redirect(path="@name")),
    ],
)
def test_a_target_is_a_host_and_a_port_or_a_path(text: str, target: Redirect) -> None:
    assert parse_redirect(text) == target
    assert str(target) == text


@pytest.mark.parametrize(
    "text", ["", "host", ":80", "host:", "host:0", "host:65536", "2001:db8::1:80", "host 80", "unix:x", "unix:", "a b:80"]
)
def test_what_is_neither_is_refused_with_the_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"`"):
        parse_redirect(text)


@given(st.text(max_size=30))
def test_any_text_is_refused_or_reads_back(text: str) -> None:
    try:
        target = parse_redirect(text)
    except ValueError:
        return
    assert parse_redirect(str(target)) == target
