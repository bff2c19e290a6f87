"""Pipes and terminals as a launcher makes them."""

from __future__ import annotations

import os
import stat
import termios

import pytest

from superd.ipc.launch_codec import IN, OUT, TERMINAL
from superd.launcher.stdio import SIZE, close_ends, open_standard


def test_two_pipes_whose_other_ends_never_block() -> None:
    stdin, stdout, ends = open_standard("pipe")
    assert [end for end, _ in ends] == [IN, OUT]
    into, out = (fd for _, fd in ends)
    assert [os.get_blocking(fd) for fd in (stdin, stdout, into, out)] == [True, True, False, False]
    assert not any(os.get_inheritable(fd) for fd in (stdin, stdout, into, out))
    os.write(into, b"question")
    os.write(stdout, b"answer")
    assert (os.read(stdin, 100), os.read(out, 100)) == (b"question", b"answer")
    os.close(stdin)
    os.close(stdout)
    close_ends(ends)


def test_a_terminal_with_a_size_and_without_an_echo() -> None:
    stdin, stdout, ends = open_standard("pty")
    assert stdin == stdout
    ((end, ours),) = ends
    assert end == TERMINAL
    assert os.isatty(stdin)
    assert os.fstat(stdin).st_uid == os.geteuid()
    assert stat.S_ISCHR(os.fstat(stdin).st_mode)
    assert termios.tcgetwinsize(stdin) == SIZE
    os.write(ours, b"line\n")
    assert os.read(stdin, 100) == b"line\n"
    with pytest.raises(BlockingIOError):
        os.read(ours, 100)
    os.close(stdin)
    close_ends(ends)
