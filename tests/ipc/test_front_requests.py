"""What a front may ask of the master: a closed table, whatever bytes come; and no request of its own is lost."""

from __future__ import annotations

import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superd.errors import ControlError
from superd.ipc.front_requests import MAX_REQUEST, TABLE, Request, RequestWriter, parse_request, receive_request
from superd.ipc.order_channel import pair

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
    assert request.word in TABLE


@pytest.mark.parametrize(
    "message",
    [
        {"word": "renew"}, {"word": "renew", "address": 7}, {"word": "renew", "address": "x", "number": 1}, {"word": "bind"}, {},
        {"word": "dump", "number": 1 << 30}, {"word": "applied", "number": True}, {"word": "applied", "number": -1},
    ],
)  # fmt: skip
def test_what_is_not_in_the_table_is_refused(message: dict[str, object]) -> None:
    with pytest.raises(ControlError):
        parse_request(json.dumps(message).encode())


class Recorder:
    """Handlers that write down what they were called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def on_ready(self) -> None:
        self.calls.append(("ready",))

    def on_applied(self, number: int) -> None:
        self.calls.append(("applied", number))

    def on_alive(self, number: int) -> None:
        self.calls.append(("alive", number))

    def on_policy(self) -> None:
        self.calls.append(("policy",))

    def on_relay(self, number: int) -> None:
        self.calls.append(("relay", number))

    def on_renew(self, address: str) -> None:
        self.calls.append(("renew", address))

    def on_dump(self, size: int) -> None:
        self.calls.append(("dump", size))

    def on_signal(self, pid: int, number: int) -> None:
        self.calls.append(({15: "terminate", 9: "kill"}[number], pid))

    def on_stuck(self, number: int) -> None:
        self.calls.append(("stuck", number))

    def on_stopped(self) -> None:
        self.calls.append(("stopped",))


@pytest.mark.parametrize("word", TABLE)
def test_each_word_reaches_its_own_handler_with_its_field(word: str) -> None:
    recorder = Recorder()
    TABLE[word].handler(recorder, Request(word, 7, "x"))
    field = {frozenset({"number"}): (7,), frozenset({"address"}): ("x",)}.get(TABLE[word].fields, ())
    assert recorder.calls == [(word, *field)]


def test_requests_that_the_channel_does_not_take_are_kept_and_arrive_in_their_order() -> None:
    master, front = pair()
    with master, front:
        writer = RequestWriter(front)
        sent = 0
        while writer.send("applied", number=sent):
            sent += 1
        writer.send("policy")
        found = []
        while not writer.flush():
            found.append(receive_request(master))
        while len(found) < sent + 2:
            found.append(receive_request(master))
        assert found == [*(Request("applied", number) for number in range(sent + 1)), Request("policy")]


def test_a_master_that_is_gone_is_an_error() -> None:
    master, front = pair()
    with front:
        master.close()
        with pytest.raises(OSError):
            RequestWriter(front).send("ready")


def test_a_message_with_a_descriptor_is_refused_and_the_descriptor_closed() -> None:
    master, front = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # which takes it, as an older kernel does
    with master, front:
        ours, theirs = socket.socketpair()
        with ours:
            socket.send_fds(front, [b'{"word": "ready"}'], [theirs.fileno()])
            theirs.close()
            with pytest.raises(ControlError):
                receive_request(master)
            assert ours.recv(1) == b""


def test_an_empty_message_is_the_end_and_a_long_one_is_refused() -> None:
    master, front = pair()
    with master, front:
        front.send(b"")
        with pytest.raises(EOFError):
            receive_request(master)
        front.send(b" " * (MAX_REQUEST + 1))
        with pytest.raises(ControlError):
            receive_request(master)
