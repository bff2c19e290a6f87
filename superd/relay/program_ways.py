"""Ways of programs: between a client's socket and a program's pipes or terminal (``stdio`` of its service).

Runs in relays. Pumps as ``ways.py`` says. A program's user can set a pipe or a terminal to block; no call here waits for it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import termios

from superd.relay.ways import CHUNK, IN, OUT, shut

TYPE_CHECKING = False  # typing costs a small process 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import TypeVar

    T = TypeVar("T")

TERMINAL = 4096
"""Bytes read from or for a terminal at once: what its line discipline holds."""
TERMINAL_SECONDS = 1.0
"""Seconds that one read or write of a terminal may take: its program's user can make it a blocking one. A busy machine alone
does not take as long."""

_ERR = select.EPOLLERR
_NONBLOCK = os.SPLICE_F_NONBLOCK


class _ProgramWay:
    """From ``source`` to ``target``. ``ended``: the client has ended its side, so nothing of it can be left unread."""

    __slots__ = ("_left", "_source", "_target", "done", "ended", "passed", "urgent")

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._target = target
        self._left = b""
        self.passed = 0
        self.done = False
        self.ended = False
        self.urgent = False

    def close(self) -> None:
        """It has nothing of its own."""


class _FromProgram(_ProgramWay):
    """To the client, which learns of the end of its program's output."""

    __slots__ = ()

    def wants(self, fd: int, events: int) -> bool:
        return fd == self._source or (fd == self._target and bool(events & OUT))

    def _end(self) -> None:
        self.done = True
        shut(self._target, socket.SHUT_WR)


class IntoPipe(_ProgramWay):
    """From the client to a program's standard input, which is a pipe; what no process reads any more is not passed on."""

    __slots__ = ()

    def wants(self, fd: int, events: int) -> bool:
        if fd == self._target and events & _ERR:
            self.done = True  # no process reads it any more
        return not self.done and ((fd == self._source and bool(events & IN)) or fd == self._target)

    def pump(self) -> bool:
        try:
            more = _splice(self, self._source, self._target)
        except BrokenPipeError:
            self.done = True
            return False
        if more is None:
            self.done = self.ended = True
        return bool(more)


class FromPipe(_FromProgram):
    """From a program's standard output, which is a pipe, to the client."""

    __slots__ = ()

    def pump(self) -> bool:
        more = _splice(self, self._source, self._target)
        if more is None:
            self._end()
        return bool(more)


def _splice(way: _ProgramWay, source: int, target: int) -> bool | None:
    """Pass on a turn's bytes. True: there may be more; False: nothing flows now; None: ``source`` has ended."""
    turn = CHUNK
    while turn > 0:
        try:
            # Both ends can be what is waited for; each wakes us. The flag is the pipe's: its own may be another's.
            given = os.splice(source, target, CHUNK, flags=_NONBLOCK)
        except BlockingIOError:
            return False
        if not given:
            return None
        way.passed += given
        turn -= given
    return True


class IntoTerminal(_ProgramWay):
    """From the client to a program's terminal. The client's end becomes an end of file (^D), as if it were typed."""

    __slots__ = ()

    def wants(self, fd: int, events: int) -> bool:
        return (fd == self._source and bool(events & IN)) or (fd == self._target and bool(events & OUT))

    def pump(self) -> bool:
        turn = 16 * TERMINAL
        while turn > 0:
            if not self._left:
                if self.ended:
                    self.done = True
                    return False
                try:
                    self._left = os.read(self._source, TERMINAL)
                except BlockingIOError:
                    return False
                if not self._left:
                    self.ended = True
                    self._left = _end_of_file(self._target)
                    self.passed -= len(self._left)
            try:
                given = within(os.write, self._target, self._left)
            except BlockingIOError:
                return False
            except OSError:
                self.done = True  # its last process has let it go
                return False
            self._left = self._left[given:]
            self.passed += given
            turn -= given
        return True


class FromTerminal(_FromProgram):
    """From a program's terminal to the client, until the last process has let it go."""

    __slots__ = ()

    def pump(self) -> bool:
        turn = 16 * TERMINAL
        while turn > 0:
            if not self._left:
                try:
                    self._left = within(os.read, self._source, TERMINAL)
                except BlockingIOError:
                    return False
                except OSError:
                    self._left = b""  # EIO: the terminal is hung up
                if not self._left:
                    self._end()
                    return False
            try:
                given = os.write(self._target, self._left)
            except BlockingIOError:
                return False
            self._left = self._left[given:]
            self.passed += given
            turn -= given
        return True


# ---------------------------------------------------------------------------------------------------- terminals


def _end_of_file(terminal: int) -> bytes:
    """The character that ends its program's input."""
    try:
        found = termios.tcgetattr(terminal)[6][termios.VEOF]
    except termios.error:
        return b""
    return found if isinstance(found, bytes) and found != b"\0" else b""


class _TooLong(OSError):
    """A terminal held a read or write up."""


def _too_long(number: int, frame: FrameType | None) -> None:
    raise _TooLong("the terminal blocks")


def watch_terminals() -> None:
    """Once, before the first terminal."""
    signal.signal(signal.SIGALRM, _too_long)


def within(call: Callable[..., T], *args: object) -> T:
    """``call(*args)`` on a terminal, for TERMINAL_SECONDS at most. O_NONBLOCK is not enough: its launcher can clear that."""
    signal.setitimer(signal.ITIMER_REAL, TERMINAL_SECONDS)
    try:
        return call(*args)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
