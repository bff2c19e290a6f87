"""What: the descriptors that a process was started with, and its limits on them. Standard library only; a launcher loads it.

Runs in: master at its start, launcher. Never: opens a path.
"""

from __future__ import annotations

import os
import resource

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Iterable


def close_unknown(keep: Iterable[int]) -> None:
    """Close every descriptor above 2 but those in ``keep``: what superd was started with is not for its processes."""
    first = 3
    for fd in sorted({*keep}):
        os.closerange(first, fd)
        first = max(first, fd + 1)
    os.closerange(first, _last() + 1)


def _last() -> int:
    try:
        return max(int(name) for name in os.listdir("/proc/self/fd"))
    except OSError:  # no /proc
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return 65535 if hard == resource.RLIM_INFINITY else min(hard, 1 << 20)


def close_on_exec() -> None:
    """Mark what was inherited, so that programs need no closing of descriptors: 15 µs each with many open."""
    try:
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:  # no /proc
        numbers = list(range(_last() + 1))
    for number in numbers:
        if number > 2:
            try:
                os.set_inheritable(number, False)
            except OSError:
                continue  # closed, or the listing's own


def raise_limit() -> int:
    """Raise the soft limit of open files to the hard one. Return the earlier soft one, which programs get back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft
