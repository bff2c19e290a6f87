"""Where the control socket is: one place for the daemon and for its operators' commands.

Runs in: master, cli. Never: opens it.
"""

from __future__ import annotations

import os

from superd.system.instance_lock import run_folder

VARIABLE = "SUPERD_SOCKET"
"""A variable that names the socket: for a second superd on the same host."""


def control_path(configured: str = "auto") -> str:
    """Return the socket's path, or "" for none. ``configured`` is the setting `control.socket`."""
    if configured != "auto":
        return configured
    named = os.environ.get(VARIABLE, "")
    return named or os.path.join(run_folder(), "control")
