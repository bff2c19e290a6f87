"""What a front may ask of the master: a closed table, whatever bytes come."""

from __future__ import annotations

import json
import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.errors import ControlError
from superd.ipc.channel import OrderReader, Renewed, Request, pair, parse_request, send_order, send_request

VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3))


@given(
    st.binary(max_size=200)
    | st.dictionaries(st.sampled_from(["word", "number", "address", "size"]), VALUES).map(json.dumps).map(str.encode)
)
def test_any_bytes_are_a_request_or_refused(data: bytes) -> None:
    try:
        request = parse_request(data)
    except ControlError:
        return
    assert type(request.number) is int
    assert type(request.address) is str


@pytest.mark.parametrize(
    "message",
    [{"word": "renew"}, {"word": "renew", "address": 7}, {"word": "renew", "address": "x", "number": 1}, {"word": "bind"}, {}],
)
def test_what_is_not_in_the_table_is_refused(message: dict[str, object]) -> None:
    with pytest.raises(ControlError):
        parse_request(json.dumps(message).encode())


def test_a_request_and_its_answer_arrive_as_they_were_sent() -> None:
    master, front = pair()
    with master, front, socket.socket() as other:
        send_request(front, "renew", address="127.0.0.1:69/dgram")
        assert parse_request(master.recv(5000)) == Request("renew", address="127.0.0.1:69/dgram")
        send_order(master, Renewed("127.0.0.1:69/dgram"), (other.fileno(),))
        reader = OrderReader(front)
        assert reader.read() is None  # the descriptor comes first
        found = reader.read()
        assert found is not None
        assert found[0] == Renewed("127.0.0.1:69/dgram")
        assert len(found[1]) == 1
        os.close(found[1][0])
