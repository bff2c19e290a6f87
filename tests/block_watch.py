"""A watch over superd's own processes: none of them may sleep in the kernel anywhere but where it waits for work.

A sample is /proc/PID/wchan, the kernel's function that a sleeping process is in. What counts is several samples in a row in
which a process sleeps in the same place and has not run between them: a call that blocks for as long as another process likes.
A process that waits for a disk, and cannot be interrupted, is left out: the machine does that to it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

EVERY = 0.02
"""Seconds between two samples."""
IN_A_ROW = 3
"""Samples that a process sleeps through: less may be a busy machine."""
MINE = ("superd: master", "superd: front", "superd: launcher", "superd: relay", "superd: panel")
WAITS = ("ep_poll", "do_epoll_wait", "do_poll", "do_sys_poll", "poll_schedule", "do_select")
"""Where a loop waits for work, with a time to wake: epoll_wait(2), poll(2), select(2)."""
STARTS = ("kernel_clone", "_do_fork", "wait_for_vfork")
"""A launcher or the master until the exec of what it starts (vfork(2)); a start that stands still has a deadline of its own."""
WORKS = ("futex", "do_exit", "ptrace_stop", "do_signal_stop", "cgroup", "synchronize_rcu")
"""It ends, is stopped by a test, or the kernel works for it: nothing that a client or a program can hold."""


class Sample(NamedTuple):
    """Where one process sleeps, and how often it had run until then."""

    title: str
    place: str
    switches: str


class BlockWatch:
    """Watches the tree below ``pid`` until ``end``."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._sampled = threading.Semaphore(0)
        self.found: set[tuple[str, str]] = set()
        """Process and place in the kernel."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def look(self, samples: int) -> None:
        """Return when so many samples more were taken."""
        for _ in range(samples):
            assert self._sampled.acquire(timeout=60)

    def end(self) -> set[tuple[str, str]]:
        """Stop; return what was found."""
        self._over.set()
        self._thread.join()
        return self.found

    def _run(self) -> None:
        before: dict[tuple[int, Sample], int] = {}
        while not self._over.wait(EVERY):
            now = {sample: before.get(sample, 0) + 1 for sample in _samples(self._pid)}
            self.found |= {(sample.title, sample.place) for (_, sample), times in now.items() if times >= IN_A_ROW}
            before = now
            self._sampled.release()


def _samples(master: int) -> Iterator[tuple[int, Sample]]:
    """Those that sleep where they should not."""
    for pid in (master, *_children(master)):
        try:
            title = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode("utf-8", "replace")
            if not title.startswith(MINE):
                continue
            place = Path(f"/proc/{pid}/wchan").read_text()
            if place in ("", "0") or place.startswith((*WAITS, *STARTS, *WORKS)):
                continue
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue  # it ended meanwhile
        if "\nState:\tS" in status:
            yield pid, Sample(title, place, status[status.find("voluntary_ctxt") :])


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
