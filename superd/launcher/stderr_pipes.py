"""The pipes that programs have as fd 2 (``stderr = "log"``): each program its own while there are few, else its service's.

What: opens pipes, says in a pipe whose bytes follow, and keeps the read ends, so that no program dies of SIGPIPE without a front.
Runs in: launchers. Standard library only.
Never: reads what programs write.
"""

from __future__ import annotations

import fcntl
import os
import termios

from superd.ipc.launch_codec import MARK, MAX_PIPES

MAX_OWN = 16
"""Programs of one launcher at once that have a pipe of their own."""
_EMPTY = bytes(4)


class Pipe:
    """One pipe. ``conn`` is the connection whose program alone has it, 0 for one that several programs share."""

    __slots__ = ("conn", "read", "service", "users", "write")

    def __init__(self, service: str) -> None:
        self.read, self.write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.read, False)
        self.service = service
        self.conn = 0
        self.users = 0

    def give(self, conn: int) -> None:
        """Make it one connection's. It is empty, so this does not block."""
        self.conn = conn
        os.write(self.write, b"\n%s%d\n" % (MARK, conn))

    @property
    def empty(self) -> bool:
        """Whether the front has read all of it."""
        return fcntl.ioctl(self.read, termios.FIONREAD, _EMPTY) == _EMPTY


class StderrPipes:
    """All pipes of one launcher."""

    def __init__(self) -> None:
        self._shared: dict[str, Pipe] = {}
        self._own: dict[int, Pipe] = {}
        self._free: dict[str, list[Pipe]] = {}
        self._open = 0
        self.unsent: dict[Pipe, None] = {}
        """Pipes that the front does not have yet."""

    def take(self, service: str, conn: int, *, alone: bool) -> int:
        """Return what a program writes its fd 2 to, until ``ended``. ``alone``: what it starts ends with it."""
        if alone and len(self._own) < MAX_OWN and conn not in self._own:
            pipe = self._own[conn] = self._free_pipe(service) or self._new(service)
            pipe.give(conn)
            return pipe.write
        shared = self._shared.get(service)
        if shared is None:
            shared = self._shared[service] = self._new(service)
        shared.users += 1
        return shared.write

    def _free_pipe(self, service: str) -> Pipe | None:
        free = self._free.get(service, [])
        for number, pipe in enumerate(free):
            if pipe.empty:
                return free.pop(number)
        return None

    def _new(self, service: str) -> Pipe:
        if self._open >= MAX_PIPES:
            for name in [*self._free, *self._shared]:
                self.forget(name, unused=True)
        pipe = Pipe(service)
        self._open += 1
        self.unsent[pipe] = None
        return pipe

    def ended(self, service: str, conn: int) -> None:
        """The program of a connection ended, or was not started: another one can have its pipe."""
        pipe = self._own.pop(conn, None)
        if pipe is not None:
            self._free.setdefault(service, []).append(pipe)
        elif service in self._shared:
            self._shared[service].users -= 1

    def forget(self, service: str, *, unused: bool = False) -> None:
        """Close the pipes of a service that no program has for itself; with ``unused`` none that a program has."""
        closed = self._free.pop(service, [])
        shared = self._shared.get(service)
        if shared is not None and not (unused and shared.users > 0):
            closed.append(self._shared.pop(service))
        for pipe in closed:
            self._open -= 1
            self.unsent.pop(pipe, None)
            os.close(pipe.read)
            os.close(pipe.write)

    def send_all(self) -> None:
        """The front is a new one: it gets every pipe."""
        free = (pipe for pipes in self._free.values() for pipe in pipes)
        self.unsent = dict.fromkeys((*self._shared.values(), *self._own.values(), *free))
