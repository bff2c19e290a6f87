"""How orders travel: pickled, over a seqpacket pair that only master and front hold.

What: the pair, and both ends of it. A descriptor (``Fd``) travels with the message, and is the receiver's own descriptor there.
Runs in: master (sends), front (receives; it trusts the master, which is root).
Never: waits, or loses an order while the front lives.
"""

from __future__ import annotations

import dataclasses
import errno
import io
import os
import pickle
import socket
from collections import deque

from superd.ipc import descriptors
from superd.ipc.front_orders import Begin, Fd, Order
from superd.system.closing import let_all_go

MAX_FDS = 200
"""Descriptors in one message; the kernel takes 253 (SCM_MAX_FD)."""
MAX_PENDING = 10_000
"""Messages kept for a front that does not read; its heartbeat is overdue long before."""

_FDS = b"F"
_VALUE = b"V"
_NO_ROOM = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ETOOMANYREFS})
"""errno values of sendmsg(2) after which the same message can be sent a moment later."""


def pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a channel; the first is the master's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    descriptors.refuse_descriptors(ours)  # a front has none to send
    return ours, theirs


def own_copies(order: Begin) -> Begin:
    """Return the same order with descriptors that are this process's own: for a front that was forked with it.

    The listeners keep their numbers, and the caller must not close them: with two of each a small limit would be too small.
    """
    first = order.first
    memory = Fd(os.dup(order.memory)) if order.memory is not None else None  # in_child closes the master's
    return dataclasses.replace(
        order,
        memory=memory,
        first=dataclasses.replace(
            first,
            launchers={number: Fd(os.dup(fd)) for number, fd in first.launchers.items()},
            logs={name: Fd(os.dup(fd)) for name, fd in (first.logs or {}).items()},
        ),
    )


class OrderWriter:
    """The master's side: sends orders in their order, never waits, loses none while the front lives."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._pending: deque[tuple[bytes, list[int]]] = deque()
        self.crowded = False
        """Whether the kernel has too many descriptors in flight: ``flush`` again a moment later."""

    @property
    def blocked(self) -> bool:
        """Whether something could not be sent yet: ``flush`` again when the channel takes it."""
        return bool(self._pending)

    def send(self, order: Order) -> None:
        """Send ``order``, or keep it until the channel takes it. Its descriptors stay the caller's.

        Raises ``BlockingIOError`` when too much is unread, another ``OSError`` when the front is gone or no descriptor is free.
        """
        if len(self._pending) > MAX_PENDING:
            raise BlockingIOError(errno.EAGAIN, "the front reads no orders")
        buffer = io.BytesIO()
        pickler = _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL)
        pickler.fds = []
        pickler.dump(order)
        copies: list[int] = []
        try:
            for fd in pickler.fds:
                copies.append(os.dup(fd))
            copies.append(descriptors.as_memory("superd-order", buffer.getvalue()))
        except BaseException:
            let_all_go(copies)
            raise
        value = copies.pop()
        self._pending.extend((_FDS, copies[start : start + MAX_FDS]) for start in range(0, len(copies), MAX_FDS))
        self._pending.append((_VALUE, [value]))
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the channel takes it. Raises ``OSError`` when the front is gone."""
        self.crowded = False
        while self._pending:
            word, fds = self._pending[0]
            try:
                descriptors.send_with(self._channel, word, fds, socket.MSG_DONTWAIT)
            except OSError as problem:
                if problem.errno in _NO_ROOM:
                    self.crowded = problem.errno != errno.EAGAIN
                    return
                raise
            self._pending.popleft()
            let_all_go(fds)

    def close(self) -> None:
        """Forget what was not sent; the channel stays the caller's."""
        for _, fds in self._pending:
            let_all_go(fds)
        self._pending.clear()


class OrderReader:
    """The front's side: collects descriptors until the value that goes with them arrives."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._fds: list[int] = []

    @property
    def more(self) -> bool:
        """Whether an order waits in the channel, or part of one was read."""
        if self._fds:
            return True
        try:
            return bool(self._channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return False

    def read(self) -> Order | None:
        """Return the next order, ``None`` while only part of it came. ``EOFError`` when the master is gone.

        Raises ``BlockingIOError`` when there is nothing to read, another ``OSError`` when there was no room for a descriptor.
        """
        # Looked at first, then taken: a message whose descriptors find no room stays in the channel, and comes again.
        data, fds, truncated = descriptors.receive_with(self._channel, 16, MAX_FDS, socket.MSG_PEEK)
        if not data:
            raise EOFError("the master is gone")
        if truncated or not fds:
            let_all_go(fds)
            raise OSError(errno.EMFILE, "no descriptor was free for an order")
        self._channel.recv(16)
        if data == _FDS:
            self._fds.extend(fds)
            return None
        with open(fds[0], "rb") as file:
            file.seek(0)
            unpickler = _Unpickler(file)
            unpickler.fds, self._fds = self._fds, []
            order: Order = unpickler.load()
        return order


class _Pickler(pickle.Pickler):
    """Takes descriptors out of an order: each is a number in ``fds``."""

    fds: list[int]

    def persistent_id(self, obj: object) -> int | None:
        if type(obj) is not Fd:
            return None
        self.fds.append(int(obj))
        return len(self.fds) - 1


class _Unpickler(pickle.Unpickler):
    """Puts the received descriptors in. Reads what root wrote, over a pair that only the master holds."""

    fds: list[int]

    def persistent_load(self, pid: int) -> Fd:
        return Fd(self.fds[pid])
