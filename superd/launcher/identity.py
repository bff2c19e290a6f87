"""Who a launcher is: taken on once, first thing, for good, and looked at before anything is started. Starts nothing.

Standard library only. What only root can do for a program (another identity, a better priority, a higher hard limit) is
done here, before root is given up; the programs inherit it for nothing.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4

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


def become(profile: dict[str, Any]) -> Limits:
    """Takes the profile on. Returns the limits that each of its programs must still be given, soft and hard alike.

    Raises ``OSError`` when any part of the identity fails; then nothing may be started. A priority or a limit that the
    kernel does not give is told on stderr and left where it is.
    """
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
    if uid >= 0:
        groups = sorted(set(profile["groups"]))
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        verify(uid, gid, groups)
    return tuple(limit for limit in limits if limit not in kept)


def verify(uid: int, gid: int, groups: list[int]) -> None:
    """Raises ``PermissionError`` unless this process is exactly that, with no capability and no way back to root."""
    if os.getresuid() != (uid,) * 3 or os.getresgid() != (gid,) * 3:
        raise PermissionError("the identity was not taken on")
    if sorted(os.getgroups()) != groups:
        raise PermissionError("the groups were not taken on")
    if uid == 0:
        return
    if _permitted_capabilities():
        raise PermissionError("capabilities are left")
    try:
        os.setresuid(0, 0, 0)
    except PermissionError:
        return
    raise PermissionError("root could be taken back")


def _permitted_capabilities() -> int:
    # SECBIT_KEEP_CAPS or SECBIT_NO_SETUID_FIXUP, inherited from whoever started superd, would keep them (capabilities(7)).
    # In bytes: a codec would be a module to import, from an interpreter that this identity perhaps cannot read.
    with open("/proc/thread-self/status", "rb") as status:
        return next((int(line[7:], 16) for line in status if line.startswith(b"CapPrm:")), 0)


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
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_PDEATHSIG, int(signal.SIGTERM)), (_PR_SET_DUMPABLE, 0)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def reset_signals() -> None:
    """Every signal at its default, none blocked: what superd itself was started with must not reach a program.

    SIGPIPE stays ignored: a front that is gone must be an error of send(2) here. fork_exec sets it back for programs.
    """
    for number in range(1, signal.NSIG):
        if number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE):
            continue
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            continue  # 32 and 33, which the C library keeps to itself
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def close_on_exec() -> None:
    """Marks whatever was inherited, so that programs need no closing of descriptors: 15 µs each with many open."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:
                continue  # the listing's own


def _warn(text: str) -> None:
    say(f"warning: {text}")


def say(text: str) -> None:
    """Tells it on superd's own stderr, for there is no front yet that could."""
    try:
        os.write(2, f"superd launcher: {text}\n".encode())
    except OSError:
        pass  # nobody reads it, and it is full
