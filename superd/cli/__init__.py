"""What an operator types. Each command imports its modules inside itself: ``superd check`` must not load trio."""

from __future__ import annotations

import gc
import os
import signal
import sys

EX_USAGE, EX_UNAVAILABLE = 64, 69
"""sysexits.h."""


def main() -> None:
    """Entry of the ``superd`` command."""
    if sys.platform != "linux":
        # Before every other import: what is missing elsewhere begins with SIGHUP, pwd and epoll.
        sys.stderr.write(f"superd: error: superd runs on Linux only, not on `{sys.platform}`\n")
        raise SystemExit(EX_UNAVAILABLE)
    if len(sys.argv) > 1 and sys.argv[1] in ("run", "serve", "xinetd"):
        # Before anything else is imported: a SIGHUP during start-up must not kill the process. The master's handler takes over.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        gc.disable()  # until it serves: what is loaded stays, and looking through it is a tenth of a start
        if os.getpid() == 1:
            # The kernel gives the first process of a container no signal that has no handler: `docker stop` in the first second
            # would be lost. Nothing serves yet, so there is nothing to end in order.
            signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if len(sys.argv) > 1 and sys.argv[1] == "xinetd":
        from superd.cli.xinetd import main as xinetd_main

        raise SystemExit(xinetd_main(sys.argv[2:]))
    from superd.cli.app import app, build_alone

    if sys.argv[1:2] == ["run"]:
        build_alone("run")
    try:
        app()
    except Exception as problem:
        control = sys.modules.get("superd.cli.control")  # loaded by commands that ask a running superd alone
        if control is None or not isinstance(problem, control.Failed):
            raise
        raise SystemExit(control.report(problem)) from None
    except SystemExit as end:
        # typer ends wrong usage with 2; sysexits.h and RestartPreventExitStatus= of the unit know 64.
        raise SystemExit(EX_USAGE if end.code == 2 else end.code) from None
