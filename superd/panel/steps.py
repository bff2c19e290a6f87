"""What a method of the panel does, as values: it is a generator that yields steps and gets their results. Pure.

Runs in: panel. Never: sends or waits; ``control.py`` and ``http.py`` carry the steps out.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

from superd.frozen import frozen
from superd.ipc.panel_messages import Answer, Question, Row


class ToMaster(NamedTuple):
    """Ask the master; the result is its answer. A change goes with the operator's connection."""

    word: str
    fields: Mapping[str, Any] = {}


class Reply(NamedTuple):
    """Send one of several replies; the result is None, once the client takes more."""

    parameters: dict[str, Any]


class Pause(NamedTuple):
    """Go on after so many seconds."""

    seconds: float


Step = Question | ToMaster | Reply | Pause
Method = Generator[Step, Any, dict[str, Any]]
"""A running method; what it returns is the last reply."""
Page = tuple[Answer, list[Row]]
"""The result of a question to the front."""


class Refusal(Exception):
    """A call that is answered with an error: its name in the interface, and what it says."""

    def __init__(self, error: str, **parameters: Any) -> None:
        super().__init__(error)
        self.error = error
        self.parameters = parameters


@frozen
class Call:
    """One call of an operator. ``more``: the client takes several replies. ``uid`` is theirs."""

    parameters: Mapping[str, Any]
    uid: int
    more: bool = False

    def text(self, name: str, default: str = "") -> str:
        """Return a text parameter."""
        return str(self.parameters.get(name, default))

    def number(self, name: str, default: int) -> int:
        """Return a number parameter."""
        return int(self.parameters.get(name, default))

    def truth(self, name: str) -> bool:
        """Return a truth value, false when it was left out."""
        return bool(self.parameters.get(name, False))
