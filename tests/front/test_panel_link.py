"""The front answers the panel, and nothing that a panel does holds the front."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing

from superd.front import panel_link
from superd.front.panel_link import PanelLink
from superd.ipc import panel_codec
from superd.ipc import panel_messages as messages
from tests.waiting import until


class Answers:
    lag = 0.0

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def answer(self, question: Any) -> bytes:
        self.asked.append(question)
        return panel_codec.encode_answer(question.number, [messages.BanRow("x" * 1000, "", 1)] * 50)


class Parts:
    def __init__(self, nursery: trio.Nursery) -> None:
        self.answers, self.lines = Answers(), list[str]()
        self.link = PanelLink(cast("Any", self.answers), lambda level, text: self.lines.append(f"{level}: {text}"))
        self.nursery = nursery

    def pair(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.setblocking(False)
        self.nursery.start_soon(self.link.run, ours)
        return theirs


async def read(sock: socket.socket) -> bytes:
    await trio.lowlevel.wait_readable(sock)
    return sock.recv(messages.MAX_MESSAGE + 1)


async def test_questions_are_answered_one_by_one() -> None:
    async with trio.open_nursery() as nursery:
        parts = Parts(nursery)
        with parts.pair() as panel:
            for number in range(3):
                panel.send(panel_codec.encode_question(messages.AskFront(number)))
            assert [panel_codec.parse_answer(await read(panel))[0].number for _ in range(3)] == [0, 1, 2]


async def test_a_panel_that_asks_nothing_lets_the_front_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_link, "SHARE", 1e9)  # the pause after an answer is over at once
    async with trio.open_nursery() as nursery:
        parts = Parts(nursery)
        with parts.pair() as panel:
            panel.send(panel_codec.encode_question(messages.AskFront(1)))
            await read(panel)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert trio.lowlevel.current_statistics().seconds_to_next_deadline == float("inf")


async def test_an_answer_says_how_long_a_turn_of_the_loop_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(panel_link, "time", SimpleNamespace(monotonic=lambda: now[0]))

    class SlowTurns(trio.abc.Instrument):
        def before_io_wait(self, timeout: float) -> None:
            now[0] += 2.0

    async with trio.open_nursery() as nursery:
        parts = Parts(nursery)
        with parts.pair() as panel:
            turns = SlowTurns()
            trio.lowlevel.add_instrument(turns)
            panel.send(panel_codec.encode_question(messages.AskFront(1)))
            await read(panel)
            trio.lowlevel.remove_instrument(turns)
            assert parts.answers.lag == 2.0


async def test_a_panel_that_breaks_the_protocol_is_not_answered_any_more() -> None:
    for data in (b"\xff", b"z", b"x" * 9000):
        async with trio.open_nursery() as nursery:
            parts = Parts(nursery)
            with parts.pair() as panel:
                panel.send(data)
                assert await read(panel) == b""
            assert parts.lines[0].startswith("alert: the panel broke its protocol")


async def test_a_panel_that_reads_nothing_holds_nothing() -> None:
    async with trio.open_nursery() as nursery:
        parts = Parts(nursery)
        with parts.pair() as panel:
            for number in range(40):
                while True:
                    try:
                        panel.send(panel_codec.encode_question(messages.AskFront(number)))
                        break
                    except BlockingIOError:
                        await trio.lowlevel.wait_writable(panel)
            await until(lambda: len(parts.answers.asked) == 40)


async def test_a_new_pair_takes_the_place_of_the_old_one() -> None:
    async with trio.open_nursery() as nursery:
        parts = Parts(nursery)
        with parts.pair() as first:
            first.send(panel_codec.encode_question(messages.AskFront(1)))
            await read(first)
            with parts.pair() as second:
                assert await read(first) == b""
                second.send(panel_codec.encode_question(messages.AskFront(2)))
                assert panel_codec.parse_answer(await read(second))[0].number == 2
