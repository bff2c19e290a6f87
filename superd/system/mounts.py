"""What: changes what this process's mount namespace shows: folders read-only, hidden, or empty and of a size.

Runs in: launchers, programs before they exec. Standard library only.
Never: enters the namespace (``namespaces.py``), and never touches the mounts of the host: the first call here parts with them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_SLAVE = 2, 4, 8, 4096, 16384, 1 << 19
_MS_RDONLY = 1
_MOUNT_SETATTR = 442
_AT_RECURSIVE, _AT_FDCWD = 0x8000, -100
_RDONLY, _NODEV = 1, 4
"""MOUNT_ATTR_* (linux/mount.h)."""
_DETACH = 2
"""MNT_DETACH."""
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx")
"""What a program finds in /dev: nothing of it reaches a disk, or memory."""
_INODE = 4096
"""Bytes of a folder's size that one more file in it stands for: empty files are memory, too."""


def part_with_host() -> None:
    """Let no mount of this namespace reach the host; those of the host still come in. Raises ``OSError``."""
    _mount("none", "/", "", _MS_REC | _MS_SLAVE)


def enter_root(path: str) -> None:
    """Let the folder ``path`` be /, without a way back: the host's root is mounted nowhere any more. Raises ``OSError``.

    Where it has folders /proc and /dev these are the host's, /dev with its harmless files alone.
    """
    _mount(path, path, "", _MS_BIND | _MS_REC)
    if os.path.isdir(f"{path}/proc"):
        _mount("/proc", f"{path}/proc", "", _MS_BIND | _MS_REC)
    if os.path.isdir(f"{path}/dev"):
        _make_devices(f"{path}/dev")
    os.chdir(path)
    libc = ctypes.CDLL(None, use_errno=True)
    for call, arguments in (("pivot_root", (b".", b".")), ("umount2", (b".", _DETACH))):
        if getattr(libc, call)(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{call} for `{path}`: {os.strerror(number)}")
    os.chdir("/")


def _make_devices(folder: str) -> None:
    _mount("tmpfs", folder, "tmpfs", _MS_NOSUID | _MS_NOEXEC, "mode=755,size=64k,nr_inodes=64")
    for name in _DEVICES:
        if os.path.islink(f"/dev/{name}"):
            os.symlink(os.readlink(f"/dev/{name}"), f"{folder}/{name}")
        elif os.path.exists(f"/dev/{name}"):
            os.close(os.open(f"{folder}/{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC))
            _mount(f"/dev/{name}", f"{folder}/{name}", "", _MS_BIND)
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(f"/proc/self/{target}", f"{folder}/{name}")
    os.mkdir(f"{folder}/shm")
    os.chmod(f"{folder}/shm", 0o1777)  # noqa: S103 - as far as the file system's 64 KiB go; private_tmp puts another over it
    if os.path.isdir("/dev/pts"):
        os.mkdir(f"{folder}/pts")
        _mount("/dev/pts", f"{folder}/pts", "", _MS_BIND | _MS_REC)


def make_read_only(paths: list[str], but: list[str]) -> None:
    """Let nothing be written in ``paths``, mounts inside of them included, except in ``but``. Raises ``OSError``.

    A path after ``-`` need not exist.
    """
    paths, but = _there(paths), _there(but)
    for path in but:
        _mount(path, path, "", _MS_BIND | _MS_REC)
    for path in paths:
        if path != "/":
            _mount(path, path, "", _MS_BIND | _MS_REC)
        _set_attributes(path, _RDONLY, 0, recursive=True)
    for path in but:
        _set_attributes(path, 0, _RDONLY, recursive=False)


def _there(paths: list[str]) -> list[str]:
    return [path.removeprefix("-") for path in paths if not path.startswith("-") or os.path.exists(path[1:])]


def hide(path: str) -> None:
    """Let a folder be empty and closed, and a file not be opened. A path after ``-`` need not exist. Raises ``OSError``."""
    optional, path = path.startswith("-"), path.removeprefix("-")
    try:
        folder = stat.S_ISDIR(os.stat(path).st_mode)
    except FileNotFoundError as problem:
        if optional:
            return
        raise OSError(errno.ENOENT, f"`{path}` does not exist, so it cannot be hidden") from problem
    if folder:
        _mount("tmpfs", path, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC | _MS_RDONLY, "mode=0,size=4k,nr_inodes=1")
    else:
        _mount("/dev/null", path, "", _MS_BIND)
        _set_attributes(path, _RDONLY | _NODEV, 0, recursive=False)  # nodev: it cannot be opened


def empty_folder(path: str, size: int) -> None:
    """Put an empty folder of ``size`` bytes at ``path``, in which every user can make files. Raises ``OSError``."""
    options = f"mode=1777,size={size},nr_inodes={max(16, size // _INODE)}"
    _mount("tmpfs", path, "tmpfs", _MS_NOSUID | _MS_NODEV, options)


def own_proc() -> None:
    """Show the processes of this process's PID namespace in /proc, and no others. Raises ``OSError``."""
    _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode() or None)
    if libc.mount(*arguments, flags, options.encode() or None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount at `{target}`: {os.strerror(number)}")


def _set_attributes(path: str, on: int, off: int, *, recursive: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint, ctypes.c_char_p, ctypes.c_size_t]
    what = struct.pack("=4Q", on, off, 0, 0)
    if libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), _AT_RECURSIVE if recursive else 0, what, len(what)) != 0:
        number = ctypes.get_errno()
        why = "Linux before 5.12 cannot do it" if number == errno.ENOSYS else os.strerror(number)
        raise OSError(number, f"mount_setattr at `{path}`: {why}")
