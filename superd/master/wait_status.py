"""A wait(2) status in words. Pure.

Runs in: master.
Never: waits.
"""

from __future__ import annotations

import os

from superd.exit_status import EX_NOPERM, EX_SOFTWARE

_CAUSES = {EX_NOPERM: ", it could not take on its identity", EX_SOFTWARE: ", by an error: its traceback is in the log, or stderr"}


def describe(status: int) -> str:
    """Return ``signal 9`` or ``status 70, by an error: …``."""
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    code = os.waitstatus_to_exitcode(status)
    return f"status {code}{_CAUSES.get(code, '')}"
