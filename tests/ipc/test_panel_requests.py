"""What the panel may ask of the master, and with which descriptor."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

import pytest

from superd.errors import ControlError
from superd.ipc import panel_requests
from superd.ipc.panel_requests import TABLE, parse_request, receive_message, receive_request, send_message

GOOD: dict[str, dict[str, Any]] = {
    "state": {},
    "wishes": {},
    "events": {"after": 3},
    "reload": {"dry_run": True},
    "ban": {"prefix": "192.0.2.0/24", "service": "", "seconds": 60, "because": "loop"},
    "unban": {"prefix": "192.0.2.0/24", "service": "git"},
    "hold": {"services": ["git"], "refuse": False, "drain": True, "because": ""},
    "release": {"services": []},
}


def test_the_examples_are_the_table() -> None:
    assert GOOD.keys() == TABLE.keys()


@pytest.mark.parametrize("word", GOOD)
def test_a_request_survives_the_way(word: str) -> None:
    request = parse_request(panel_requests.encode_request(word, 7, GOOD[word]))
    assert (request.word, request.number, request.fields) == (word, 7, GOOD[word])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff", "not JSON"),
        (b"[" * 9000, "not JSON"),
        (b"[]", "not an object"),
        (b"{}", "not in the table"),
        ({"word": ["state"], "number": 1}, "not in the table"),
        ({"word": "stop", "number": 1}, "not in the table"),
        ({"word": "state", "number": 1, "more": 1}, "not in the table"),
        ({"word": "events", "number": 1}, "not in the table"),
        ({"word": "state", "number": True}, "a field is wrong"),
        ({"word": "state", "number": -1}, "a field is wrong"),
        ({"word": "state"}, "a field is wrong"),
        ({"word": "reload", "number": 1, "dry_run": 1}, "a field is wrong"),
        ({"word": "ban", "number": 1, **GOOD["ban"], "prefix": "192.0.2.1/24"}, "a field is wrong"),
        ({"word": "ban", "number": 1, **GOOD["ban"], "prefix": "host"}, "a field is wrong"),
        ({"word": "ban", "number": 1, **GOOD["ban"], "seconds": -1}, "a field is wrong"),
        ({"word": "ban", "number": 1, **GOOD["ban"], "seconds": True}, "a field is wrong"),
        ({"word": "ban", "number": 1, **GOOD["ban"], "because": "x" * 201}, "a field is wrong"),
        ({"word": "hold", "number": 1, **GOOD["hold"], "services": "git"}, "a field is wrong"),
        ({"word": "hold", "number": 1, **GOOD["hold"], "services": [1]}, "a field is wrong"),
        (b" " * 70000, "too long"),
        (b'{"word":"ban","number":1,"prefix":"::","service":"","seconds":NaN,"because":""}', "a field is wrong"),
    ],
)
def test_anything_else_is_refused(data: object, why: str) -> None:
    with pytest.raises(ControlError, match=why):
        parse_request(data if isinstance(data, bytes) else json.dumps(data).encode())


@pytest.mark.parametrize(("word", "fds"), [("state", 1), ("reload", 0)])
def test_a_change_comes_with_the_operators_connection_and_nothing_else_does(word: str, fds: int) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    a, b = socket.socketpair()
    with ours, theirs, a, b:
        socket.send_fds(theirs, [panel_requests.encode_request(word, 1, GOOD[word])], [a.fileno()] * fds)
        with pytest.raises(ControlError, match="do not agree"):
            receive_request(ours)
        assert receive_request_of(ours, theirs, "reload", a) == a.getsockname()


def receive_request_of(ours: socket.socket, theirs: socket.socket, word: str, operator: socket.socket) -> Any:
    socket.send_fds(theirs, [panel_requests.encode_request(word, 1, GOOD[word])], [operator.fileno()])
    _, sock = receive_request(ours)
    assert sock is not None
    with sock:
        return sock.getsockname()


def test_a_descriptor_that_is_not_a_socket_is_refused_and_closed() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    fd = os.open("/dev/null", os.O_RDONLY)
    with ours, theirs:
        before = len(os.listdir("/proc/self/fd"))
        socket.send_fds(theirs, [panel_requests.encode_request("reload", 1, GOOD["reload"])], [fd])
        with pytest.raises(ControlError, match="not a socket"):
            receive_request(ours)
        assert len(os.listdir("/proc/self/fd")) == before
    os.close(fd)


def test_a_message_of_the_master_survives_with_its_descriptors() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        value = {"listeners": ["control"], "text": "x" * 300_000}
        send_message(ours, panel_requests.BEGIN, value, [ours.fileno()])
        kind, got, fds = receive_message(theirs)
        assert (kind, got, len(fds)) == (panel_requests.BEGIN, value, 1)
        os.close(fds[0])
        ours.close()
        with pytest.raises(EOFError):
            receive_message(theirs)
