"""The panel's ends of its pairs to the front and to the master: sends questions, matches answers.

Runs in: panel. Never: waits; what the kernel does not take now is sent when it does.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from superd.errors import ControlError
from superd.ipc import panel_codec, panel_messages, panel_requests
from superd.panel.steps import Page, Refusal, ToMaster

Resume = Callable[[Any], None]
"""Gets the answer, or a ``Refusal``."""
MAX_NUMBER = panel_requests.MAX_NUMBER

NO_FRONT = "the front is being started; try again in a second"


class FrontLink:
    """The pair to the front, or none while a front is being replaced."""

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self._number = 0
        self._waiting: dict[int, Resume] = {}

    def take(self, sock: socket.socket) -> None:
        """Use a new pair; what was asked over the old one has no answer."""
        self.drop()
        sock.setblocking(False)
        self.sock = sock

    def drop(self) -> None:
        """The front is gone."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None
        waiting, self._waiting = self._waiting, {}
        for resume in waiting.values():
            resume(Refusal("Unavailable", text=NO_FRONT))

    def ask(self, question: panel_messages.Question, resume: Resume) -> None:
        """Ask the front; ``resume`` gets the page."""
        if self.sock is None:
            resume(Refusal("Unavailable", text=NO_FRONT))
            return
        self._number = self._number % MAX_NUMBER + 1
        try:
            # At most one question for each connection of an operator is on its way, which the pair takes.
            self.sock.send(panel_codec.encode_question(question._replace(number=self._number)))
        except OSError:
            resume(Refusal("Unavailable", text=NO_FRONT))
            return
        self._waiting[self._number] = resume

    def on_readable(self) -> None:
        """Read one answer. Drops the front that breaks the protocol or is gone."""
        assert self.sock is not None
        try:
            data = self.sock.recv(panel_messages.MAX_MESSAGE + 1)
            if not data:
                self.drop()
                return
            page: Page = panel_codec.parse_answer(data)
        except BlockingIOError:
            return
        except (OSError, ControlError):
            self.drop()
            return
        resume = self._waiting.pop(page[0].number, None)
        if resume is not None:
            resume(page)


class MasterLink:
    """The pair to the master."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._number = 0
        self._waiting: dict[int, Resume] = {}
        self._queue: deque[tuple[bytes, socket.socket | None]] = deque()

    @property
    def blocked(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._queue)

    def ask(self, request: ToMaster, operator: socket.socket, resume: Resume) -> None:
        """Ask the master; ``operator`` is the connection of the operator who asks. ``resume`` gets the answer."""
        self._number = self._number % MAX_NUMBER + 1
        self._waiting[self._number] = resume
        data = panel_requests.encode_request(request.word, self._number, request.fields)
        self._queue.append((data, operator if panel_requests.TABLE[request.word].changes else None))
        self.flush()

    def flush(self) -> None:
        """Send what the kernel takes."""
        while self._queue:
            data, operator = self._queue[0]
            try:
                if operator is not None and operator.fileno() >= 0:
                    socket.send_fds(self.sock, [data], [operator.fileno()])
                elif operator is None:
                    self.sock.send(data)
            except BlockingIOError:
                return
            self._queue.popleft()

    def read(self) -> tuple[bytes, Any, list[int]]:
        """Return the next message that is not an answer; answers go to their questions.

        Raises ``BlockingIOError``, ``EOFError``.
        """
        while True:
            kind, value, fds = panel_requests.receive_message(self.sock)
            if kind != panel_requests.ANSWER:
                return kind, value, fds
            resume = self._waiting.pop(value["number"], None)
            if resume is None:
                continue
            if "error" in value:
                resume(Refusal(value["error"], text=value["text"]))
            else:
                resume(value["value"])
