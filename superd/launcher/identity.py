"""Who a launcher is: taken on once, first thing, for good, and looked at before anything is started. Starts nothing.

Standard library only. What only root can do for a program (another identity, a better priority, a higher hard limit) is
done here, before root is given up; the programs inherit it for nothing.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

from superd.system import prctl
from superd.system.credentials import drop_capabilities, take_on

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from typing import Any

    from superd.system.sandboxing import Sandboxing

Limits = tuple[tuple[int, int], ...]
"""(RLIMIT number, value) pairs; -1 is unlimited."""
_ENOUGH = {
    resource.RLIMIT_NOFILE: 512,
    resource.RLIMIT_AS: 256 << 20,
    resource.RLIMIT_DATA: 128 << 20,
    resource.RLIMIT_STACK: 1 << 20,
    resource.RLIMIT_RSS: 0,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_FSIZE: 2 << 20,  # the table of programs
}
"""What a launcher can live with itself: its programs then inherit such limits for nothing."""


def become(profile: dict[str, Any], sandboxing: Sandboxing | None = None) -> Limits:
    """Takes the profile on, and carries out its sandbox.

    Returns the limits that each of its programs must still be given, soft and hard alike.

    Raises ``OSError`` when any part of the identity fails; then nothing may be started. A priority or a limit that the
    kernel does not give is reported on stderr and left where it is.
    """
    was_root = os.geteuid() == 0
    limits = tuple((number, _hard_limit(number, value)) for number, value in profile["rlimits"])
    if profile.get("open_files") is not None:
        # superd raised its own; a program that knows only select(2) breaks with more than it expects.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (profile["open_files"], hard))
    kept = tuple((number, value) for number, value in limits if number in _ENOUGH and not 0 <= value < _ENOUGH[number])
    apply_limits(kept)
    if profile["nice"]:
        try:
            os.nice(profile["nice"])
        except PermissionError:
            _warn(f"nice {profile['nice']} is not permitted")
    uid, gid = profile["uid"], profile["gid"]
    if sandboxing is not None and was_root:
        sandboxing.as_root()
    if uid >= 0:
        # Not the bounding set: programs that are set-uid root, like a mailer, work as under the inetds.
        take_on(uid, gid, sorted(set(profile["groups"])), ambient=() if sandboxing is None else sandboxing.ambient)
    elif os.geteuid() != 0:
        drop_capabilities()  # a service manager gave them to superd (AmbientCapabilities=), not to its programs
    if sandboxing is not None:
        if not was_root:
            sandboxing.as_user()
        sandboxing.for_good(was_root=was_root)
    return tuple(limit for limit in limits if limit not in kept)


def _hard_limit(number: int, value: int) -> int:
    """Makes room for ``value`` under the hard limit as far as the kernel lets us; what programs can have of it.

    The soft limit stays: a launcher under a small RLIMIT_AS or RLIMIT_CPU of its programs would be the first to die.
    """
    soft, hard = resource.getrlimit(number)
    if hard == resource.RLIM_INFINITY or 0 <= value <= hard:
        return value
    try:
        resource.setrlimit(number, (soft, value))
    except (ValueError, OSError):
        _warn(f"limit {number} cannot be raised to {value}; programs get {hard}")
        return hard
    return value


def apply_limits(limits: Limits) -> None:
    """In the process that is to have them: xinetd sets soft and hard alike (child.c, set_rlimits)."""
    for number, value in limits:
        resource.setrlimit(number, (value, value))


def close_inside() -> None:
    """Ends with the process that started this one, and is closed to ptrace(2) and /proc by others of its uid.

    After ``become``: a change of credentials clears the death signal and sets the other anew (prctl(2)).
    """
    prctl.prctl(prctl.SET_PDEATHSIG, int(signal.SIGTERM))
    prctl.prctl(prctl.SET_DUMPABLE, 0)


def outlive_parent() -> None:
    """Take the death signal of ``close_inside`` back: another process takes the place of the one that started this one."""
    prctl.prctl(prctl.SET_PDEATHSIG, 0)


def reset_signals() -> None:
    """Every signal at its default, none blocked: what superd itself was started with must not reach a program.

    SIGPIPE stays ignored: a front that is gone must be an error of send(2) here. fork_exec sets it back for programs.
    """
    sys.unraisablehook = _on_unraisable
    for number in range(1, signal.NSIG):
        if number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE):
            continue
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            continue  # 32 and 33, which the C library keeps to itself
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _on_unraisable(problem: sys.UnraisableHookArgs) -> None:
    """Drop what Python says of a SIGCHLD that comes while its handler is taken back: the next sweep finds the child."""
    if not (isinstance(problem.exc_value, OSError) and "race condition" in str(problem.exc_value)):
        sys.__unraisablehook__(problem)


def _warn(text: str) -> None:
    say(f"warning: {text}")


def say(text: str) -> None:
    """Write a line to superd's own stderr: there is no front yet that could log it."""
    try:
        os.write(2, f"superd launcher: {text}\n".encode())
    except OSError:
        pass  # it is full, and not read
