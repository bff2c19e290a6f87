"""What a relay may call, from its first moment on, and how many descriptors it may have. Runs in relays; carries nothing."""

from __future__ import annotations

import fcntl
import resource
import termios

from superd.system.allow_list import confine_to

_F_SETPIPE_SZ, _F_GETPIPE_SZ, _SIOCATMARK, _FIONBIO = 1031, 1032, 0x8905, 0x5421

CALLS = (
    # what carries bytes, the most frequent first
    *("splice", "epoll_wait", "epoll_pwait", "recvmsg", "sendmsg", "sendto", "recvfrom", "read", "write", "sendfile"),
    *("epoll_ctl", "shutdown", "close", "pipe2", "fcntl", "ioctl", "fstat", "newfstatat", "setsockopt", "getsockopt"),
    # the interpreter's own: memory, time, signals, end
    *("mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "futex", "clock_gettime", "clock_nanosleep", "getrandom"),
    *("setitimer", "rt_sigprocmask", "rt_sigreturn", "restart_syscall", "exit", "exit_group"),
)
"""A relay has no socket(2), connect(2), accept(2), bind(2), open(2), fork, exec, kill or prctl(2)."""
TLS_CALLS = ("getpeername", "getsockname", "getpid")
"""What ssl asks of a connection, besides, and its random numbers of their process."""
ARGUMENTS = {
    # Not F_SETOWN, which can have the kernel send signals to the front.
    "fcntl": (1, (fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL, _F_SETPIPE_SZ, _F_GETPIPE_SZ)),
    # Not TIOCSTI, which types into a terminal.
    "ioctl": (1, (_FIONBIO, _SIOCATMARK, termios.TCGETS)),
}


def use_all_descriptors() -> int:
    """Raise RLIMIT_NOFILE to its hard limit, and return that. Raises ``OSError``."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def confine(*, tls: bool = False) -> bool:
    """Allows ``CALLS`` and nothing else from here on; ``tls``: what that needs besides. False where the machine has no filter."""
    return confine_to(CALLS + TLS_CALLS if tls else CALLS, ARGUMENTS)
