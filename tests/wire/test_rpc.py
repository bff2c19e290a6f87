"""Calls to rpcbind as RFC 5531 and 1833 spell them, and what comes back."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.errors import PeerError
from superd.wire.rpc import MAX_REPLY, SET, UNSET, Mapping, parse_reply, portmap_call, record, rpcbind_call

RSTAT = Mapping(100001, 3, "udp", "0.0.0.0", 0x1234)


def test_a_portmapper_call_is_forty_bytes_of_header_and_four_numbers() -> None:
    assert portmap_call(7, SET, RSTAT) == struct.pack(">14I", 7, 0, 2, 100000, 2, 1, 0, 0, 0, 0, 100001, 3, 17, 0x1234)
    with pytest.raises(KeyError):
        portmap_call(7, SET, Mapping(1, 1, "udp6", "::", 1))


def test_an_rpcbind_call_names_the_network_and_the_universal_address() -> None:
    call = rpcbind_call(7, UNSET, RSTAT, 0, 0)
    (mark,) = struct.unpack_from(">I", call)
    assert mark == 1 << 31 | len(call) - 4
    assert call.endswith(
        struct.pack(">II", 100001, 3) + b"\0\0\0\3udp\0" + b"\0\0\0\x0d0.0.0.0.18.52\0\0\0" + b"\0\0\0\x010\0\0\0"
    )


@given(st.integers(0, 2**32 - 1), st.booleans(), st.binary(max_size=8))
def test_a_reply_is_yes_or_no_whatever_its_verifier(xid: int, answer: bool, verifier: bytes) -> None:
    padded = verifier + bytes(-len(verifier) % 4)
    reply = struct.pack(">IIIII", xid, 1, 0, 0, len(verifier)) + padded + struct.pack(">II", 0, answer)
    assert parse_reply(xid, reply) is answer
    assert parse_reply(xid ^ 1, reply) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_an_answer_or_the_other_sides_fault(data: bytes) -> None:
    try:
        assert parse_reply(1, data) in (True, False, None)
        found = record(data)
        assert found is None or len(found) <= len(data)
    except PeerError:
        pass


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((1, 1, 1), "denied"),
        ((1, 1, 0, 0, 0, 1, 0), "no such program"),
        ((1, 1, 0, 0, 0, 2, 0), "no such version"),
        ((1, 1, 0, 0, 0, 3, 0), "no such procedure"),
        ((1, 1, 0, 0, 0, 4, 0), "garbage arguments"),
        ((1, 1, 0, 0, 0, 5), "system error"),
        ((1, 1, 0, 0, 0, 9), r"\(9\)"),
        ((1, 1, 0, 0, 0, 0), "cut off"),
        ((1,), "cut off"),
    ],
)
def test_a_refusal_says_why(words: tuple[int, ...], why: str) -> None:
    with pytest.raises(PeerError, match=why):
        parse_reply(1, struct.pack(f">{len(words)}I", *words))


def test_a_record_is_one_fragment_and_no_byte_of_the_next() -> None:
    mark = struct.pack(">I", 1 << 31 | 4)
    assert [record((mark + b"abcdef")[:size]) for size in (0, 3, 4, 7, 8, 10)] == [None, None, None, None, b"abcd", b"abcd"]
    for wrong in (4, 1 << 31 | MAX_REPLY + 1):
        with pytest.raises(PeerError):
            record(struct.pack(">I", wrong))
    assert record(struct.pack(">I", 1 << 31 | MAX_REPLY)) is None
