"""Descriptors 0, 1 and 2, which a process may be started without. Standard library only.

Runs in: master, first thing: else the first socket it opens would be what the next process takes for stderr.
"""

from __future__ import annotations

import os


def open_missing() -> None:
    """Open /dev/null in the place of each that is closed. Raises ``OSError`` where there is no /dev/null."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            null = os.open("/dev/null", os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
