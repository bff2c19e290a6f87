"""A wait status names its cause."""

from __future__ import annotations

import signal

from superd.exit_status import EX_NOPERM, EX_SOFTWARE
from superd.master.wait_status import describe


def test_signals_statuses_and_known_causes() -> None:
    assert describe(int(signal.SIGKILL)) == "signal 9"
    assert describe(3 << 8) == "status 3"
    assert describe(EX_NOPERM << 8).startswith("status 77, it could not take on its identity")
    assert describe(EX_SOFTWARE << 8).startswith("status 70, by an error")
