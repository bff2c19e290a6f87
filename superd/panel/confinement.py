"""What the panel may call, from its first moment on. Runs in the panel; answers no call."""

from __future__ import annotations

import fcntl

from superd.system.allow_list import confine_to

_FIONBIO = 0x5421

CALLS = (
    *("epoll_wait", "epoll_pwait", "recvfrom", "sendto", "recvmsg", "sendmsg", "read", "write", "epoll_ctl", "accept4", "close"),
    *("shutdown", "getsockopt", "setsockopt", "getsockname", "pread64", "fcntl", "ioctl", "fstat", "newfstatat"),
    # the interpreter's own: memory, time, signals, end
    *("mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "futex", "clock_gettime", "clock_nanosleep", "getrandom"),
    *("rt_sigprocmask", "rt_sigreturn", "restart_syscall", "exit", "exit_group"),
)
"""A panel has no socket(2), connect(2), bind(2), open(2), fork, exec, kill or prctl(2)."""
ARGUMENTS = {
    "fcntl": (1, (fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL, fcntl.F_DUPFD_CLOEXEC)),
    "ioctl": (1, (_FIONBIO,)),
}


def confine() -> bool:
    """Allows ``CALLS`` and nothing else from here on. False where the machine has no filter."""
    return confine_to(CALLS, ARGUMENTS)
