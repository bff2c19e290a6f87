"""Processes that are not children: watched, signalled, and their ends reported."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator

import pytest

from superd.master.adopted import PATIENCE, UNKNOWN, Adopted


@pytest.fixture
def there() -> Iterator[tuple[Adopted, select.poll]]:
    poll = select.poll()
    adopted = Adopted(poll)
    yield adopted, poll
    adopted.close_copies()


def sleeper() -> int:
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    return pid


def ended(adopted: Adopted, poll: select.poll) -> None:
    ((fd, _),) = poll.poll(10000)
    assert adopted.on_readable(fd)


def test_a_process_is_killed_by_its_descriptor_and_its_end_is_reported_once(there: tuple[Adopted, select.poll]) -> None:
    adopted, poll = there
    pid = sleeper()
    assert adopted.watch(pid)
    assert pid in adopted
    assert adopted.kill(pid, signal.SIGKILL)
    ended(adopted, poll)
    assert pid not in adopted
    os.waitpid(pid, 0)
    assert adopted.due is not None
    found = adopted.take_ended(time.monotonic() + PATIENCE + 1)
    assert found in ([(pid, int(signal.SIGKILL))], [(pid, UNKNOWN)])
    assert adopted.take_ended(time.monotonic()) == []
    assert not adopted.watch(pid)
    assert not adopted.kill(pid, signal.SIGKILL)
    assert not adopted.on_readable(-1)


def test_one_that_waits_to_be_reaped_is_looked_at_again(there: tuple[Adopted, select.poll]) -> None:
    adopted, poll = there
    pid = sleeper()
    adopted.watch(pid)
    adopted.kill(pid, signal.SIGTERM)
    ended(adopted, poll)
    now = time.monotonic()
    assert adopted.take_ended(now) in ([], [(pid, UNKNOWN)])
    found = adopted.take_ended(now + PATIENCE + 1)
    if os.geteuid() == 0:
        assert found in ([(pid, int(signal.SIGTERM))], [])
    os.waitpid(pid, 0)


def test_the_next_master_goes_on_with_the_descriptors(there: tuple[Adopted, select.poll]) -> None:
    adopted, _ = there
    pid = sleeper()
    adopted.watch(pid)
    again = Adopted(select.poll())
    again.take_over([[number, os.dup(fd)] for number, fd in adopted.table()])
    assert again.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    again.close_copies()
