"""The pipes that programs have as fd 2 (``stderr = "log"``): each program its own while there are few, else its service's.

What: opens pipes, knows whose bytes are in which, and keeps the read ends, so that no program dies of SIGPIPE without a front.
A pipe is given to another program only when it is empty and the front has been told of the end of the one before, so the
report of a start is enough to tell whose bytes come next: a program that writes nothing costs no write and no read.
Runs in: launchers. Standard library only.
Never: reads what programs write.
"""

from __future__ import annotations

import fcntl
import os
import termios

from superd.ipc.launch_codec import MAX_PIPES

MAX_OWN = 16
"""Programs of one launcher at once that have a pipe of their own."""
_EMPTY = bytes(4)


class Pipe:
    """One pipe. ``number`` is its name to the front, 0 for one that several programs share.

    ``conn`` is the connection whose program has it, or had it last; 0 for one that is free.
    """

    __slots__ = ("conn", "number", "read", "service", "users", "write")

    def __init__(self, service: str, number: int) -> None:
        self.read, self.write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.read, False)
        self.service = service
        self.number = number
        self.conn = 0
        self.users = 0

    @property
    def empty(self) -> bool:
        """Whether the front has read all of it."""
        return fcntl.ioctl(self.read, termios.FIONREAD, _EMPTY) == _EMPTY

    def end_writing(self) -> None:
        """Close the write end: the front reads to its end."""
        os.close(self.write)
        self.write = -1

    def close(self) -> None:
        """Close what is open of it."""
        os.close(self.read)
        if self.write >= 0:
            os.close(self.write)


class StderrPipes:
    """All pipes of one launcher."""

    def __init__(self) -> None:
        self._shared: dict[str, Pipe] = {}
        self._own: dict[int, Pipe] = {}
        self._free: dict[str, list[Pipe]] = {}
        self._rested: list[Pipe] = []
        """Empty, and the front has not been told yet that their programs ended."""
        self._left: list[Pipe] = []
        """Without a writer of ours, and not read to the end yet: a new front would want them."""
        self._numbers = 0
        self._open = 0
        self.unsent: dict[Pipe, None] = {}
        """Pipes that the front does not have yet."""

    def take(self, service: str, conn: int, *, alone: bool) -> Pipe:
        """Return the pipe that a program writes its fd 2 to, until ``ended``. ``alone``: what it starts ends with it."""
        if alone and len(self._own) < MAX_OWN and conn not in self._own:
            free = self._free.get(service)
            pipe = self._own[conn] = free.pop() if free else self._new(service, own=True)
            pipe.conn = conn
            return pipe
        shared = self._shared.get(service)
        if shared is None:
            shared = self._shared[service] = self._new(service, own=False)
        shared.users += 1
        return shared

    def _new(self, service: str, *, own: bool) -> Pipe:
        if self._open >= MAX_PIPES:
            for name in [*self._free, *self._shared]:
                self.forget(name, unused=True)
        if own:
            self._numbers += 1
        pipe = Pipe(service, self._numbers if own else 0)
        self._open += 1
        self.unsent[pipe] = None
        return pipe

    def ended(self, service: str, conn: int, *, alone: bool = True) -> None:
        """The program of a connection ended, or was not started. ``alone``: it left no process that may write on."""
        pipe = self._own.pop(conn, None)
        if pipe is None:
            if service in self._shared:
                self._shared[service].users -= 1
        elif alone and pipe.empty:
            pipe.conn = 0
            self._rested.append(pipe)
        else:
            pipe.end_writing()
            self._left.append(pipe)
        if self._left:
            self._close_read()

    def told(self) -> None:
        """The front has been sent every end of a program: other programs can have the pipes."""
        for pipe in self._rested:
            self._free.setdefault(pipe.service, []).append(pipe)
        self._rested.clear()

    def _close_read(self) -> None:
        """Close the pipes that the front has read, and with too many the oldest."""
        keep = []
        for number, pipe in enumerate(self._left):
            if pipe not in self.unsent and (pipe.empty or len(self._left) - number > MAX_OWN):
                self._open -= 1
                pipe.close()
            else:
                keep.append(pipe)
        self._left = keep

    def forget(self, service: str, *, unused: bool = False) -> None:
        """Close the pipes of a service that no program has for itself; with ``unused`` none that a program has."""
        closed = self._free.pop(service, [])
        closed += [pipe for pipe in self._rested if pipe.service == service]
        self._rested = [pipe for pipe in self._rested if pipe.service != service]
        shared = self._shared.get(service)
        if shared is not None and not (unused and shared.users > 0):
            closed.append(self._shared.pop(service))
        for pipe in closed:
            self._open -= 1
            self.unsent.pop(pipe, None)
            pipe.close()

    def send_all(self) -> None:
        """The front is a new one: it gets every pipe."""
        free = (pipe for pipes in self._free.values() for pipe in pipes)
        self.unsent = dict.fromkeys((*self._shared.values(), *self._own.values(), *free, *self._rested, *self._left))
