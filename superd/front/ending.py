"""The end of a front: sessions end by themselves within the grace, then they are ended.

Runs in: the front. Never: signals a program itself; launchers do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import trio

from superd.ipc.front_orders import LAST_GRACE
from superd.log.event import Kind

if TYPE_CHECKING:
    from superd.front.sessions.book import SessionBook
    from superd.ipc.front_orders import Stop
    from superd.syslog_priority import LevelWord


class EndLog(Protocol):
    """What the end writes."""

    def message(self, level: LevelWord, text: str, service: str = "", *, kind: Kind = Kind.MESSAGE) -> None: ...
    def flush(self) -> None: ...


async def end(order: Stop, book: SessionBook, close: Callable[[], None], log: EndLog, then: Callable[[], None]) -> None:
    """Wait for the sessions as ``order`` says, then call ``then``. A second order has a grace of its own.

    ``close`` stops accepting: after the grace, so that a restart loses less.
    """
    if order.end:
        with trio.move_on_after(order.grace):
            await book.wait_empty()
    close()
    if order.end and len(book):
        book.end_all()
        with trio.move_on_after(LAST_GRACE):
            await book.wait_empty()
    log.message("notice", "stopped", kind=Kind.STOPPED)
    log.flush()
    then()
