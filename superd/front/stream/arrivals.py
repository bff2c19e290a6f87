"""From accept(2) to the launcher's queue, or to a refusal, in one pass: the trip of a connection that waits for nothing.

What must wait (a name, a banner, a hook, a relay, an internal service) becomes a task, of which only so many may be.
"""

from __future__ import annotations

import errno
import os
import resource
import socket
import time
from typing import TYPE_CHECKING, Any

from superd.address import SocketType
from superd.front.stream import internal_services
from superd.front.stream.session import run_session
from superd.net import peername
from superd.policy.admission import admit
from superd.policy.hosts_access import NO_FACTS, decide
from superd.verdict import Ask, Reason, Verdict

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.process import Front
    from superd.net.listener import Listener
    from superd.policy.hosts_access import Tables

BATCH = 32
"""Connections taken from one queue before the others are looked at: 8 costs 5 % more, 128 gains nothing (measured)."""

RESERVE = 64
"""Descriptors that connections leave free: for the master's orders, of which each brings some, and for name look-ups."""


class Arrivals:
    """What the front does with a listener that is ready. ``undecided`` are the tasks whose verdict is not there yet."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._tables: Tables | None = None
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._ceiling = limit - min(RESERVE, limit // 4)
        self.undecided = 0

    def on_ready(self, listener: Listener) -> None:
        """Takes a batch of what waits at the listener."""
        front = self._front
        state = front.in_force.services.get(listener.name)
        if state is None:
            return
        if state.service.hands_over or listener.address.socket_type is SocketType.DGRAM:
            front.datagrams.on_ready(listener, state)
            return
        for _ in range(BATCH):
            try:
                fd, sockaddr = listener.accept()
            except BlockingIOError:
                return
            except OSError as problem:
                if front.listeners.overloaded(problem.errno):
                    return
                continue  # the connection was reset, or its network is gone: accept(2) lists a dozen such errors
            self._arrive(listener, state, fd, sockaddr)
            if fd >= self._ceiling:  # the kernel gives the lowest that is free
                front.listeners.overloaded(errno.EMFILE)
                return

    def end_batch(self) -> None:
        """The tables are looked at once a batch."""
        self._tables = None

    def _arrive(self, listener: Listener, state: CompiledService, fd: int, sockaddr: Any) -> None:
        """One accepted connection; ``fd`` is this function's, then the launcher's or the session's."""
        front = self._front
        if listener.tcp:
            peer = peername.remote(sockaddr)
        else:
            peer = peername.remote_of_unix(fd)
        now = time.monotonic()
        tables = self._tables
        if tables is None:
            tables = self._tables = front.policy.current()
        verdict: Verdict | Ask | None = admit(state.access, peer, front.counts, now, front.world)
        asked = isinstance(verdict, Ask)
        if verdict is None and state.wrapped and tables is not None and not tables.empty:
            verdict = decide(tables, state.daemon, peer, listener.local_of(fd), NO_FACTS)
            if type(verdict) is Verdict and verdict.admit and not verdict.steps:
                verdict = None
        if verdict is None and state.fast and (tables is not None or not state.wrapped):
            front.launches.hand_over(front.book.enter(state, peer, now), listener.local_of(fd), fd)
            return
        if verdict is None and state.inside and (tables is not None or not state.wrapped):
            sock = socket.socket(listener.sock.family, socket.SOCK_STREAM, 0, fd)
            internal_services.serve(front, front.book.enter(state, peer, now), sock)
            return
        if type(verdict) is Verdict and not verdict.admit and not verdict.steps and state.closes_at_once:
            # Whoever hears of it may change the tables, and connect again before this batch has ended.
            self._tables = None
            os.close(fd)
            front.book.turned_away(state, peer, verdict)
            return
        if self.undecided >= front.in_force.settings.undecided:
            os.close(fd)
            limit = front.in_force.settings.undecided
            verdict = Verdict(False, Reason.OVERLOAD, detail="too many connections wait", limit=limit, now=self.undecided)
            front.book.turned_away(state, peer, verdict)
            return
        self.undecided += 1
        sock = socket.socket(fileno=fd)
        # Entered here, not in the task: else two connections both pass a limit of one.
        session = front.book.enter(state, peer, now)
        # What decide asked for is asked again there; only admission's own question is passed on.
        first = verdict if asked or isinstance(verdict, Verdict) else None
        front.nursery.start_soon(run_session, front, listener, sock, session, first)
