"""Start to end of ``superd run``: read, check, bind, become master, serve. Returns the exit status."""

from __future__ import annotations

import codecs
import ctypes
import os
import pwd
import resource
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from superd.errors import ConfigError
from superd.ipc.channel import Apply
from superd.load.policy import load_policy
from superd.log.log import Log
from superd.master.front_child import EX_NOPERM
from superd.master.log_files import open_log
from superd.master.notify import Notifier
from superd.master.process import Master
from superd.net.bind import inherited
from superd.registry import Registry
from superd.system.seccomp import confine

if TYPE_CHECKING:
    from superd.problem import Problem

EX_CONFIG = 78
"""sysexits.h: what systemd's RestartPreventExitStatus= names."""

EX_CANTCREAT = 73
"""sysexits.h: a log file or pid file."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Manner:
    """How superd goes about it where no file says so; what differs is for the sake of xinetd's command line.

    ``ident`` is its name in syslog, ``log_file`` the path that stands for stderr, ``settle`` is called when the configuration
    has been read and nothing was started yet; it may raise ``OSError``. ``keep_going`` serves what can be served in spite of
    errors, and then refuses whoever reaches a hosts.deny that cannot be used.
    """

    ident: str = "superd"
    log_file: str = ""
    stay_alive: bool = True
    settle: Callable[[], None] | None = None
    keep_going: bool = False


def run(
    read: Callable[[], tuple[Registry, tuple[Problem, ...]]],
    *,
    print_problems: Callable[[tuple[Problem, ...]], None],
    on_ready: Callable[[Registry], None],
    on_dump: Callable[[bytes], None],
    manner: Manner = Manner(),
) -> int:
    """Serves what ``read`` returns until told to stop.

    Returns 0, 78 when the configuration has errors, 77 when root cannot be given up, 73 when a file cannot be written, 1 for
    want of services.
    """
    raise_descriptor_limit()

    def read_bare() -> tuple[Registry, tuple[Problem, ...]]:
        # Without the places of the keys: problems have theirs, and a thousand services' are a megabyte in front and master.
        registry, problems = read()
        return Registry(registry.services, registry.settings), problems

    try:
        registry, problems = read_bare()
        settings = registry.settings
        policy, more = load_policy(settings.policy.hosts_allow, settings.policy.hosts_deny, keep_going=manner.keep_going)
    except ConfigError as refused:
        print_problems(refused.problems)
        return EX_CONFIG
    print_problems((*problems, *more))
    if not registry.services and not manner.stay_alive:
        sys.stderr.write("superd: error: there is no service to serve\n")
        return 1
    try:
        log_fd = open_log(manner.log_file) if manner.log_file else 2
    except OSError as problem:
        sys.stderr.write(f"superd: error: `{problem.filename}` cannot be written: {problem.strerror}\n")
        return EX_CANTCREAT
    log = Log(
        settings.log, stderr_is_tty=sys.stderr.isatty(), policy_facility=settings.policy.facility, ident=manner.ident, fd=log_fd
    )
    adopted = inherited(os.environ)
    notifier = Notifier(os.environ.pop("NOTIFY_SOCKET", ""))
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        os.environ.pop(name, None)

    # Before the fork, not in the front: a front that is replaced must be there in milliseconds, and shares the pages. And as
    # another user it may not be able to read the interpreter's files any more: idna is what getaddrinfo asks for by name.
    codecs.lookup("idna")
    import trio

    from superd.front.process import Front

    master_pid = os.getpid()

    def front(order: Apply, fds: list[int], channel: socket.socket) -> int:
        try:
            drop_privileges(settings.user, master_pid)
        except (OSError, KeyError) as problem:
            log.message("alert", f"the front cannot become `{settings.user}`: {problem}")
            log.close()
            return EX_NOPERM
        if not confine():
            log.message("notice", "no seccomp filter for the front on this machine: it could run programs as its own user")
        return trio.run(Front(order, fds, channel, log).run)

    # What a launcher leaves behind when it dies is ours then, and its end can still be told.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def ready(registry: Registry) -> None:
        if manner.ident == "xinetd":
            log.message("notice", f"Started working: {len(registry.services)} available services")
        on_ready(registry)

    if manner.settle is not None:
        try:
            manner.settle()
        except OSError as problem:
            sys.stderr.write(f"superd: error: `{problem.filename}` cannot be written: {problem.strerror}\n")
            return EX_CANTCREAT
    master = Master(
        registry, problems, policy, read_bare, front, log, notifier, adopted, on_dump, ready,
        log_file=manner.log_file, stay_alive=manner.stay_alive,
    )  # fmt: skip
    try:
        return master.run()
    except Exception as fault:
        log.message("crit", f"superd fails: {type(fault).__name__}: {fault}")  # in the background nobody sees a traceback
        log.flush()
        raise


def raise_descriptor_limit() -> None:
    """Soft limit up to the hard one: a listener and a session each cost descriptors. Programs get the old one back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        os.environ.setdefault("SUPERD_NOFILE", str(soft))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def drop_privileges(user: str, master_pid: int) -> None:
    """Makes this process the front: ``user`` (``nobody`` where that does not exist), no groups, no way back.

    As an ordinary user it stays who it is. Raises ``OSError`` when a drop fails, ``KeyError`` when there is not even a nobody;
    then nothing may be served.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            entry = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
        if os.getresuid() != (entry.pw_uid,) * 3 or os.getgroups():
            raise PermissionError("the front could not give up root")
    # After setresuid: the kernel clears the death signal when credentials change (prctl(2)).
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != master_pid:
        raise ProcessLookupError("the master ended before the front began")
