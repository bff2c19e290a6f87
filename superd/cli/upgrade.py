"""``superd upgrade``: asks the superd that runs to go on as the program that is on disk, and waits for the outcome.

Runs in: the operator's commands. Never: replaces anything itself; the master does.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from superd.cli.control import print_json
from superd.exit_status import EX_FAILURE, EX_NOPERM
from superd.system.instance_lock import read_outcome

if TYPE_CHECKING:
    from superd.load.sources import Sources

EX_UNAVAILABLE = 69
SECONDS = 150.0
"""Seconds to wait: longer than the master gives the new program to show that it can serve."""
PAUSE = 0.05


def upgrade(sources: Sources, *, seconds: float = SECONDS, as_json: bool = False) -> int:
    """Have it upgraded, and print the outcome.

    Return 0 when superd runs the program on disk, 1 when it refused, 69 when none serves this configuration.
    """
    configuration = repr(sources)
    pid, before = _read(configuration)
    if not pid:
        sys.stderr.write(
            "superd: error: no superd serves this configuration\n  hint: start it: superd run, or systemctl start superd\n"
        )
        return EX_UNAVAILABLE
    try:
        os.kill(pid, signal.SIGUSR2)
    except PermissionError:
        sys.stderr.write(f"superd: error: superd (pid {pid}) belongs to another user\n  hint: run this command as that user\n")
        return EX_NOPERM
    except ProcessLookupError:
        sys.stderr.write(f"superd: error: superd (pid {pid}) has just ended\n")
        return EX_UNAVAILABLE
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now, outcome = _read(configuration)
        if not now:
            sys.stderr.write(f"superd: error: superd (pid {pid}) ended\n")
            return EX_FAILURE
        if outcome and outcome != before:
            return _say(outcome, as_json=as_json)
        time.sleep(PAUSE)
    sys.stderr.write(f"superd: error: superd (pid {pid}) has not answered for {seconds:g} s\n  hint: its log says more\n")
    return EX_FAILURE


def _read(configuration: str) -> tuple[int, str]:
    try:
        return read_outcome(configuration)
    except OSError:
        return 0, ""


def _say(outcome: str, *, as_json: bool) -> int:
    _, _, word, text = (*outcome.split(" ", 3), "", "", "")[:4]
    if as_json:
        print_json({"outcome": "done" if word == "done" else "refused", "text": text})
        return 0 if word == "done" else EX_FAILURE
    if word == "done":
        sys.stdout.write(f"superd: upgraded in {text}\n")
        return 0
    sys.stderr.write(f"superd: error: upgrade refused, superd goes on as it is: {text}\n")
    return EX_FAILURE
