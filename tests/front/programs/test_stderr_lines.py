"""Whose line it is: by what the launcher has reported, whatever the front has heard of that when it reads the bytes."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import trio
import trio.testing

from superd.front.programs.stderr_lines import LINES_A_SECOND, MAX_LINE, MAX_PIECE, LineSplitter, StderrCollector


class Pipes:
    """A collector with one pipe, number 1 of launcher 0; ``reports`` is what the launcher has said and nothing has heard."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.said: list[tuple[int, str]] = []
        self.reports: list[Callable[[], None]] = []
        self.collector = StderrCollector(
            nursery.start_soon, lambda service, conn, text: self.said.append((conn, text)), lambda: None, self._hear
        )
        read, self.write = os.pipe2(os.O_CLOEXEC)
        assert self.collector.take(0, "x", 1, 0, read)

    def _hear(self, launcher: int) -> None:
        assert launcher == 0
        reports, self.reports = self.reports, []
        for report in reports:
            report()

    def start(self, conn: int) -> None:
        self.reports.append(lambda: self.collector.started(0, 1, conn))

    def end(self, conn: int) -> None:
        self.reports.append(lambda: self.collector.ended(0, conn))

    async def program_writes(self, data: bytes) -> None:
        os.write(self.write, data)
        await trio.testing.wait_all_tasks_blocked()


async def test_reports_that_were_sent_before_the_bytes_are_heard_before_them(nursery: trio.Nursery) -> None:
    pipes = Pipes(nursery)
    pipes.start(5)
    await pipes.program_writes(b"one\n")
    pipes.end(5)
    pipes.start(6)
    await pipes.program_writes(b"two\n")
    assert pipes.said == [(5, "one"), (6, "two")]
    os.close(pipes.write)


async def test_bytes_after_an_end_wait_for_the_start_that_is_reported_after_them(nursery: trio.Nursery) -> None:
    pipes = Pipes(nursery)
    pipes.start(5)
    await pipes.program_writes(b"one\nhalf")
    pipes.end(5)
    await pipes.program_writes(b"two\n")
    assert pipes.said == [(5, "one")]
    pipes.collector.started(0, 1, 6)
    assert pipes.said == [(5, "one"), (5, "half"), (6, "two")]
    os.close(pipes.write)


async def test_the_last_bytes_of_a_pipe_that_ends_are_those_of_the_program_that_had_it(nursery: trio.Nursery) -> None:
    pipes = Pipes(nursery)
    pipes.start(5)
    await pipes.program_writes(b"one\n")
    pipes.end(5)
    await pipes.program_writes(b"last words")
    os.close(pipes.write)
    await trio.testing.wait_all_tasks_blocked()
    assert pipes.said == [(5, "one"), (5, "last words")]


async def test_what_waits_for_a_start_is_bounded(nursery: trio.Nursery) -> None:
    pipes = Pipes(nursery)
    pipes.start(5)
    pipes.end(5)
    for _ in range(3):
        await pipes.program_writes(b"x" * (MAX_PIECE - 1) + b"\n")
    assert pipes.said
    assert {conn for conn, _ in pipes.said} == {5}
    os.close(pipes.write)


async def test_what_is_not_a_pipe_is_closed(nursery: trio.Nursery) -> None:
    pipes = Pipes(nursery)
    assert not pipes.collector.take(0, "x", 2, 0, os.open("/dev/null", os.O_RDONLY))
    os.close(pipes.write)


@pytest.mark.parametrize("lines", [LINES_A_SECOND + 50])
async def test_a_flood_of_lines_is_cut(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, lines: int) -> None:
    pipes = Pipes(nursery)
    pipes.start(5)
    await pipes.program_writes(b"x\n" * lines)
    assert len(pipes.said) == LINES_A_SECOND
    await trio.sleep(2)
    await pipes.program_writes(b"y\n")
    assert pipes.said[LINES_A_SECOND:] == [(5, "(50 lines left out)"), (5, "y")]
    os.close(pipes.write)


def test_a_long_line_is_cut_into_several() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"a" * (MAX_LINE + 1) + b"\n\nb") == [b"a" * MAX_LINE, b"a"]
    assert splitter.end() == [b"b"]
