"""``--watch``: a command again and again, until Ctrl-C.

Runs in: the operator's commands. Never: asks superd itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

LEAST = 0.2
"""Seconds between two times at least."""


def watched(seconds: float, command: Callable[[], int]) -> int:
    """Run the command once, or again every so many seconds; return its last status."""
    if not seconds:
        return command()
    status = 0
    try:
        while True:
            if sys.stdout.isatty():
                sys.stdout.write("\x1b[H\x1b[2J")
            status = command()
            sys.stdout.flush()
            time.sleep(max(LEAST, seconds))
    except KeyboardInterrupt:
        return status
