"""How the master starts a launcher and talks to it. Reads nothing a front or a peer said but the launcher's complaint."""

from __future__ import annotations

import array
import functools
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from superd.launch_spec import LaunchSpec, Profile
from superd.system.spawn import choose_spawn

if TYPE_CHECKING:
    from superd.system.spawn import Spawn

BUFFER = 1 << 20
"""Bytes of the pair between front and launcher: a few hundred requests wait there before accept is pushed back."""

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from superd.launcher.process import main; main()"


def request_pair() -> tuple[socket.socket, socket.socket]:
    """The pair that a front (first end) and a launcher (second end) talk over. The master keeps both ends."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in pair:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    return pair


class LauncherProcess:
    """A launcher that runs: its pid and its control socket. It ends when that is closed; its programs live on."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid = pid
        self.control = control

    def configure(self, specs: Mapping[str, LaunchSpec], hooks: Mapping[str, tuple[str, str]]) -> None:
        """Tells it what it may start: services, and options of the policy as digest → (keyword, text)."""
        message = {"specs": {name: spec.message() for name, spec in specs.items()}, "hooks": dict(hooks)}
        memory = os.memfd_create("superd-specs", os.MFD_CLOEXEC)
        with open(memory, "w+b") as file:
            file.write(json.dumps(message).encode())
            file.flush()
            self._send(b"C", memory)

    def give_front(self, end: socket.socket) -> None:
        """Tells it to take requests from ``end``, and from no other any more; ``end`` stays the caller's."""
        self._send(b"F", end.fileno())

    def complaint(self) -> str | None:
        """What it says of the front: ``""`` for nothing, ``None`` when it is gone."""
        try:
            data = self.control.recv(1024, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return ""
        except OSError:
            return None
        return data[1:].decode("ascii", "replace") if data else None

    def stands_still(self) -> bool:
        """Whether a signal stopped it and nobody let it go on. A debugger's is another state."""
        with open(f"/proc/{self.pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] == b"T"

    def kill(self) -> None:
        """Ends it where it stands; it is the master's child, so the number is still its own."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Lets it end."""
        self.control.close()

    def _send(self, word: bytes, fd: int) -> None:
        try:
            # Not waiting: what stopped it may not stop the master. And not socket.send_fds, which forgets its flags.
            rights = array.array("i", [fd])
            self.control.sendmsg([word], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], socket.MSG_DONTWAIT)
        except BlockingIOError:
            self.kill()  # hundreds of messages are unread: it does nothing any more
        except ConnectionError:
            pass  # it died: SIGCHLD says so, and the next one is told anew


@functools.cache
def _spawn() -> Spawn:
    return choose_spawn()


def start_launcher(profile: Profile, *, open_files: int | None = None) -> LauncherProcess:
    """Starts a launcher that becomes ``profile`` first thing. Raises ``OSError`` when it cannot be started.

    ``open_files`` is the soft RLIMIT_NOFILE that superd was started with and programs are to have. A launcher that
    cannot become its profile exits with 77 (EX_NOPERM) and has started nothing.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    described = json.dumps(
        {
            "uid": profile.uid,
            "gid": profile.gid,
            "groups": profile.groups,
            "nice": profile.nice,
            "rlimits": profile.rlimits,
            "open_files": open_files,
        }
    )
    argv = [sys.executable, "-I", "-S", "-c", _BOOT, _ROOT, "0", described]
    try:
        # Not posix_spawn: glibc's leaves its two own signals ignored, and every program of the launcher's inherits that.
        pid = _spawn()(
            (os.fsencode(sys.executable),),
            [os.fsencode(word) for word in argv],
            [b"PATH=" + os.fsencode(os.defpath)],
            theirs.fileno(),
            2,
            0o022,
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return LauncherProcess(pid, ours)
