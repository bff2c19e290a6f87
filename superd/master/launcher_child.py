"""One launcher as the master sees it: starts the process, sends it orders, reads its complaints and its table of programs.

Runs in: master (root). Never waits for a launcher, and reads no byte of a front or a peer.
"""

from __future__ import annotations

import functools
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from superd.ipc import launcher_control as orders
from superd.ipc.descriptors import refuse_descriptors
from superd.ipc.running_table import Entry, make_table, read_table
from superd.master.launcher_bundle import launcher_bundle
from superd.system.process_state import state_of
from superd.system.spawn import choose_spawn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from superd.launch_spec import Profile
    from superd.log.log import Log
    from superd.system.spawn import Spawn

OUTLIVE_SECONDS = 3.0
"""Seconds that all launchers have to answer before superd ends: one that starts a program stands still for milliseconds."""


class LauncherProcess:
    """A launcher that runs: its pid and its control socket. It ends when that is closed; its programs live on."""

    def __init__(self, pid: int, control: socket.socket, table: int = -1) -> None:
        """``table`` is the memory that it writes its programs to already; without one it gets one."""
        self.pid = pid
        self.control = control
        self.table = table
        if table < 0:
            self.table = make_table()
            self._tell(orders.send_table, self.table)

    def configure(self, specs: Mapping[str, Mapping[str, Any]], options: Mapping[str, tuple[str, str]]) -> None:
        """Send what it may start: services, and options of the policy as digest → (keyword, text)."""
        self._tell(orders.send_configuration, specs, options)

    def give_front(self, end: socket.socket) -> None:
        """Have it take requests from ``end``, and from no other any more; ``end`` stays the caller's."""
        self._tell(orders.send_front, end.fileno())

    def give_group(self, service: int, number: int, fds: tuple[int, int, int]) -> None:
        """Give it the group of a program to come, and close our descriptors of it."""
        self._tell(orders.send_group, service, number, fds)
        for fd in fds:
            os.close(fd)

    def bequeath(self, bequest: orders.Bequest) -> None:
        """Have it end what is left of the programs of a launcher that died."""
        self._tell(orders.send_bequest, bequest)

    def outlive(self, grace: float) -> None:
        """Have it live on after the master. ``outlives`` says whether it will.

        Once no process has the other end of its control socket it ends its programs after ``grace`` seconds; negative: it
        leaves them alone, as without this.
        """
        self._tell(orders.send_outlive, grace)

    def outlives(self, seconds: float) -> bool:
        """Wait for its answer to ``outlive``."""
        waiting = select.poll()
        waiting.register(self.control, select.POLLIN)
        until = time.monotonic() + seconds
        while waiting.poll(max(0.0, until - time.monotonic()) * 1000):
            complaint = self.complaint()
            if complaint is None or complaint[0] == orders.OUTLIVE:
                return complaint is not None
        return False

    def complaint(self) -> tuple[bytes, str] | None:
        """Return its word and text, an empty word for none, ``None`` when it is gone."""
        return orders.read_complaint(self.control)

    def programs(self) -> list[Entry]:
        """Return what it wrote down, unchecked: programs that run, the one it starts, and those whose leftovers live."""
        return list(read_table(self.table))

    def stands_still(self) -> bool:
        """Whether a signal stopped it and none continued it. A debugger's is another state."""
        return state_of(self.pid) == "T"

    def kill(self) -> None:
        """Ends it where it stands; it is the master's child, so the number is still its own."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let it end."""
        self.control.close()
        os.close(self.table)

    def _tell(self, send: Callable[..., None], *arguments: object) -> None:
        try:
            send(self.control, *arguments)  # does not wait: what stopped it may not stop the master
        except BlockingIOError:
            self.kill()  # hundreds of messages are unread: it does nothing any more
        except ConnectionError:
            pass  # it died: SIGCHLD says so, and the next one gets all of it


@functools.cache
def _spawn() -> Spawn:
    return choose_spawn()


def start_launcher(profile: Profile, *, user: str = "", open_files: int | None = None, stderr: int = 2) -> LauncherProcess:
    """Start a launcher that becomes ``profile`` first thing. Raises ``OSError`` when it cannot be started.

    ``user`` is for its title. ``open_files`` is the soft RLIMIT_NOFILE that superd was started with and programs are to
    have. A launcher that cannot become its profile exits with 77 (EX_NOPERM) and has started nothing.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    who = (profile.uid, profile.gid, profile.groups, profile.nice, profile.rlimits)
    described = orders.identity_text(*who, open_files, profile.sandbox)
    bundle = launcher_bundle()
    try:
        refuse_descriptors(ours)  # a launcher has none to send
        with bundle.lent() as memory:
            # Not posix_spawn: glibc's leaves its two own signals ignored, and every program of the launcher's inherits that.
            pid = _spawn()(
                (os.fsencode(sys.executable),),
                bundle.command("launcher", memory, "0", described, f"superd: launcher {user}".rstrip()),
                [b"PATH=" + os.fsencode(os.defpath)],
                theirs.fileno(),
                stderr,
                0o022,
            )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return LauncherProcess(pid, ours)


def outlive_all(processes: Sequence[LauncherProcess], grace: float, log: Log) -> None:
    """Have these launchers live on for another master, and wait for the word of each; log which does not answer."""
    for process in processes:
        process.outlive(grace)
    until = time.monotonic() + OUTLIVE_SECONDS
    for process in processes:
        if not process.outlives(max(0.0, until - time.monotonic())):
            log.message("warning", f"the launcher (pid {process.pid}) does not answer; it and its programs end with this superd")
