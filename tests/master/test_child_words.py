"""Lines of launchers, relays and panels in the master's log."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

import pytest

from superd.master.child_words import MAX_LINE, PAUSE, ChildWords
from tests.master.parts import Lines


class Fixture:
    def __init__(self) -> None:
        self.log, self.poll = Lines(), select.poll()
        self.words = ChildWords(self.log, self.poll)  # type: ignore[arg-type]

    def turn(self) -> None:
        for fd, _ in self.poll.poll(0):
            assert self.words.on_readable(fd)


@pytest.fixture
def there() -> Iterator[Fixture]:
    made = Fixture()
    yield made
    made.words.close_copies()


def test_whole_lines_become_messages(there: Fixture) -> None:
    os.write(there.words.stderr, b"superd launcher: one\n\nsuperd relay: t")
    there.turn()
    os.write(there.words.stderr, b"wo\n" + b"x" * 3000 + b"\n")
    there.turn()
    assert there.log.lines == ["warning: superd launcher: one", "warning: superd relay: two", "warning: " + "x" * MAX_LINE]
    assert not there.words.on_readable(-1)


def test_a_flood_is_read_a_piece_a_second_and_never_blocks_its_writer(there: Fixture) -> None:
    with pytest.raises(BlockingIOError):
        while True:
            os.write(there.words.stderr, b"y" * 1000)
    there.turn()
    there.turn()
    assert there.words.due is not None
    assert len(there.log.lines) <= 1
    there.words.on_timer(there.words.due + PAUSE)
    assert there.poll.poll(0)


def test_another_program_of_the_process_reads_on(there: Fixture) -> None:
    next_one = ChildWords(there.log, there.poll)  # type: ignore[arg-type]
    os.write(there.words.stderr, b"said before\n")
    next_one.take_over([os.dup(fd) for fd in there.words.table()])
    there.poll.unregister(there.words.table()[0])
    for fd, _ in there.poll.poll(0):
        next_one.on_readable(fd)
    assert there.log.lines == ["warning: said before"]
    next_one.close_copies()
