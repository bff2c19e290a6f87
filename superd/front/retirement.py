"""A front makes room for the next one, at an upgrade: it finishes what only it knows, writes down what it counted, and ends.

What: waits for the master's word, lets connections get their verdict, and writes what it counted (``front/kept.py``).
Runs in: front.
Never: gives up a session that launchers and relays know.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from superd.ipc.front_orders import RETIRE_SECONDS

if TYPE_CHECKING:
    from superd.front.ending import EndLog

PAUSE = 0.005
"""Seconds between two looks whether every connection has its verdict."""


async def retire(
    go: int,
    memory: int,
    close: Callable[[], None],
    settled: Callable[[], bool],
    kept: Callable[[], bytes],
    log: EndLog,
    then: Callable[[], None],
) -> None:
    """Wait until ``go`` has a byte; then ``close`` what is accepted from, write ``kept`` into ``memory`` and call ``then``.

    Connections without a verdict have ``RETIRE_SECONDS`` for it. Returns early when ``go`` ends without a byte. Both
    descriptors are taken over.
    """
    try:
        await trio.lowlevel.wait_readable(go)
        if not os.read(go, 1):
            return
        close()
        with trio.move_on_after(RETIRE_SECONDS):
            while not settled():
                await trio.sleep(PAUSE)
        data = memoryview(kept())
        while data:
            data = data[os.write(memory, data) :]
        log.flush()
        then()
    except OSError as problem:
        log.message("error", f"the next front begins without sensors' bans, penalties and counts: {problem.strerror}")
        then()
    finally:
        os.close(go)
        os.close(memory)
