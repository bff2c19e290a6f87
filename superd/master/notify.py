"""Messages to a service manager (sd_notify(3)), by hand: thirty lines against a library with headers.

Never: waits for the service manager.
"""

from __future__ import annotations

import socket
import time


class Notifier:
    """Sends to the manager at ``path`` (``$NOTIFY_SOCKET``), if there is one. Never fails, never blocks."""

    def __init__(self, path: str) -> None:
        self._path = "\0" + path[1:] if path.startswith("@") else path

    def _tell(self, *lines: str) -> None:
        if not self._path:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            try:
                sock.sendto("\n".join(lines).encode(), self._path)
            except OSError:
                pass  # a manager that does not listen must not stop superd

    def ready(self, status: str) -> None:
        """Serving; ends a reload too."""
        self._tell("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """Say how it is, without an end of anything."""
        self._tell(f"STATUS={status}")

    def reloading(self) -> None:
        """A reload begins (Type=notify-reload needs the time with it)."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=reloading")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The end begins."""
        self._tell("STOPPING=1", "STATUS=stopping")
