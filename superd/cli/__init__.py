"""What an operator types. Each command imports its modules inside itself: ``superd check`` must not load trio."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Entry of the ``superd`` command."""
    if len(sys.argv) > 1 and sys.argv[1] in ("run", "xinetd"):
        # Before anything else is imported: a SIGHUP during start-up must kill nobody. The master's handler takes over.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if len(sys.argv) > 1 and sys.argv[1] == "xinetd":
        from superd.cli.xinetd import main as xinetd_main

        raise SystemExit(xinetd_main(sys.argv[2:]))
    from superd.cli.app import app

    app()
