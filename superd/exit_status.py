"""Exit statuses of superd's processes (sysexits.h). Values only."""

from __future__ import annotations

EX_FAILURE = 1
"""Nothing can be served."""
EX_USAGE = 64
EX_UNAVAILABLE = 69
"""No superd answers."""
EX_SOFTWARE = 70
"""An exception that a process did not expect."""
EX_OSERR = 71
"""The kernel would not confine a process: it serves nothing."""
EX_CANTCREAT = 73
"""A log file or pid file cannot be written."""
EX_PROTOCOL = 76
"""A front broke its protocol with a relay, which ends."""
EX_NOPERM = 77
"""A process could not take on its identity; another one would not either."""
EX_CONFIG = 78
"""The configuration has errors: what systemd's RestartPreventExitStatus= names."""
