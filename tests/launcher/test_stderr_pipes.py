"""Pipes of programs' fd 2: an own one while there are few, never one with another's unread bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from superd.ipc.launch_codec import MARK, MAX_PIPES
from superd.launcher.stderr_pipes import MAX_OWN, StderrPipes


@pytest.fixture
def pipes() -> Iterator[StderrPipes]:
    made = StderrPipes()
    yield made
    made.send_all()
    for pipe in made.unsent:
        os.close(pipe.read)
        os.close(pipe.write)


def read_of(pipes: StderrPipes, write: int) -> int:
    pipes.send_all()
    return next(pipe.read for pipe in pipes.unsent if pipe.write == write)


def test_a_pipe_is_given_again_once_it_was_read_and_says_whose_it_is(pipes: StderrPipes) -> None:
    first = pipes.take("x", 5, alone=True)
    os.write(first, b"late")
    pipes.ended("x", 5)
    assert pipes.take("x", 6, alone=True) != first
    read = read_of(pipes, first)
    assert os.read(read, 100) == b"\n" + MARK + b"5\nlate"
    assert pipes.take("x", 7, alone=True) == first
    assert os.read(read, 100) == b"\n" + MARK + b"7\n"


def test_services_have_their_own_and_many_programs_share_one(pipes: StderrPipes) -> None:
    own = [pipes.take("x", conn, alone=True) for conn in range(1, MAX_OWN + 1)]
    assert len(set(own)) == MAX_OWN
    shared = pipes.take("x", 100, alone=True)
    assert shared not in own
    assert pipes.take("x", 101, alone=True) == shared
    assert pipes.take("y", 102, alone=True) not in (*own, shared)
    assert {pipe.conn for pipe in pipes.unsent if pipe.write in (shared,)} == {0}


def test_what_may_outlive_its_session_writes_to_a_pipe_without_a_name(pipes: StderrPipes) -> None:
    shared = pipes.take("x", 5, alone=False)
    os.write(shared, b"hello")
    assert os.read(read_of(pipes, shared), 100) == b"hello"


def test_pipes_without_a_program_are_closed_when_there_are_many(pipes: StderrPipes) -> None:
    for number in range(MAX_PIPES):
        pipes.take(f"s{number}", number + 1, alone=False)
    for number in range(1, MAX_PIPES):
        pipes.ended(f"s{number}", number + 1)
    pipes.take("new", 1000, alone=False)
    pipes.send_all()
    assert sorted(pipe.service for pipe in pipes.unsent) == ["new", "s0"]


def test_a_service_that_went_keeps_the_pipes_of_programs_that_live(pipes: StderrPipes) -> None:
    pipes.take("x", 1, alone=True)
    free = pipes.take("x", 2, alone=True)
    pipes.ended("x", 2)
    pipes.forget("x")
    pipes.send_all()
    assert [pipe.conn for pipe in pipes.unsent] == [1]
    assert free not in {pipe.write for pipe in pipes.unsent}
    pipes.ended("x", 1)
    pipes.ended("x", 99)
