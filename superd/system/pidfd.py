"""Processes by a descriptor (pidfd_open(2)) that cannot come to mean another one. Standard library only.

Runs in: master, for processes of an earlier master, which are not its children.
"""

from __future__ import annotations

import errno
import fcntl
import signal
import struct

_INFO = 0xC040FF0B
"""PIDFD_GET_INFO with the 64 bytes of its first version (Linux 6.13)."""
_EXIT = 1 << 3
"""PIDFD_INFO_EXIT (6.15): the wait(2) status, once the process was reaped."""
_SIZE = 64
_STATUS = struct.Struct("=i")
_MASK = struct.Struct("=Q")

NOT_YET, UNKNOWN = "not yet", "unknown"


def exit_status(fd: int) -> int | str:
    """Return the wait(2) status of a process that ended; ``NOT_YET`` until it was reaped, ``UNKNOWN`` where no kernel says."""
    buffer = bytearray(_SIZE)
    _MASK.pack_into(buffer, 0, _EXIT)
    try:
        fcntl.ioctl(fd, _INFO, buffer)
    except OSError as problem:
        return NOT_YET if problem.errno == errno.ESRCH else UNKNOWN
    if not _MASK.unpack_from(buffer)[0] & _EXIT:
        return NOT_YET
    status: int = _STATUS.unpack_from(buffer, _SIZE - 4)[0]
    return status & 0xFFFF


def send_signal(fd: int, number: int) -> bool:
    """Send a signal; return whether the process was there. Raises ``PermissionError``."""
    try:
        signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return False
    return True
