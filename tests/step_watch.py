"""A watch over the loops of all processes: a step may not take longer than ``LIMIT`` of their own processor time (the
master's three times as long).

Processor time, because the machine may be busy. ``step_watch_site`` measures, in the processes; this reads what it found.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

SITE = Path(__file__).parent / "step_watch_site"
LIMIT = 0.010
ONCE, FEW = 5, 2
"""Times its limit that a step may take which takes long so few times: interrupts of a busy machine are counted to who runs."""
SIZE = 1 << 17


class StepWatch:
    """One daemon's steps, from its start on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.write_bytes(bytes(SIZE))
        file.chmod(0o666)

    def environment(self) -> dict[str, str]:
        """What the daemon is started with."""
        paths = [str(SITE), *filter(None, [os.environ.get("PYTHONPATH", "")])]
        return {"PYTHONPATH": os.pathsep.join(paths), "SUPERD_STEPS_FILE": str(self._file), "SUPERD_STEPS_LIMIT": str(LIMIT)}

    def found(self) -> list[str]:
        """Return the steps that took longer: whose, how long, where."""
        lines = [line for line in self._file.read_bytes().replace(b"\0", b"").decode().splitlines() if line]
        times = Counter(what for _, what in map(_read, lines))
        return [line for line in lines if times[_read(line)[1]] > FEW or _read(line)[0] > ONCE]


def _read(line: str) -> tuple[float, str]:
    """Return how many times its limit a step took, and what it is."""
    who, took, what = line.split(": ", 2)
    limit = LIMIT * 1000 * (3 if who == "master" else 1)
    return float(took.removesuffix(" ms")) / limit, f"{who} {what}"
