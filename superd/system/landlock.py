"""What: landlock(7): lets this process, and what it starts, open the named files alone, and use the named TCP ports alone.

Runs in: launchers prepare it, their programs put it on before they exec; a front puts it on itself. Standard library only.
Never: holds for less than was asked: a kernel that cannot refuse all of it is an error.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Sequence

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""System calls, by the numbers that all machines have in common."""
_VERSION = 1
_BENEATH, _PORT = 1, 2
_EXECUTE, _WRITE, _READ, _READ_FOLDER, _TRUNCATE = 1, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_ALL_FILES = (1 << 15) - 1
"""LANDLOCK_ACCESS_FS_* up to TRUNCATE."""
_OF_A_FILE = _EXECUTE | _WRITE | _READ | _TRUNCATE
_LOOK = _EXECUTE | _READ | _READ_FOLDER
_BIND, _CONNECT = 1, 2
_FILES_SINCE, _PORTS_SINCE = 3, 4
"""Versions that can refuse truncate(2), without which a file could be emptied; and ports."""


def version() -> int:
    """Return the version of landlock that this kernel has. Raises ``OSError`` for none."""
    try:
        return _call(_CREATE, None, 0, _VERSION)
    except OSError as problem:
        why = {errno.ENOSYS: "this kernel has no landlock", errno.EOPNOTSUPP: "landlock is not among the kernel's lsm="}
        raise OSError(problem.errno, why.get(problem.errno or 0, f"landlock: {problem.strerror}")) from None


def make_rules(
    files: Sequence[tuple[str, bool, bool]], connect: Sequence[int], bind: Sequence[int], *, execute: bool = True
) -> int:
    """Return a descriptor of rules. ``files`` have a path, whether it may be written, and whether it need not exist.

    Without any port no port is refused. Raises ``OSError``, also where this kernel could not refuse all of it.
    """
    ports = bool(connect or bind)
    found = version()
    if found < _FILES_SINCE:
        raise OSError(errno.ENOSYS, "landlock cannot keep files from being emptied before Linux 6.2")
    if ports and found < _PORTS_SINCE:
        raise OSError(errno.ENOSYS, "landlock cannot refuse TCP ports before Linux 6.7")
    handled = struct.pack("=QQ", _ALL_FILES, _BIND | _CONNECT) if ports else struct.pack("=Q", _ALL_FILES)
    rules = _call(_CREATE, handled, len(handled), 0)
    try:
        for path, write, optional in files:
            _add_path(rules, path, _rights(write=write, execute=execute), optional=optional)
        for right, numbers in ((_CONNECT, connect), (_BIND, bind)):
            for number in numbers:
                _call(_ADD, rules, _PORT, struct.pack("=QQ", right, number), 0)
    except BaseException:
        os.close(rules)
        raise
    return rules


def restrict(rules: int) -> None:
    """Hold this process to the rules. It needs no_new_privs before. Raises ``OSError``."""
    _call(_RESTRICT, rules, 0)


def _rights(*, write: bool, execute: bool) -> int:
    return (_ALL_FILES if write else _LOOK) & (-1 if execute else ~_EXECUTE)


def _add_path(rules: int, path: str, rights: int, *, optional: bool) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        if optional:
            return
        raise OSError(errno.ENOENT, f"`{path}` of `landlock` does not exist") from None
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _OF_A_FILE
        _call(_ADD, rules, _BENEATH, struct.pack("=Qi", rights, fd), 0)
    finally:
        os.close(fd)


def _call(number: int, *arguments: object) -> int:
    system_call = ctypes.CDLL(None, use_errno=True).syscall
    system_call.restype = ctypes.c_long
    words = [ctypes.c_long(item) if isinstance(item, int) else ctypes.c_char_p(item) for item in arguments]  # type: ignore[arg-type]
    found = int(system_call(ctypes.c_long(number), *words))
    if found < 0:
        failed = ctypes.get_errno()
        raise OSError(failed, f"landlock: {os.strerror(failed)}")
    return found
