"""What: the path that a unix socket of this process is bound to: made, owned and removed by what it is, not by its name.

Runs in: master. Never: accepts, or touches a socket that this process did not bind. A path can be another object a moment
later, where another user can change its folder: so the folder is held by descriptor, and the socket must be the one that
bind(2) made.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator

from superd.frozen import frozen
from superd.system.paths import Place, Trust, Untrusted, find

_SIOCUNIXFILE = 0x89E0
"""sockios.h: the file that a unix socket was bound to, as an O_PATH descriptor. Needs CAP_NET_ADMIN."""
_AT_EMPTY_PATH = 0x1000
_FIND = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@frozen
class SocketPath:
    """A path and which object there is ours."""

    path: str
    device: int
    inode: int

    @classmethod
    def bind(cls, sock: socket.socket, path: str, mode: int, trust: Trust) -> SocketPath:
        """Bind ``sock`` to ``path``, whose mode is ``mode`` from the first moment. A path of a dead server is removed first.

        Raises ``OSError``: EADDRINUSE where another server answers or a file of another kind is, ``Untrusted`` where a user
        outside of ``trust`` can change the folder.
        """
        with _at(path, trust) as place:
            _remove_stale(place, sock.type)
            before = os.umask(0o777 & ~mode)
            try:
                sock.bind(path)
            finally:
                os.umask(before)
            with _opened(place) as (_, status):
                _check_ours(sock, status, path)
                return cls(path, status.st_dev, status.st_ino)

    def own(self, uid: int, gid: int, mode: int, trust: Trust) -> None:
        """Give the socket this owner and mode; a ``gid`` of -1 is the one that the kernel gives to new files of the folder.

        Raises ``OSError``.
        """
        with _at(self.path, trust) as place, _opened(place) as (fd, status):
            self._check_same(status)
            if gid < 0:
                folder = os.fstat(place.folder)
                gid = folder.st_gid if folder.st_mode & stat.S_ISGID else os.getegid()
            # The owner first: a mode for its group must never count for its earlier group.
            if (uid, gid) != (status.st_uid, status.st_gid):
                _chown(fd, uid, gid)
            if stat.S_IMODE(status.st_mode) != mode:
                os.chmod(f"/proc/self/fd/{fd}", mode)

    def is_there(self) -> bool:
        """Whether the path still leads to the socket that was bound."""
        try:
            status = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == (self.device, self.inode)

    def remove(self, trust: Trust) -> None:
        """Remove the path if it is still ours. Raises ``OSError``."""
        with _at(self.path, trust) as place:
            with _opened(place) as (_, status):
                self._check_same(status)
            os.unlink(place.name, dir_fd=place.folder)

    def _check_same(self, status: os.stat_result) -> None:
        if (status.st_dev, status.st_ino) != (self.device, self.inode) or not stat.S_ISSOCK(status.st_mode):
            raise Untrusted(f"`{self.path}` is not the socket that was bound there")


@contextlib.contextmanager
def _at(path: str, trust: Trust) -> Iterator[Place]:
    place = find(path, trust, follow=False)
    try:
        yield place
    finally:
        place.close()


@contextlib.contextmanager
def _opened(place: Place) -> Iterator[tuple[int, os.stat_result]]:
    fd = os.open(place.name, _FIND, dir_fd=place.folder)
    try:
        yield fd, os.fstat(fd)
    finally:
        os.close(fd)


def _check_ours(sock: socket.socket, status: os.stat_result, path: str) -> None:
    """Raises ``Untrusted`` unless ``status`` is of the file that bind made for ``sock``."""
    try:
        bound = fcntl.ioctl(sock, _SIOCUNIXFILE)
    except OSError:
        # Without the capability: it is a socket of ours, and no second name of an older one.
        same = stat.S_ISSOCK(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1
    else:
        made = os.fstat(bound)
        os.close(bound)
        same = stat.S_ISSOCK(status.st_mode) and (made.st_dev, made.st_ino) == (status.st_dev, status.st_ino)
    if not same:
        raise Untrusted(f"`{path}` was replaced by another file while it was bound")


def _chown(fd: int, uid: int, gid: int) -> None:
    # Python has no AT_EMPTY_PATH; fchown(2) refuses O_PATH descriptors.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.fchownat(fd, b"", uid, gid, _AT_EMPTY_PATH) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _remove_stale(place: Place, kind: int) -> None:
    """Remove a socket that a dead server left; one that answers, or a file of another kind, stays (EADDRINUSE)."""
    with contextlib.suppress(FileNotFoundError), _opened(place) as (fd, status):
        if not stat.S_ISSOCK(status.st_mode):
            return
        with socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK) as probe:
            answer = probe.connect_ex(f"/proc/self/fd/{fd}")
            if answer == errno.ENOENT:  # no /proc
                answer = probe.connect_ex(f"{place.shown.rstrip('/')}/{place.name}")
            if answer == errno.ECONNREFUSED:
                os.unlink(place.name, dir_fd=place.folder)
