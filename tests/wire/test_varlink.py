"""Varlink's framing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.wire.varlink import FramingError, MethodCall, encode_call, encode_error, encode_reply, parse_call


def test_a_call_survives_the_way() -> None:
    assert parse_call(encode_call("a.b.C", {"x": 1}, more=True)[:-1]) == MethodCall("a.b.C", {"x": 1}, more=True)
    assert parse_call(b'{"method":"a.B","parameters":null,"oneway":true}') == MethodCall("a.B", {}, oneway=True)


def test_replies_end_with_a_nul_and_say_whether_more_come() -> None:
    assert encode_reply({"a": 1}) == b'{"parameters":{"a":1}}\0'
    assert json.loads(encode_reply({}, continues=True)[:-1]) == {"parameters": {}, "continues": True}
    assert json.loads(encode_error("a.B", {"x": "\0"})[:-1]) == {"error": "a.B", "parameters": {"x": "\0"}}
    assert encode_error("a.B", {"x": "\0"}).count(b"\0") == 1


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff", b"[" * 50_000, b"[]", b"1", b"{}", b'{"method":1}', b'{"method":"x","parameters":[]}',
        b'{"method":"x","more":1}', b'{"method":"x","upgrade":true}',
    ],
)  # fmt: skip
def test_anything_else_is_not_a_call(data: bytes) -> None:
    with pytest.raises(FramingError):
        parse_call(data)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    try:
        parse_call(data)
    except FramingError:
        pass
