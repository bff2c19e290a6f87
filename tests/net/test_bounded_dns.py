"""An answer is cut before it is parsed: its question, its first records, nothing that costs time."""

from __future__ import annotations

import struct

import dns.exception
import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.net.bounded_dns import MOST, _Datagrams, _Stream, cut

QUERY = dns.message.make_query("7.2.0.192.in-addr.arpa.", "PTR")


def answer(records: int) -> bytes:
    message = dns.message.make_response(QUERY)
    names = [f"PTR host{number}.example." for number in range(records)]
    message.answer += [dns.rrset.from_text(message.question[0].name, 30, "IN", *name.split(" ")) for name in names]
    message.additional.append(dns.rrset.from_text("ns.example.", 30, "IN", "A", "192.0.2.1"))
    return message.to_wire(max_size=65535)


@pytest.mark.parametrize("records", [0, 1, MOST, MOST + 1, 2000])
def test_the_first_records_stay_and_the_rest_goes(records: int) -> None:
    message = dns.message.from_wire(cut(answer(records), MOST))
    found = [record.to_text() for rrset in message.answer for record in rrset]
    assert found == [f"host{number}.example." for number in range(min(records, MOST))]
    assert (message.question, message.additional, message.id) == (QUERY.question, [], QUERY.id)


@given(st.binary(max_size=600), st.integers(0, 600))
def test_no_bytes_of_a_stranger_raise_anything_else(junk: bytes, at: int) -> None:
    for wire in (junk, answer(3)[:at], answer(3)[:at] + junk):
        try:
            assert len(cut(wire, MOST)) <= max(len(wire), 12)
        except dns.exception.FormError:
            continue


async def test_a_datagram_that_is_not_a_message_is_passed_over_for_the_next() -> None:
    arrived = [(b"junk", "a"), (answer(2), "b")]

    async def receive(size: int, timeout: float | None) -> tuple[bytes, str]:
        return arrived.pop(0)

    wire, sender = await _Datagrams(receive, MOST)(65535, None)
    assert (wire, sender) == (cut(answer(2), MOST), "b")


async def test_an_answer_by_tcp_is_cut_in_whatever_pieces_it_comes() -> None:
    whole = answer(2000)
    pieces = [bytes([byte]) for byte in struct.pack("!H", len(whole)) + whole[:20]] + [whole[20:5000], whole[5000:]]

    async def receive(size: int, timeout: float | None) -> bytes:
        piece = pieces.pop(0)
        if len(piece) > size:
            pieces.insert(0, piece[size:])
        return piece[:size]

    stream = _Stream(receive, MOST)
    (length,) = struct.unpack("!H", await stream(2, None))
    assert await stream(length, None) == cut(whole, MOST)
