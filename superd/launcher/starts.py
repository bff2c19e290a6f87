"""Starts of programs: for each launch that the front asked for, a program or a report why there is none.

What: checks that a client is still connected, takes a group, starts the program, keeps the launches that the kernel had no
room for and tries them again.
Runs in: launchers. Standard library only. Never reads a message.
"""

from __future__ import annotations

import errno
import os

from superd.errors import ControlError
from superd.expansion import ExpansionTooLong
from superd.ipc import launch_codec as messages
from superd.launcher.leftovers import Child
from superd.launcher.lingering import as_client, was_reset
from superd.launcher.retries import GROUP_TOTAL, TOTAL, Retries
from superd.system.closing import let_go, let_socket_go, lingers

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Callable

    from superd.ipc.running_table import RunningTable
    from superd.launcher.children import Children
    from superd.launcher.front_end import FrontEnd
    from superd.launcher.groups import Groups
    from superd.launcher.lingering import Copies
    from superd.launcher.programs import Programs

_TRANSIENT = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


class Starts:
    """What one launcher starts. ``waiting`` are the launches that are tried again."""

    def __init__(
        self,
        programs: Programs,
        front: FrontEnd,
        groups: Groups,
        children: Children,
        table: RunningTable,
        copies: Copies,
        hear_master: Callable[[], bool],
    ) -> None:
        """``hear_master`` obeys what the master has sent, and returns False when the master is gone."""
        self._programs = programs
        self._front = front
        self._groups = groups
        self._children = children
        self._table = table
        self._copies = copies
        self._hear_master = hear_master
        self.waiting = Retries()

    def launch(self, request: messages.Launch, fd: int, pause: float, began: float, now: float) -> bool:
        """Start a program for ``fd``, which is this function's. False when the master turned out to be gone.

        It was tried first at ``began``; if the kernel or the master has no room, it is tried again ``pause`` seconds from now.
        """
        spec = self._programs.spec(request.service, now)
        if spec is None:
            # Perhaps its message is waiting on the other socket: the master sends it before it tells the front.
            if not self._hear_master():
                let_go(fd)
                return False
            spec = self._programs.spec(request.service, now)
        if spec is None:
            let_go(fd)
            self.failed(request.conn, errno.ENOENT, f"service {request.service}")
            return True
        client = as_client(fd)
        of_client = client is not None and request.proto == "tcp" and request.remote_host != ""
        if client is not None and of_client and was_reset(client):
            let_socket_go(client)
            self.failed(request.conn, errno.ECONNRESET, "")
            return True
        group = None
        total = TOTAL
        if spec.group:
            total = GROUP_TOTAL
            group = self._groups.take(spec.index, now)
            if group is None and now < began + total:
                if client is not None:
                    client.detach()
                self.waiting.keep(request, fd, pause, began, now, total)
                return True
        slot = self._table.starting(request.conn, spec.index, request.remote_host, request.remote_port, now)
        try:
            if spec.group and group is None:
                raise OSError(errno.EAGAIN, "the master has no group for it")
            pid, pipe = self._programs.start(spec, request, fd, now, group)
        except OSError as problem:
            self._table.free((slot,))
            transient = problem.errno in _TRANSIENT
            if group is not None:
                self._groups.unused(group)
                if problem.errno == errno.ENODEV:
                    transient = True
                    self._groups.stale(spec.index, now)
            if client is not None:
                client.detach()
            if transient and now < began + total:
                self.waiting.keep(request, fd, pause, began, now, total)
                return True
            let_go(fd)
            self.failed(request.conn, problem.errno or errno.EIO, os.fsdecode(spec.paths[0]))
            return True
        except (ControlError, ValueError) as problem:
            self._table.free((slot,))
            if group is not None:
                self._groups.unused(group)
            if client is not None:
                client.detach()
            let_go(fd)
            if isinstance(problem, ControlError):
                raise
            number = errno.E2BIG if isinstance(problem, ExpansionTooLong) else errno.EINVAL
            self.failed(request.conn, number, os.fsdecode(spec.paths[0]))
            return True
        self._table.started(slot, pid)
        child = self._children.of_pid[pid] = Child(
            pid, request.conn, request.service, request.remote_host, request.remote_port, now, grace=spec.grace, slot=slot
        )
        child.group = group
        self._children.by_conn[request.conn] = pid
        self._front.reports.append(f'["B",{request.conn},{pid},{pipe}]')
        if client is None:
            let_go(fd)
        elif lingers(client):
            self._copies.keep(pid, client, now, to_the_end=True)
        elif of_client and spec.habit.wants_copy() and not self._copies.full:
            self._copies.keep(pid, client, now, to_the_end=False)
        else:
            client.close()  # it did not linger just now, and this is not the last copy unless the program has ended already
        return True

    def try_again(self, now: float) -> None:
        """Try what is due. Raises ``ControlError`` for a launch that the front should not have asked for."""
        due = self.waiting.take_due(now)
        for index, entry in enumerate(due):
            try:
                self.launch(entry.request, entry.fd, entry.pause, entry.began, now)
            except ControlError:
                self.waiting.give_back(due[index + 1 :])
                raise

    def give_up(self, conn: int) -> None:
        """Let go the connection ``conn``, if its launch is to be tried again."""
        entry = self.waiting.take(conn)
        if entry is not None:
            let_go(entry.fd)
            self.failed(conn, errno.ETIMEDOUT, "superd's launcher")

    def list(self) -> None:
        """Report what waits."""
        for entry in self.waiting:
            request = entry.request
            living = messages.Living(request.conn, request.service, 0, request.remote_host, entry.began)
            self._front.reports.append(messages.encode_report(living))

    def failed(self, conn: int, number: int, what: str) -> None:
        """Report that no program was started for a connection, by errno and what it is of."""
        self._front.reports.append(messages.encode_report(messages.Failed(conn, number, what)))
