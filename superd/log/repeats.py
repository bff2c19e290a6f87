"""Folds events that repeat: the first few of a window are written, the others counted. Pure; times are passed in.

Runs in the master and in the front. Used by log.py.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

WINDOW = 5.0
"""Seconds in which equal events count as repeats."""
MOST = 1024
"""Keys that are remembered; the oldest goes first, and its count is reported then."""

Sample = TypeVar("Sample")


class Told(NamedTuple, Generic[Sample]):
    """A window that ended: the last event in it, how many were not written, and in how many seconds."""

    sample: Sample
    folded: int
    seconds: float


class _Window(Generic[Sample]):
    __slots__ = ("began", "folded", "sample", "seen")

    def __init__(self, began: float, sample: Sample) -> None:
        self.began = began
        self.sample = sample
        self.seen = 1
        self.folded = 0


class Repeats(Generic[Sample]):
    """The windows that are open, oldest first. ``take_due`` is called before ``admit`` and when ``due`` has come."""

    def __init__(self, window: float = WINDOW, most: int = MOST) -> None:
        self._window = window
        self._most = most
        self._open: OrderedDict[object, _Window[Sample]] = OrderedDict()
        self._early: list[Told[Sample]] = []
        self._folding = 0

    def admit(self, key: object, sample: Sample, now: float, *, burst: int = 1) -> bool:
        """Whether to write this event; if not, it is counted. ``sample`` stands for all of the key in the count's line."""
        window = self._open.get(key)
        if window is None or now - window.began >= self._window:
            if window is not None:
                self._close(key, now)
            elif len(self._open) >= self._most:
                self._close(next(iter(self._open)), now)
            self._open[key] = _Window(now, sample)
            return True
        if window.seen < burst:
            window.seen += 1
            return True
        if not window.folded:
            self._folding += 1
        window.folded += 1
        window.sample = sample
        return False

    @property
    def folding(self) -> bool:
        """Whether a count will be due."""
        return self._folding > 0

    @property
    def due(self) -> float | None:
        """When the next count is to be written, or ``None`` if nothing is folded."""
        if self._early:
            return 0.0
        if not self._folding:
            return None
        return next(window.began for window in self._open.values() if window.folded) + self._window

    def take_due(self, now: float) -> Sequence[Told[Sample]]:
        """Return the counts of all windows that have ended."""
        while self._open:
            key, window = next(iter(self._open.items()))
            if now - window.began < self._window:
                break
            self._close(key, now)
        if not self._early:
            return ()
        early, self._early = self._early, []
        return early

    def take_all(self, now: float) -> list[Told[Sample]]:
        """Return all counts, because the process exits."""
        for key in list(self._open):
            self._close(key, now)
        early, self._early = self._early, []
        return early

    def _close(self, key: object, now: float) -> None:
        window = self._open.pop(key)
        if window.folded:
            self._folding -= 1
            self._early.append(Told(window.sample, window.folded, now - window.began))
