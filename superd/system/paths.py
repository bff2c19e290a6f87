"""What: every path that a process of root's opens, makes, changes or removes is found here, by descriptor.

Runs in: master, cli; the front reads banners through it. Never: follows a link that another user could have made, or acts on
a path a second time: what was checked is what is used.

Each component of a path is opened by itself (O_PATH, O_NOFOLLOW) below the one before, and its owner and mode are asked. So
openat2(2) with RESOLVE_NO_SYMLINKS would add nothing, and links that only root can change go on working: /etc/mtab,
/var/run, Debian's alternatives, a ConfigMap of Kubernetes.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections import deque

from superd.frozen import frozen

MAX_LINKS = 40
"""Links in one path, as the kernel has it."""
SYSTEM_GIDS = 1000
"""Groups below belong to the distribution: their members are all in /etc/passwd and /etc/group."""

_PATH = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
"""O_NONBLOCK: a FIFO in the place of a file must not stop a reload."""


class Untrusted(PermissionError):
    """A path that exists and must not be used. ``hint`` is what to type, if one command makes it right."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(errno.EPERM, why)
        self.hint = hint

    def __str__(self) -> str:
        return str(self.strerror)


@frozen
class Trust:
    """Who may change what a path leads through.

    ``strict`` is false for an ordinary user, who is nobody's victim but their own: then nothing is checked. ``owners`` are the
    uids that may own folders and files. ``others_folders``: a folder of another user is passed, as that of a program's log
    files is; from there on no link is followed.
    """

    strict: bool
    owners: frozenset[int] = frozenset({0})
    others_folders: bool = False

    @classmethod
    def own(cls, *, strict: bool, others_folders: bool = False) -> Trust:
        """Root and this process's own user."""
        return cls(strict, frozenset({0, os.geteuid()}), others_folders)

    def and_also(self, *uids: int) -> Trust:
        """The same, with more owners."""
        return Trust(self.strict, self.owners | set(uids), self.others_folders)


@frozen
class Place:
    """The last component of a path, in the folder that it really is in. ``folder`` is a descriptor, the caller's to close.

    ``loose``: another user can change this folder, so what is in it must be looked at with more care.
    """

    folder: int
    name: str
    shown: str
    loose: bool

    def close(self) -> None:
        """Closes the folder."""
        os.close(self.folder)


# ------------------------------------------------------------------ finding


def find(path: str, trust: Trust, *, follow: bool = True) -> Place:
    """Return the place that ``path`` leads to. The object itself need not exist; with ``follow`` it is not a link.

    Raises ``OSError``; ``Untrusted`` for a folder or a link that another user can change.
    """
    if "\0" in path:
        raise FileNotFoundError(errno.ENOENT, "the path has a NUL byte")
    names = deque(_components(os.path.join(os.getcwd(), path) if not path.startswith("/") else path))
    walk = _Walk(trust)
    try:
        while names:
            name = names.popleft()
            if not names and not follow:
                return walk.place(name)
            try:
                fd = os.open(name, _PATH, dir_fd=walk.folder)
            except FileNotFoundError:
                if names:
                    raise
                return walk.place(name)
            try:
                status = os.fstat(fd)
                if stat.S_ISLNK(status.st_mode):
                    target = walk.follow(fd, name, status)
                    if target.startswith("/"):
                        walk.restart()
                    names.extendleft(reversed(_components(target)))
                elif not names:
                    return walk.place(name)
                else:
                    walk.enter(fd, name, status)
            finally:
                os.close(fd)
        return walk.place(".")
    except OSError as problem:
        walk.close()
        if not isinstance(problem, Untrusted):
            problem.filename = path  # not the component's name alone
        raise


def _components(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


class _Walk:
    """Where a path has led to so far."""

    def __init__(self, trust: Trust) -> None:
        self.folder = -1
        self._trust = trust
        self._loose = False
        self._links = 0
        self.restart()

    def restart(self) -> None:
        """Begins at the root again: at the start, and after an absolute link."""
        self.close()
        self.folder = os.open("/", _PATH | os.O_DIRECTORY)
        self._shown: list[str] = []
        self._look(self.folder, os.fstat(self.folder))

    def close(self) -> None:
        if self.folder >= 0:
            os.close(self.folder)
            self.folder = -1

    def place(self, name: str) -> Place:
        folder, self.folder = self.folder, -1
        return Place(folder, name, self._path(), self._loose)

    def _path(self, name: str = "") -> str:
        return "/" + "/".join([*self._shown, name] if name else self._shown)

    def enter(self, fd: int, name: str, status: os.stat_result) -> None:
        """Goes on in a folder, which is looked at."""
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self._path(name))
        if name == "..":
            del self._shown[-1:]
        else:
            self._shown.append(name)
        self._look(fd, status)
        self.close()
        self.folder = os.dup(fd)

    def _look(self, fd: int, status: os.stat_result) -> None:
        if not self._trust.strict:
            return
        why = changed_by_others(fd, status, self._trust.owners)
        if not why:
            return
        shown = self._path()
        if not self._trust.others_folders or (status.st_mode & stat.S_IWOTH and status.st_uid in self._trust.owners):
            raise Untrusted(f"the folder `{shown}` {why}", _hint(fd, shown, status, self._trust.owners))
        self._loose = True

    def follow(self, fd: int, name: str, status: os.stat_result) -> str:
        """Return the target of a link, if only those may have made it who are trusted."""
        self._links += 1
        if self._links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self._path(name))
        if self._trust.strict:
            folder = os.fstat(self.folder)
            shared = folder.st_mode & (stat.S_IWOTH | stat.S_IWGRP)
            if self._loose or (shared and status.st_uid not in self._trust.owners):
                raise Untrusted(f"`{self._path(name)}` is a link that another user can change")
        return os.readlink("", dir_fd=fd)


# ------------------------------------------------------------------ who can change it


def changed_by_others(fd: int, status: os.stat_result, owners: frozenset[int]) -> str:
    """Return how users other than ``owners`` can change this file or folder, or ``""``.

    A folder with the sticky bit counts as safe: what is in it is its owner's, who is asked there. On a read-only mount the mode
    counts for nothing: Kubernetes mounts ConfigMaps with mode 0777.
    """
    if status.st_uid not in owners:
        return f"belongs to {user_name(status.st_uid)}, not to root"
    mode = status.st_mode
    if not mode & (stat.S_IWGRP | stat.S_IWOTH) or (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
        return ""
    if _read_only(fd):
        return ""
    octal = f"{stat.S_IMODE(mode):04o}"
    if mode & stat.S_IWOTH:
        return f"can be written by others (mode {octal})"
    if _has_acl(fd):
        return f"can be written by others (mode {octal}, with an access control list)"
    return "" if _only(status.st_gid, owners) else f"can be written by others (mode {octal}, group {_group(status.st_gid)})"


def _read_only(fd: int) -> bool:
    try:
        return bool(os.fstatvfs(fd).f_flag & os.ST_RDONLY)
    except OSError:
        return False  # a file system that cannot say so


def _has_acl(fd: int) -> bool:
    """Whether the group's bits are the mask of a list that may name other users."""
    try:
        os.getxattr(f"/proc/self/fd/{fd}", "system.posix_acl_access")
    except OSError as problem:
        return problem.errno not in (errno.ENODATA, errno.ENOTSUP)
    return True


def _only(gid: int, owners: frozenset[int]) -> bool:
    """Whether only ``owners`` are in a group of this host's own files."""
    try:
        entry = grp.getgrgid(gid)
        members = {pwd.getpwnam(name).pw_uid for name in entry.gr_mem}
        private = any(user.pw_gid == gid and user.pw_name == entry.gr_name for user in map(pwd.getpwuid, owners - {0}))
    except KeyError:
        members, private = set(), False
        if gid != 0:
            return False
    if gid >= SYSTEM_GIDS and not private:
        return False  # its members may be in a name service that does not list them
    return (members | {user.pw_uid for user in pwd.getpwall() if user.pw_gid == gid}) <= owners


def user_name(uid: int) -> str:
    """Return how a message calls this user."""
    try:
        return f"`{pwd.getpwuid(uid).pw_name}`"
    except KeyError:
        return f"uid {uid}"


def _group(gid: int) -> str:
    try:
        return f"`{grp.getgrgid(gid).gr_name}`"
    except KeyError:
        return str(gid)


def _hint(fd: int, shown: str, status: os.stat_result, owners: frozenset[int]) -> str:
    if status.st_uid not in owners and _read_only(fd):
        return f"it is mounted read-only: chown it to root where it comes from, or run superd as uid {status.st_uid}"
    if status.st_uid not in owners:
        return f"chown root {shown}"
    return f"chmod {'go' if status.st_mode & stat.S_IWOTH else 'g'}-w {shown}"


# ------------------------------------------------------------------ reading


def open_file(path: str, trust: Trust) -> int:
    """Return a descriptor to read the regular file. Raises ``OSError``, ``Untrusted``, ``IsADirectoryError``."""
    place = find(path, trust)
    try:
        return open_at(place.folder, place.name, place.shown, trust)
    finally:
        place.close()


def open_at(folder: int, name: str, shown: str, trust: Trust) -> int:
    """The same for a file of a folder that is open. Raises ``OSError`` ELOOP for a link."""
    fd = os.open(name, READ, dir_fd=folder)
    try:
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode):
            raise Untrusted("not a regular file")
        if trust.strict and not trust.others_folders and (why := changed_by_others(fd, status, trust.owners)):
            raise Untrusted(f"the file {why}", _hint(fd, f"{shown.rstrip('/')}/{name}", status, trust.owners))
    except OSError:
        os.close(fd)
        raise
    return fd


def open_folder(path: str, trust: Trust) -> int:
    """Return a descriptor of the folder, itself looked at. Raises ``OSError``, ``Untrusted``."""
    place = find(path, trust)
    try:
        fd = os.open(place.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.folder)
    finally:
        place.close()
    try:
        status = os.fstat(fd)
        if trust.strict and not trust.others_folders and (why := changed_by_others(fd, status, trust.owners)):
            raise Untrusted(f"the folder `{path}` {why}", _hint(fd, path, status, trust.owners))
    except OSError:
        os.close(fd)
        raise
    return fd
