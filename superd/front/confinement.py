"""What: the system calls that a front makes, seen in the trips and known of the C libraries; it is confined to them for good.

Runs in: front, before it reads a byte of a peer. Never: decides about files and sockets: those are its user's business.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import termios

from superd.system import landlock, prctl
from superd.system.allow_list import confine_to

_F_SETPIPE_SZ, _F_GETPIPE_SZ = 1031, 1032
_FIONBIO, _FIOCLEX, _SIOCATMARK, _SIOCGIFNAME, _SIOCGIFINDEX, _TCGETS2 = 0x5421, 0x5451, 0x8905, 0x8910, 0x8933, 0x802C542A
_PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA = 15, 16, 0x53564D41

CALLS = (
    # a connection, the most frequent first
    *("epoll_wait", "epoll_pwait", "epoll_ctl", "recvmsg", "sendmsg", "accept4", "recvfrom", "sendto", "read", "write", "close"),
    *("newfstatat", "ioctl", "getsockname", "getsockopt", "setsockopt", "splice", "sendfile", "futex", "shutdown", "connect"),
    *("fcntl", "socket", "bind", "getpeername", "socketpair", "pipe2", "accept", "recvmmsg", "sendmmsg", "epoll_create1"),
    *("epoll_pwait2", "dup", "dup2", "dup3", "poll", "ppoll", "select", "pselect6", "memfd_create", "ftruncate"),
    # files: tables are looked at, banners and the resolver's files read, the log written
    *("openat", "open", "fstat", "stat", "lstat", "statx", "statfs", "fstatfs", "lseek", "readv", "writev", "pread64"),
    *("readlink", "readlinkat", "getcwd", "getdents64", "access", "faccessat", "faccessat2", "getxattr"),
    # the interpreter and the C library: memory, threads, time, signals, who am I, end
    *("mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "clone", "set_robust_list", "set_tid_address", "rseq"),
    *("membarrier", "sched_yield", "sched_getaffinity", "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep"),
    *("gettimeofday", "time", "getrandom", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall"),
    *("getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getrusage", "uname"),
    *("sysinfo", "prlimit64", "prctl", "exit", "exit_group"),
)
"""No fork, exec, kill or ptrace; nothing that makes, removes, renames or owns a file; no listen, mount, key, bpf or io_uring."""
ARGUMENTS = {
    # Not F_SETOWN and F_SETSIG, which have the kernel send any signal to a process of the same user.
    "fcntl": (
        1,
        (
            *(fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL),
            *(fcntl.F_ADD_SEALS, fcntl.F_GET_SEALS, _F_SETPIPE_SZ, _F_GETPIPE_SZ),
        ),
    ),
    # Not FIOSETOWN and SIOCSPGRP, the same by another name; not TIOCSTI, which types into a terminal.
    "ioctl": (
        1,
        (
            *(_FIONBIO, _FIOCLEX, termios.FIONREAD, termios.TIOCOUTQ, termios.TCGETS, _TCGETS2, termios.TIOCGWINSZ),
            *(_SIOCATMARK, _SIOCGIFNAME, _SIOCGIFINDEX),
        ),
    ),
    # Not AF_VSOCK, AF_ALG, AF_PACKET and the rest, whose code in the kernel is the least tried.
    "socket": (0, (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)),
    "prctl": (0, (_PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA)),
    "prlimit64": (0, (0,)),  # its own limits alone
}


def _open_to_read_alone() -> None:
    """Write, make and execute no file whatever its user may, where the kernel has landlock (Linux 6.2). Raises ``OSError``."""
    prctl.prctl(prctl.SET_NO_NEW_PRIVS, 1)
    try:
        rules = landlock.make_rules([("/", False, False)], [], [], execute=False)
    except OSError as problem:
        # EPERM: the container's own filter refuses the call, as those of systemd-nspawn and older engines do.
        if problem.errno in (errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
            return  # its user and the filter are what is left
        raise
    landlock.restrict(rules)
    os.close(rules)


def confine() -> bool:
    """Allow ``CALLS`` and nothing else from here on. Return False where the machine has no filter. Raises ``OSError``.

    Memory may become executable: the C library loads the host's name services when it is asked for the first name.
    """
    _open_to_read_alone()
    return confine_to(CALLS, ARGUMENTS, executable=True)
