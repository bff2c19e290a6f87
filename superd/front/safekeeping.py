"""Writes down now and then what the front has counted, so that the next one knows it however this one ends.

What: at the master's questions for a sign of life, when something has changed, into memory that the master holds.
Runs in: front.
Never: holds the loop up for more than a piece of it, or takes more than a hundredth of the front's time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import trio

from superd.ipc.front_orders import kept_header, kept_place

if TYPE_CHECKING:
    from superd.front.handing_over import StartTask

SHARE = 100
"""Seconds of pause for a second of writing."""


class Safekeeping:
    """``changed`` returns something that is different once a session has begun or ended; ``memory`` is this object's."""

    def __init__(
        self, memory: int, pieces: Callable[[], Iterator[str]], changed: Callable[[], object], start_task: StartTask
    ) -> None:
        self._memory = memory
        self._pieces = pieces
        self._changed = changed
        self._start_task = start_task
        self._number = 0
        self._last: object = None
        self._busy = False
        self._not_before = 0.0

    def look(self) -> None:
        """Begin to write if something has changed since the last time."""
        state = self._changed()
        if self._busy or state == self._last or time.monotonic() < self._not_before:
            return
        self._busy, self._last = True, state
        self._start_task(self._write)

    def _write_at(self, place: int, data: bytes) -> None:
        os.lseek(self._memory, place, os.SEEK_SET)
        left = memoryview(data)
        while left:
            left = left[os.write(self._memory, left) :]

    async def _write(self) -> None:
        spent = 0.0
        try:
            found: list[str] = []
            began = time.monotonic()
            for piece in self._pieces():
                found.append(piece)
                if not piece:
                    spent += time.monotonic() - began
                    await trio.lowlevel.checkpoint()
                    began = time.monotonic()
            data = "".join(found).encode()
            self._number += 1
            self._write_at(kept_place(self._number), data)
            # Last, so that memory holds a whole value whenever this process ends.
            self._write_at(0, kept_header(self._number, len(data)))
            spent += time.monotonic() - began
        except OSError:
            self._last = None  # no memory: the next time, perhaps
        finally:
            self._busy = False
            self._not_before = time.monotonic() + SHARE * spent
