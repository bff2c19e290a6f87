"""The panel's ends of its pairs: each answer goes to who asked."""

from __future__ import annotations

import socket
from typing import Any

from superd.ipc import panel_codec, panel_messages, panel_requests
from superd.panel.links import FrontLink, MasterLink
from superd.panel.steps import Refusal, ToMaster


def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def test_answers_of_the_front_find_who_asked_in_any_order() -> None:
    ours, front = pair()
    with front:
        link, got = FrontLink(), list[Any]()
        link.take(ours)
        link.ask(panel_messages.AskFront(0), lambda page: got.append(("a", page)))
        link.ask(panel_messages.AskServices(0, ""), lambda page: got.append(("b", page)))
        numbers = [panel_codec.parse_question(front.recv(9999)).number for _ in range(2)]
        for number in (*reversed(numbers), 4711):
            front.send(panel_codec.encode_answer(number, ()))
            link.on_readable()
        assert [name for name, _ in got] == ["b", "a"]
        link.drop()


def test_without_a_front_and_when_it_goes_every_caller_gets_that_answer() -> None:
    got = list[Any]()
    link = FrontLink()
    link.ask(panel_messages.AskFront(0), got.append)
    ours, front = pair()
    link.take(ours)
    link.ask(panel_messages.AskFront(0), got.append)
    front.close()
    link.on_readable()
    assert [refusal.error for refusal in got] == ["Unavailable", "Unavailable"]
    assert link.sock is None


def test_a_front_that_breaks_the_protocol_is_dropped() -> None:
    for data in (b"\xff", b"A\x1f1", b"A\x1f1\x1f\x1eZ", b""):
        ours, front = pair()
        link, got = FrontLink(), list[Any]()
        link.take(ours)
        link.ask(panel_messages.AskFront(0), got.append)
        with front:
            front.send(data)
            link.on_readable()
        assert link.sock is None
        assert isinstance(got[0], Refusal)


def test_a_change_goes_to_the_master_with_the_operators_connection() -> None:
    ours, master = pair()
    operator, client = socket.socketpair()
    with ours, master, operator, client:
        link, got = MasterLink(ours), list[Any]()
        link.ask(ToMaster("state"), operator, got.append)
        link.ask(ToMaster("reload", {"dry_run": True}), operator, got.append)
        state, none = panel_requests.receive_request(master)
        reload, sock = panel_requests.receive_request(master)
        assert (state.word, none, reload.word) == ("state", None, "reload")
        assert sock is not None
        sock.close()
        panel_requests.send_message(master, panel_requests.ANSWER, {"number": reload.number, "error": "X", "text": "why"})
        panel_requests.send_message(master, panel_requests.ANSWER, {"number": state.number, "value": 7})
        panel_requests.send_message(master, panel_requests.ANSWER, {"number": 4711, "value": 8})
        panel_requests.send_message(master, panel_requests.BEGIN, {"x": 1})
        assert link.read() == (panel_requests.BEGIN, {"x": 1}, [])
        assert got[0].error == "X"
        assert got[0].parameters == {"text": "why"}
        assert got[1] == 7
