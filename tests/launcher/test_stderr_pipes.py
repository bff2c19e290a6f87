"""Pipes of programs' fd 2: an own one while there are few, never one with another's unread bytes or an end not told."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from superd.ipc.launch_codec import MAX_PIPES
from superd.launcher.stderr_pipes import MAX_OWN, StderrPipes


@pytest.fixture
def pipes() -> Iterator[StderrPipes]:
    made = StderrPipes()
    yield made
    made.send_all()
    for pipe in made.unsent:
        pipe.close()


def test_a_pipe_is_given_again_when_its_end_was_reported(pipes: StderrPipes) -> None:
    first = pipes.take("x", 5, alone=True)
    pipes.ended("x", 5)
    second = pipes.take("x", 6, alone=True)
    assert second is not first
    assert second.number not in (0, first.number)
    pipes.told()
    assert pipes.take("x", 7, alone=True) is first
    assert pipes.take("y", 8, alone=True) not in (first, second)


def test_a_pipe_with_unread_bytes_ends_and_is_given_to_no_other_program(pipes: StderrPipes) -> None:
    first = pipes.take("x", 5, alone=True)
    pipes.unsent.clear()
    os.write(first.write, b"late")
    pipes.ended("x", 5)
    pipes.told()
    pipes.send_all()
    assert [pipe.conn for pipe in pipes.unsent] == [5]  # a new front gets it with its name
    pipes.unsent.clear()
    assert os.read(first.read, 100) == b"late"
    assert os.read(first.read, 100) == b""
    pipes.take("x", 6, alone=True)
    pipes.ended("x", 6)
    pipes.send_all()
    assert 5 not in {pipe.conn for pipe in pipes.unsent}


def test_a_pipe_that_a_leftover_may_write_to_is_given_to_no_other_program(pipes: StderrPipes) -> None:
    first = pipes.take("x", 5, alone=True)
    pipes.ended("x", 5, alone=False)
    pipes.told()
    assert pipes.take("x", 6, alone=True) is not first
    pipes.send_all()
    assert {pipe.conn for pipe in pipes.unsent if pipe.write == -1} == {5}


def test_services_have_their_own_and_many_programs_share_one(pipes: StderrPipes) -> None:
    own = [pipes.take("x", conn, alone=True) for conn in range(1, MAX_OWN + 1)]
    assert len(set(own)) == MAX_OWN
    shared = pipes.take("x", 100, alone=True)
    assert shared not in own
    assert pipes.take("x", 101, alone=True) is shared
    assert pipes.take("y", 102, alone=True) not in (*own, shared)
    assert {(pipe.number, pipe.conn) for pipe in pipes.unsent if pipe is shared} == {(0, 0)}


def test_what_may_outlive_its_session_writes_to_a_pipe_without_a_name(pipes: StderrPipes) -> None:
    shared = pipes.take("x", 5, alone=False)
    assert shared.number == 0
    os.write(shared.write, b"hello")
    assert os.read(shared.read, 100) == b"hello"


def test_pipes_without_a_program_are_closed_when_there_are_many(pipes: StderrPipes) -> None:
    for number in range(MAX_PIPES):
        pipes.take(f"s{number}", number + 1, alone=False)
    for number in range(1, MAX_PIPES):
        pipes.ended(f"s{number}", number + 1)
    pipes.take("new", 1000, alone=False)
    pipes.send_all()
    assert sorted(pipe.service for pipe in pipes.unsent) == ["new", "s0"]


def test_programs_that_leave_bytes_unread_do_not_use_up_descriptors(pipes: StderrPipes) -> None:
    for conn in range(1, 10 * MAX_OWN):
        pipe = pipes.take("x", conn, alone=True)
        pipes.unsent.clear()
        os.write(pipe.write, b"x")
        pipes.ended("x", conn)
    pipes.send_all()
    assert len(pipes.unsent) <= MAX_OWN


def test_a_service_that_went_keeps_the_pipes_of_programs_that_live(pipes: StderrPipes) -> None:
    pipes.take("x", 1, alone=True)
    free = pipes.take("x", 2, alone=True)
    pipes.ended("x", 2)
    pipes.forget("x")
    pipes.send_all()
    assert [pipe.conn for pipe in pipes.unsent] == [1]
    assert free not in pipes.unsent
    pipes.ended("x", 1)
    pipes.ended("x", 99)
