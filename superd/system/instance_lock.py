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

RUN = "/run/superd"


class AlreadyServed(Exception):
    """Another process, ``pid`` (0 if it does not say), serves this configuration."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"another superd (pid {pid}) serves this configuration" if pid else "another superd serves it")
        self.pid = pid


def lock(configuration: str, folder: str = "") -> int | None:
    """Take the lock of this configuration in this network namespace; return the descriptor that holds it.

    Returns None where no lock can be made. Raises ``AlreadyServed``.
    """
    with contextlib.suppress(OSError):
        configuration += f"\0{os.stat('/proc/self/ns/net').st_ino}"
    name = hashlib.sha256(configuration.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    try:
        fd = _open(folder or run_folder(), f"{name}.lock")
    except OSError:
        return None
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        holder = os.pread(fd, 20, 0).strip()
        os.close(fd)
        if isinstance(problem, (BlockingIOError, PermissionError)):
            raise AlreadyServed(int(holder) if holder.isdigit() else 0) from None
        return None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


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
