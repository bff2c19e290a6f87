"""The front's end of its pair to the panel: reads questions, sends answers, and never waits for the panel.

Runs in: the front. Never: queues an answer, or gives the panel more than a share of the loop.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from superd.errors import ControlError
from superd.ipc import panel_codec

if TYPE_CHECKING:
    from superd.front.sessions.answers import Answers
    from superd.syslog_priority import LevelWord

SHARE = 0.1
"""Part of the loop's time that answers may take: a panel that asks without end gets no more."""
_MAX_QUESTION = 8192


class PanelLink:
    """The pair to the panel that the master gave last; each new one takes the place of the one before."""

    def __init__(self, answers: Answers, message: Callable[[LevelWord, str], None]) -> None:
        self._answers = answers
        self._message = message
        self._scope = trio.CancelScope()

    async def run(self, sock: socket.socket) -> None:
        """Answer the panel at the other end of ``sock``, which is this object's, until it or another pair comes."""
        self._scope.cancel()
        self._scope = scope = trio.CancelScope()
        sock.setblocking(False)
        try:
            with scope:
                await self._serve(sock)
        finally:
            sock.close()

    async def _serve(self, sock: socket.socket) -> None:
        while True:
            await trio.lowlevel.wait_readable(sock)
            arrived = time.monotonic()
            try:
                # No room for descriptors: a panel has none to give.
                data = sock.recv(_MAX_QUESTION + 1)
                if not data:
                    return
                if len(data) > _MAX_QUESTION:
                    raise ControlError("message is too long")
                # How late the loop is, is how long it takes to come back here: no timer wakes an idle front for it.
                await trio.lowlevel.checkpoint()
                began = time.monotonic()
                self._answers.lag = began - arrived
                sock.send(self._answers.answer(panel_codec.parse_question(data)))
            except BlockingIOError:
                continue  # nothing to read; or the panel reads no answers, and does without this one
            except ControlError as problem:
                self._message("alert", f"the panel broke its protocol ({problem}); the front does not answer it any more")
                return
            except OSError:
                return  # the panel is gone
            await trio.sleep((time.monotonic() - began) / SHARE)
