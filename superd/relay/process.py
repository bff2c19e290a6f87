"""The relay: a small process that carries the bytes of sessions which superd serves itself. Standard library only.

Runs as the front's user, confined (``confinement.py``). It gets connected descriptors and limits from the front, pumps,
and reports counts, end and reason. It never accepts, connects, decides, starts or opens anything. When the master is gone
it carries what it has to its end. A message that is not in the table ends it: then its sessions end, and no others.
"""

from __future__ import annotations

import array
import heapq
import os
import select
import signal
import socket
import sys
import time
from collections import deque

from superd.errors import ControlError
from superd.exit_status import EX_NOPERM, EX_OSERR, EX_PROTOCOL, EX_SOFTWARE
from superd.ipc import relay_messages as messages
from superd.relay.confinement import confine, use_all_descriptors
from superd.relay.program_ways import watch_terminals
from superd.relay.session import Endless, Session
from superd.system.closing import let_all_go
from superd.system.credentials import become
from superd.system.process_title import set_title
from superd.wire.chargen import LINES

TYPE_CHECKING = False  # typing costs a small process 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from superd.relay.tls import Keys
    from superd.relay.ways import Way

IDLE = 300.0
"""Seconds without a session after which a relay ends: 9 MiB less, and the next one starts in 50 ms."""
MESSAGES_A_PASS = 4
"""Messages of the front between two turns of the sessions."""
EVENTS_A_PASS = 256
MAX_REPORTS = 4096
"""Reports that the front may leave unread before its requests are left unread too."""

_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT
_EDGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLPRI | select.EPOLLET
_FDS_SPACE = socket.CMSG_SPACE(4 * 3 * messages.MAX_RECORDS)
_CLOEXEC, _CTRUNC = int(socket.MSG_CMSG_CLOEXEC), int(socket.MSG_CTRUNC)
_RIGHTS = (int(socket.SOL_SOCKET), int(socket.SCM_RIGHTS))


class Relay:
    """The process's whole state."""

    def __init__(self, front: socket.socket, most_files: int, keys: Keys | None = None) -> None:
        """``most_files``: descriptors that all sessions together may have. ``keys``: it speaks TLS."""
        self._keys = keys
        front.setblocking(False)
        self._front: socket.socket | None = front
        self._front_fd = front.fileno()
        self._interest = _READ
        self._blocked = False
        self._epoll = select.epoll()
        self._epoll.register(front, _READ)
        self._sessions: dict[int, Session] = {}
        self._by_fd: dict[int, Session] = {}
        self._turns: deque[tuple[Session, Way]] = deque()
        """Ways that have more to pump at once."""
        self._timers: list[tuple[float, int]] = []
        self._reports: deque[bytes] = deque()
        self._files_left = most_files
        self._endless = Endless(LINES)

    def run(self) -> None:
        """Carries until it has been idle for long, or the last session after the master's end is over."""
        by_fd, turns = self._by_fd, self._turns
        while self._front is not None or self._sessions:
            timeout = 0.0 if turns else self._timeout()
            ready = self._epoll.poll(timeout, EVENTS_A_PASS)
            now = time.monotonic()
            if not ready and not turns and timeout == IDLE:
                return  # what arrives just now stays in the pair, and the master starts another relay for it
            requests = False
            for fd, events in ready:
                session = by_fd.get(fd)
                if session is not None:
                    for way in session.ways:
                        if not way.done and way.wants(fd, events):
                            self._pump(session, way, now)
                            if fd not in by_fd:
                                break
                    else:
                        self._end_if_over(session, now)
                elif fd == self._front_fd:
                    if events & _WRITE:
                        self._blocked = False
                    requests = True
            for _ in range(len(turns)):
                session, way = turns.popleft()
                if session.fds and not way.done:
                    self._pump(session, way, now)
                    self._end_if_over(session, now)
            if requests:
                self._on_front(now)
            if self._timers and self._timers[0][0] <= now:
                self._on_time(now)
            self._send_reports()

    def _timeout(self) -> float:
        if self._timers:
            return max(0.0, self._timers[0][0] - time.monotonic())
        if self._sessions or self._reports:
            return -1
        return IDLE

    # ------------------------------------------------------------------ sessions

    def _pump(self, session: Session, way: Way, now: float) -> None:
        due = session.due
        try:
            if session.pump(way, now):
                self._turns.append((session, way))
        except OSError as problem:
            self._tell(session)
            shaken = session.tls is None or session.tls.secured
            self._over(session, now, messages.BROKEN if shaken else messages.HANDSHAKE, problem.errno or 0)
        except Exception as fault:  # noqa: BLE001 - ours, and it may end this session but no other
            line = fault.__traceback__.tb_lineno if fault.__traceback__ is not None else 0
            self._over(session, now, messages.FAULT, line)
        else:
            self._tell(session)
            if session.due < due:
                heapq.heappush(self._timers, (session.due, session.carry.number))

    def _tell(self, session: Session) -> None:
        """Report what a handshake has shown, once."""
        if session.tls is not None and session.tls.facts:
            self._reports.append(messages.encode_report(messages.Secured(session.carry.number, session.tls.facts)))
            session.tls.facts = b""

    def _end_if_over(self, session: Session, now: float) -> None:
        if not session.fds:
            return
        self._files_left += session.shed(self._forget)
        before = session.due
        if session.is_over(now):
            self._over(session, now, session.ended_by)
        elif session.due < before:  # its client is being drained
            heapq.heappush(self._timers, (session.due, session.carry.number))

    def _over(self, session: Session, now: float, reason: int, number: int = 0) -> None:
        self._files_left += len(session.fds)
        session.close(self._forget)
        session.fds = []
        del self._sessions[session.carry.number]
        self._reports.append(messages.encode_report(session.report(now, reason, number)))

    def _forget(self, fd: int) -> None:
        del self._by_fd[fd]
        # Not left to close(2): another process may hold a copy, and then its events would go on.
        self._epoll.unregister(fd)

    def _on_time(self, now: float) -> None:
        timers = self._timers
        while timers and timers[0][0] <= now:
            number = heapq.heappop(timers)[1]
            session = self._sessions.get(number)
            if session is None:
                continue
            reason = session.limit_reached(now)
            if reason is not None:
                self._over(session, now, reason)
            else:
                heapq.heappush(timers, (session.due, number))

    # ------------------------------------------------------------------ the front

    def _on_front(self, now: float) -> None:
        for _ in range(MESSAGES_A_PASS):
            front = self._front
            if front is None or len(self._reports) >= MAX_REPORTS:
                return
            try:
                data, ancillary, flags, _ = front.recvmsg(messages.MAX_MESSAGE + 1, _FDS_SPACE, _CLOEXEC)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data, ancillary, flags = b"", [], 0
            fds = array.array("i")
            for level, kind, payload in ancillary:
                if (level, kind) == _RIGHTS:
                    fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
            left = fds.tolist()
            try:
                if not data:
                    self._drop_front()
                    return
                self._obey(messages.parse_requests(data), left, now, truncated=bool(flags & _CTRUNC))
            finally:
                let_all_go(left)

    def _drop_front(self) -> None:
        """The master is gone, and so is every front: what is carried is carried to its end."""
        if self._front is not None:
            self._epoll.unregister(self._front)
            self._front.close()
            self._front, self._front_fd = None, -1
            self._reports.clear()

    def _obey(self, requests: list[messages.Request], left: list[int], now: float, *, truncated: bool) -> None:
        """Carries a message out; takes descriptors from ``left``, whose rest stays the caller's. Raises ``ControlError``."""
        wanted = sum(messages.DESCRIPTORS[request.mode] for request in requests if type(request) is messages.Carry)
        if wanted != len(left) and not (truncated and wanted > len(left)):
            raise ControlError("descriptors and sessions do not agree")
        for request in requests:
            if type(request) is messages.Carry:
                count = messages.DESCRIPTORS[request.mode]
                # Truncated: this process ran out of descriptors, which is not the front's doing.
                fds, left[:count] = left[:count], []
                self._carry(request, fds if len(fds) == count else [], now)
            elif type(request) is messages.End:
                session = self._sessions.get(request.number)
                if session is not None:
                    self._over(session, now, messages.KILLED)
            elif type(request) is messages.List:
                self._list(request.question, now)
            elif type(request) is messages.Ping:
                self._reports.append(messages.encode_report(messages.Alive(request.question)))

    def _list(self, question: int, now: float) -> None:
        for session in self._sessions.values():
            living = messages.Living(session.carry.number, now - session.started, session.carry.label)
            self._reports.append(messages.encode_report(living))
        self._reports.append(messages.encode_report(messages.Listed(question)))

    def _carry(self, carry: messages.Carry, fds: list[int], now: float) -> None:
        """Begins a session; ``fds`` are this function's, and empty when there was no room for them."""
        if carry.number in self._sessions:
            let_all_go(fds)
            raise ControlError("a session of this number lives")
        reason, number = messages.NO_ROOM, 0
        if fds and len(fds) <= self._files_left:
            try:
                self._begin(Session(carry, fds, self._endless, now, self._keys))
            except OSError as problem:
                reason, number = messages.FAULT, problem.errno or 0
            else:
                return
        let_all_go(fds)
        over = messages.Over(carry.number, 0, 0, 0.0, reason, number, carry.label)
        self._reports.append(messages.encode_report(over))

    def _begin(self, session: Session) -> None:
        for fd in session.fds:
            self._epoll.register(fd, _EDGES)  # also reports what has arrived already
        self._sessions[session.carry.number] = session
        self._files_left -= len(session.fds)
        for fd in session.fds:
            self._by_fd[fd] = session
        if session.due < float("inf"):
            heapq.heappush(self._timers, (session.due, session.carry.number))

    def _send_reports(self) -> None:
        front, reports = self._front, self._reports
        if front is None:
            reports.clear()
            return
        if reports and not self._blocked:
            try:
                for message, count in messages.batches(tuple(reports)):
                    front.send(message)
                    for _ in range(count):
                        reports.popleft()
            except BlockingIOError:
                self._blocked = True  # nothing is dropped: what is not sent goes when the pair takes it
            except OSError:
                self._drop_front()
                return
        interest = (_WRITE if self._blocked else 0) | (_READ if len(reports) < MAX_REPORTS else 0)
        if interest != self._interest:
            self._interest = interest
            self._epoll.modify(front, interest)


def _reader(fd: int) -> Callable[[int], Keys | None]:
    """What reads the master's keys: only a relay that has some loads what speaks TLS, while it may still read files."""
    if fd < 0:
        return lambda _fd: None
    from superd.relay.tls import read_keys

    return read_keys


def main() -> NoReturn:
    """Entry: descriptor 0 is the relay's end of its pair to the front; argv holds uid and gid (-1 to stay),
    the memory of keys (-1 for none), and a title."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a terminal's Ctrl-C is the master's; the front ends sessions
    front = socket.socket(fileno=os.dup(0))
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for low in (0, 1):
        os.dup2(null, low)
    os.chdir("/")
    watch_terminals()
    set_title(sys.argv[4])
    fd = int(sys.argv[3])
    read_keys = _reader(fd)
    try:
        become(int(sys.argv[1]), int(sys.argv[2]))
        most = use_all_descriptors()
    except OSError as problem:
        os.write(2, f"superd relay: {problem}\n".encode())
        os._exit(EX_NOPERM)
    os.dup2(null, 2)  # from here on it reads what strangers send, and superd's own log is not theirs to write to
    try:
        keys = read_keys(fd)
        relay = Relay(front, messages.files_for_sessions(most), keys)
        confine(tls=keys is not None)
    except (OSError, ControlError):
        os._exit(EX_OSERR)
    try:
        relay.run()
    except ControlError:
        os._exit(EX_PROTOCOL)
    except BaseException:  # noqa: BLE001 - the master reports the status, and starts another
        os._exit(EX_SOFTWARE)
    os._exit(0)
