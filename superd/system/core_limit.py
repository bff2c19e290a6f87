"""Core dumps: superd's own processes write none, because they hold what peers sent and what root read. Standard library only.

Runs in: master; programs get the limit back that superd was started with.
"""

from __future__ import annotations

import os
import resource

_VARIABLE = "SUPERD_CORE"


def no_core() -> None:
    """Set the soft limit of this process and its children to 0, and remember what it was."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if soft != 0:
        os.environ.setdefault(_VARIABLE, str(soft))
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def give_back(pid: int) -> None:
    """Give ``pid``, a launcher, the limit that its programs are to have. It dumps no core itself (PR_SET_DUMPABLE)."""
    soft = os.environ.get(_VARIABLE, "")
    if not soft.lstrip("-").isdecimal():
        return
    try:
        hard = resource.prlimit(pid, resource.RLIMIT_CORE)[1]
        resource.prlimit(pid, resource.RLIMIT_CORE, (int(soft), hard))
    except (OSError, ValueError):
        pass  # it has ended
