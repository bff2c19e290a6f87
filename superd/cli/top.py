"""``superd top``: services and sessions, live, with keys.

Runs in: the operator's commands. Never: ends a session without a yes.
"""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import time
import tty
from dataclasses import dataclass, field
from typing import Any

from superd.cli.colours import WIDE, width
from superd.cli.control import Control, Failed, print_json
from superd.cli.operate import all_sessions, run, say
from superd.cli.sessions import SORTS, session_lines, with_usage
from superd.cli.status import screen

KEYS = "s sort   / filter   ↑ ↓ mark   k kick   q quit"
LEAST = 0.2
"""Seconds between two looks at least."""
_STEPS = {"\x1b[A": -1, "\x1bOA": -1, "n": -1, "\x1b[B": 1, "\x1bOB": 1, "j": 1}
"""Arrows up and down as terminals send them (ECMA-48), and letters for terminals without."""
_KEY = re.compile(r"\x1b[\[O][0-9;]*[ -/]*[@-~]|.", re.DOTALL)


@dataclass(slots=True)
class Screen:
    """What an operator looks at. ``asking`` is "filter", "kick" or ""; ``marked`` is a session's id."""

    sort: str
    filter: str = ""
    marked: str = ""
    asking: str = ""
    message: str = ""
    shown: list[dict[str, Any]] = field(default_factory=list)
    _found: list[dict[str, Any]] = field(default_factory=list)

    def take(self, found: list[dict[str, Any]]) -> None:
        """Take the sessions of now."""
        self._found = found
        word = self.filter.lower()
        fitting = [
            session
            for session in found
            if not word or any(word in str(session[key]).lower() for key in ("service", "peer", "name", "id"))
        ]
        self.shown = sorted(fitting, key=SORTS[self.sort])
        if self.marked not in (session["id"] for session in self.shown):
            self.marked = self.shown[0]["id"] if self.shown else ""
            self.asking = "" if self.asking == "kick" else self.asking

    def press(self, key: str) -> str:
        """Take a key; return "quit", "kick", or "" for nothing that others must do."""
        self.message = ""
        if self.asking == "filter":
            if key in ("\r", "\n", "\x1b"):
                self.asking = ""
            elif key in ("\x7f", "\b"):
                self.filter = self.filter[:-1]
            elif key.isprintable() and len(self.filter) < 64:
                self.filter += key
            self.take(self._found)
            return ""
        if self.asking == "kick":
            self.asking = ""
            return "kick" if key == "y" else ""
        if key == "q":
            return "quit"
        if key == "s":
            words = list(SORTS)
            self.sort = words[(words.index(self.sort) + 1) % len(words)]
            self.take(self._found)
        elif key == "/":
            self.asking, self.filter = "filter", ""
            self.take(self._found)
        elif key in _STEPS:
            self._move(_STEPS[key])
        elif key == "k" and self.marked:
            self.asking = "kick"
        return ""

    def _move(self, step: int) -> None:
        ids = [session["id"] for session in self.shown]
        if ids:
            self.marked = ids[max(0, min(len(ids) - 1, ids.index(self.marked) + step))]

    def prompt(self) -> str:
        """Return the last line."""
        if self.asking == "filter":
            return f"filter: {self.filter}▏"
        if self.asking == "kick":
            return f"end session {self.marked}? y ends it, any other key does not"
        filtered = f"   filter: {self.filter}" if self.filter else ""
        return self.message or f"{KEYS}   sorted by {self.sort}{filtered}"


def lines_of(status: dict[str, Any], view: Screen, columns: int, height: int) -> list[str]:
    """Return the whole picture, at most ``height`` lines; the last is the prompt."""
    upper = screen(status, columns)[: max(3, height // 2)]
    lower = session_lines(view.shown, columns) if view.shown or not view.filter else [f"no session has `{view.filter}`"]
    ids = [session["id"] for session in view.shown]
    room = max(1, height - len(upper) - 4)
    first = max(0, ids.index(view.marked) - room + 1) if view.marked in ids else 0
    rows = [
        f"{'▶' if identifier == view.marked else ' '} {line}"
        for identifier, line in zip(ids[first : first + room], lower[1 + first :], strict=False)
    ]
    heads = [f"  {lower[0]}"] if ids else lower
    return [*upper, "", *heads, *rows, "", view.prompt()]


def keys_of(typed: str) -> list[str]:
    """Return the keys of what a terminal sent at once: who types fast, or pastes, sends several. A sequence is one key."""
    return _KEY.findall(typed)


def top(service: str, sort: str, interval: float, *, as_json: bool = False) -> int:
    """Show what is live until `q`; on a pipe, and as JSON, once. Returns 0."""
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return run(lambda control: _once(control, service, sort, as_json=as_json), as_json=as_json)
    return run(lambda control: _live(control, service, Screen(sort), max(LEAST, interval)), as_json=False)


def _once(control: Control, service: str, sort: str, *, as_json: bool) -> int:
    view = Screen(sort)
    view.take(with_usage(all_sessions(control, service=service)))
    if as_json:
        print_json({"status": control.call("GetStatus"), "sessions": view.shown})
        return 0
    say(*screen(control.call("GetStatus"), width()), "", *session_lines(view.shown, width()))
    return 0


def _live(control: Control, service: str, view: Screen, interval: float) -> int:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(no_color=bool(os.environ.get("NO_COLOR")))
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                status = control.call("GetStatus")
                view.take(with_usage(all_sessions(control, service=service)))
                due = time.monotonic() + interval
                while (left := due - time.monotonic()) > 0:
                    lines = lines_of(status, view, min(console.width, 2 * WIDE) - 2, console.height)
                    live.update(Text.from_ansi("\n".join(lines)), refresh=True)
                    if not select.select([sys.stdin], [], [], left)[0]:
                        break
                    data = os.read(sys.stdin.fileno(), 64).decode("utf-8", "replace")
                    for action in map(view.press, keys_of(data) or ["q"]):
                        if action == "quit":
                            return 0
                        if action == "kick":
                            view.message = _kick(control, view.marked)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _kick(control: Control, identifier: str) -> str:
    try:
        control.call("Kick", ids=[identifier])
    except Failed as problem:
        return f"{problem}"
    return f"ending {identifier}"
