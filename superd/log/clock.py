"""The time of day in each format's way, made once a second. Decides nothing.

Runs in the master and in the front. Used by the formatters.
"""

from __future__ import annotations

import time


class Clock:
    """Wall-clock seconds as text, in local time. ``zone`` is the offset from UTC as RFC 3339 writes it."""

    __slots__ = ("_second", "_whole", "native", "syslog", "xinetd", "zone")

    def __init__(self) -> None:
        self._second = -1
        self._whole = self.zone = self.native = self.syslog = self.xinetd = ""

    def set(self, when: float) -> None:
        """Make the attributes tell the second of ``when``."""
        second = int(when)
        if second == self._second:
            return
        self._second = second
        local = time.localtime(second)
        offset = time.strftime("%z", local)
        self.zone = f"{offset[:3]}:{offset[3:]}"
        self._whole = time.strftime("%Y-%m-%dT%H:%M:%S", local)
        self.native = f"{time.strftime('%Y-%m-%d %H:%M:%S', local)}{offset}"
        self.syslog = time.strftime("%b %e %H:%M:%S", local)
        self.xinetd = f"{local.tm_year % 100}/{local.tm_mon}/{local.tm_mday}@{time.strftime('%H:%M:%S', local)}"

    def rfc3339(self, when: float) -> str:
        """Return ``when`` with microseconds and offset, as RFC 3339 has it."""
        if int(when) != self._second:
            self.set(when)
        return f"{self._whole}.{int(when % 1 * 1_000_000):06d}{self.zone}"
