"""A session that a relay carries: its descriptors, its ways, its limits, its counts. Waits for nothing; runs in relays."""

from __future__ import annotations

import errno
import os
import stat

from superd.ipc import relay_messages as messages
from superd.relay import program_ways, ways
from superd.system.closing import let_go

TYPE_CHECKING = False  # typing costs a small process 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Callable

    from superd.relay.tls import Keys, Tls
    from superd.relay.ways import Way

DRAIN_BYTES, DRAIN_SECONDS = 65536, 2.0
"""What is read of a client and thrown away after its program's last byte, so that it gets that byte and not a reset."""

STALL = 300.0
"""Seconds that a client of TLS may take no byte of what its session has left for it."""

_KINDS = {
    messages.RELAY: (stat.S_IFSOCK, stat.S_IFSOCK),
    messages.ECHO: (stat.S_IFSOCK,),
    messages.DISCARD: (stat.S_IFSOCK,),
    messages.CHARGEN: (stat.S_IFSOCK,),
    messages.PIPE: (stat.S_IFSOCK, stat.S_IFIFO, stat.S_IFIFO),
    messages.PTY: (stat.S_IFSOCK, stat.S_IFCHR),
    messages.TLS: (stat.S_IFSOCK, stat.S_IFSOCK),
}


class Endless:
    """What chargen sends and where discard reads to: one of each for a relay."""

    def __init__(self, lines: bytes) -> None:
        self.sink = memoryview(bytearray(4096))
        self.size = len(lines)
        self.memory = os.memfd_create("chargen", os.MFD_CLOEXEC)
        os.write(self.memory, lines)


class Session:
    """One session. ``started``, ``last`` (byte) and ``due`` (the next look at its limits) are monotonic seconds."""

    __slots__ = (
        "_endless", "_left", "_parting", "_secured", "carry", "due", "ended_by", "fds", "last", "received", "sent", "started",
        "tls", "ways",
    )  # fmt: skip

    def __init__(self, carry: messages.Carry, fds: list[int], endless: Endless, now: float, keys: Keys | None = None) -> None:
        """Takes ``fds`` over when it succeeds. Of a relay with ``keys`` some speak TLS.

        Raises ``OSError`` for descriptors that are not of the mode's kinds."""
        if tuple(stat.S_IFMT(os.fstat(fd).st_mode) for fd in fds) != _KINDS[carry.mode]:
            raise OSError(errno.EINVAL, "a descriptor is of another kind")
        if carry.mode == messages.PTY and not os.isatty(fds[1]):
            raise OSError(errno.ENOTTY, "the terminal is none")
        for fd in fds:
            os.set_blocking(fd, False)
        self.carry = carry
        self.fds = fds
        self._endless = endless
        self.started = self.last = now
        self.received = self.sent = 0
        self.ended_by = messages.CLIENT
        """The side that ended first, once one has."""
        self._parting: float | None = None
        self.ways: list[Way] = _ways(carry, fds, endless, keys)
        self.tls: Tls | None = self.ways[0] if carry.mode == messages.TLS else None  # type: ignore[assignment]
        self._secured = self._left = 0.0
        """When the handshake was over, and when the plain end of TLS had ended."""
        self.due = self._next_look()

    def pump(self, way: Way, now: float) -> bool:
        """Pumps one of its ways; True when that has more to do. Raises ``OSError`` when the session breaks."""
        before = way.passed
        try:
            return way.pump()
        finally:
            if way.passed != before:
                self.last = now
                self._count()
            if self.tls is not None:
                self._look_at_tls(self.tls, now)
            if way.done and self._parting is None and sum(one.done for one in self.ways) == 1:
                self.ended_by = messages.CLIENT if way is self.ways[0] else messages.OTHER

    def _look_at_tls(self, tls: Tls, now: float) -> None:
        if tls.secured and not self._secured:
            self._secured = self.last = now
        if tls.ending and not self._left:
            self._left = now
        self.due = min(self.due, self._next_look())

    def _count(self) -> None:
        match self.carry.mode:
            case messages.RELAY | messages.PIPE | messages.PTY:
                if self._parting is None:
                    self.received, self.sent = self.ways[0].passed, self.ways[1].passed
            case messages.TLS:
                if self.tls is not None:
                    self.received, self.sent = self.tls.received, self.tls.sent
            case messages.ECHO:
                self.received = self.sent = self.ways[0].passed
            case messages.DISCARD:
                self.received = self.ways[0].passed
            case messages.CHARGEN:
                self.sent = self.ways[0].passed

    def is_over(self, now: float) -> bool:
        """Whether all has been said. A client that may still be sending to a program that has ended is drained first."""
        if not all(way.done for way in self.ways):
            return False
        if self._parting is not None or self.carry.mode not in (messages.PIPE, messages.PTY, messages.TLS):
            return True
        if getattr(self.ways[0], "ended", True):
            return True
        for way in self.ways:
            way.close()
        self._parting = now + DRAIN_SECONDS
        self.due = self._parting
        drain = ways.Discard(self.fds[0], self._endless.sink, DRAIN_BYTES)
        drain.pump()
        self.ways = [drain]
        return drain.done

    def shed(self, forget: Callable[[int], None]) -> int:
        """Closes a program's standard input when the client has ended its side; how many descriptors that frees."""
        if self.carry.mode != messages.PIPE or len(self.fds) < 3 or not self.ways[0].done:
            return 0
        into = self.fds.pop(1)
        forget(into)
        let_go(into)
        return 1

    def limit_reached(self, now: float) -> int | None:
        """The reason to end it now, else ``None``; ``due`` then says when to look again."""
        if self._parting is not None and now >= self._parting:
            return self.ended_by
        if self._session_ends() <= now:
            return messages.SESSION
        if self._left and now >= max(self.last, self._left) + STALL:
            return messages.BROKEN
        if self.carry.idle and now >= self.last + self.carry.idle:
            return messages.IDLE
        self.due = self._next_look()
        return None

    def _next_look(self) -> float:
        due = self._parting if self._parting is not None else float("inf")
        due = min(due, self._session_ends())
        if self._left:
            due = min(due, max(self.last, self._left) + STALL)
        if self.carry.idle:
            due = min(due, self.last + self.carry.idle)
        return due

    def _session_ends(self) -> float:
        """When it has lasted too long; of TLS, when the client has sent nothing for too long after its handshake."""
        if not self.carry.session or (self.tls is not None and (self.received or not self._secured)):
            return float("inf")
        return (self._secured if self.tls is not None else self.started) + self.carry.session

    def close(self, forget: Callable[[int], None]) -> None:
        """Closes all; ``forget`` is called with each descriptor before."""
        for way in self.ways:
            way.close()
        for fd in self.fds:
            forget(fd)
            let_go(fd)

    def report(self, now: float, reason: int, number: int) -> messages.Over:
        """The last word about it."""
        carry = self.carry
        return messages.Over(carry.number, self.received, self.sent, now - self.started, reason, min(number, 0xFFFF), carry.label)


def _ways(carry: messages.Carry, fds: list[int], endless: Endless, keys: Keys | None) -> list[Way]:
    match carry.mode, fds:
        case messages.RELAY, [client, other]:
            return [ways.Splice(client, other, resend=True), ways.Splice(other, client, resend=True)]
        case messages.TLS, [client, plain]:
            if keys is None:
                raise OSError(errno.ENOKEY, "this relay has no keys")
            from superd.relay.tls import Tls

            return [Tls(client, plain, keys, carry.label)]
        case messages.ECHO, [client]:
            return [ways.Splice(client, client, resend=False)]
        case messages.DISCARD, [client]:
            return [ways.Discard(client, endless.sink)]
        case messages.CHARGEN, [client]:
            return [ways.Chargen(client, endless.memory, endless.size)]
        case messages.PIPE, [client, into, out]:
            return [program_ways.IntoPipe(client, into), program_ways.FromPipe(out, client)]
        case messages.PTY, [client, terminal]:
            return [program_ways.IntoTerminal(client, terminal), program_ways.FromTerminal(terminal, client)]
    raise ValueError("the mode and its descriptors were checked before")
