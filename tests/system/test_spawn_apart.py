"""A program as the first process of its own PID namespace: what it is given, how it fails, and that nothing outlives it."""

from __future__ import annotations

import os
import signal
import time

import pytest

from superd.system.namespaces import NEW_MOUNTS, NEW_PIDS
from superd.system.spawn import Before
from superd.system.spawn_apart import spawn_apart
from tests.needs import needs_root


def run(script: str, *, umask: int = 0o022, before: Before | None = None, folder: bytes | None = None) -> tuple[int, bytes]:
    """The exit status of the script, and what it wrote."""
    needs_root()
    spawn = spawn_apart(NEW_PIDS | NEW_MOUNTS, lambda: None, lambda: None, lambda: None)
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    try:
        arguments = ((b"/bin/sh",), [b"sh", b"-c", script.encode()], [b"A=b"], null, null, umask, before, folder, theirs)
        pid = spawn(*arguments)
        os.close(theirs)
        theirs = -1
        with os.fdopen(ours, "rb") as pipe:
            written = pipe.read()
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), written
    finally:
        os.close(null)
        if theirs >= 0:
            os.close(theirs)


def test_it_is_the_first_process_and_has_what_it_was_given() -> None:
    assert run("echo $$ $A $(umask) $(pwd); exit 7", umask=0o027, folder=b"/usr") == (7, b"1 b 0027 /usr\n")


def test_its_end_is_the_end_of_all_that_it_started() -> None:
    began = time.monotonic()
    # The pipe would stay open for the sleep's hour, if that lived on.
    assert run("setsid sleep 3600 & exit 0") == (0, b"")
    assert time.monotonic() - began < 60


def test_a_signal_that_ends_it_is_its_status() -> None:
    needs_root()
    spawn = spawn_apart(NEW_PIDS, lambda: None, lambda: None, lambda: None)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    pid = spawn((b"/bin/sleep",), [b"sleep", b"3600"], [], null, null, 0o022)
    os.close(null)
    os.kill(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def test_what_fails_in_the_child_is_raised_here() -> None:
    def before() -> None:
        raise PermissionError(1, "no")

    with pytest.raises(PermissionError, match="no"):
        run("exit 0", before=before)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for environment, expected in (([], FileNotFoundError), ([b"A=\0"], OSError)):
        spawn = spawn_apart(0, lambda: None, lambda: None, lambda: None)
        with pytest.raises(expected):
            spawn((b"/no/such/program",), [b"x"], environment, null, null, 0o022)
    os.close(null)
