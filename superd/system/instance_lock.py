"""One superd for one configuration: a lock that the kernel lets go of when its holder ends.

Runs in: master, before it binds anything.
Never: waits; a host where no lock file can be made is served without one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import struct

RUN = "/run/superd"
MAX_OUTCOME = 4096
"""Bytes of a lock file: the process, and what became of its last upgrade."""


class AlreadyServed(Exception):
    """Another process, ``pid`` (0 if it does not say), serves this configuration."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"another superd (pid {pid}) serves this configuration" if pid else "another superd serves it")
        self.pid = pid


def lock(configuration: str, folder: str = "") -> int | None:
    """Take the lock of this configuration in this network namespace; return the descriptor that holds it.

    Returns None where no lock can be made. Raises ``AlreadyServed``.
    """
    try:
        fd = _open(folder or run_folder(), _name(configuration))
    except OSError:
        return None
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        holder = _holder(fd)
        os.close(fd)
        if isinstance(problem, (BlockingIOError, PermissionError)):
            raise AlreadyServed(holder) from None
        return None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _holder(fd: int) -> int:
    pid = os.pread(fd, 20, 0).partition(b"\n")[0]
    return int(pid) if pid.isdigit() else 0


def write_outcome(fd: int, outcome: str) -> None:
    """Write what became of an upgrade for ``read_outcome``. ``fd`` holds the lock. Raises ``OSError``."""
    data = f"{os.getpid()}\n{outcome}\n".encode("utf-8", "backslashreplace")[:MAX_OUTCOME]
    os.pwrite(fd, data, 0)
    os.ftruncate(fd, len(data))


def read_outcome(configuration: str, folder: str = "") -> tuple[int, str]:
    """Return the process that holds the lock of this configuration, 0 for none, and the last outcome that it wrote.

    Raises ``OSError`` when the lock cannot be opened.
    """
    fd = _open(folder or run_folder(), _name(configuration))
    try:
        question = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, holder = struct.unpack("hhqqi", fcntl.fcntl(fd, fcntl.F_GETLK, question))
        if kind == fcntl.F_UNLCK:
            return 0, ""
        text = os.pread(fd, MAX_OUTCOME, 0).decode("utf-8", "replace").partition("\n")[2]
        return int(holder) or _holder(fd), text.strip()
    finally:
        os.close(fd)


def _name(configuration: str) -> str:
    with contextlib.suppress(OSError):
        configuration += f"\0{os.stat('/proc/self/ns/net').st_ino}"
    return hashlib.sha256(configuration.encode("utf-8", "surrogateescape")).hexdigest()[:16] + ".lock"


def run_folder() -> str:
    """Return the folder of superd's files of one boot: root's, or the user's own."""
    if os.geteuid() == 0:
        return RUN
    return os.path.join(os.environ.get("XDG_RUNTIME_DIR") or "/tmp", f"superd.{os.getuid()}")  # noqa: S108 - checked below


def _open(folder: str, name: str) -> int:
    """Open the lock file in a folder that no other user can write to. Raises ``OSError``."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o755)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(place)
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
            raise PermissionError("the folder belongs to another user")
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=place)
    finally:
        os.close(place)
