"""``superd logs``: the last events from memory and what follows, whatever the log's targets are.

Runs in: the operator's commands. Never: reads a log file.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from superd.cli.colours import dim, red, yellow
from superd.cli.control import Control, Failed
from superd.cli.operate import run
from superd.log.text_native import words
from superd.safe_text import safe

AWAY, PAUSE = 30.0, 0.2
"""Seconds for which superd may be away before ``--follow`` gives up, and between two tries."""
_BAD = ("emerg", "alert", "crit", "err")


def logs(service: str | None, source: str, reason: str, event: str, lines: int, *, follow: bool, as_json: bool) -> int:
    """Print events. With ``follow`` until Ctrl-C, also over an upgrade and a restart of superd."""
    chosen = {"service": service, "source": source, "reason": reason, "event": event, "limit": lines}
    last = 0.0

    def show(control: Control) -> None:
        nonlocal last
        if follow:
            control.patience(None)
        for answer in control.replies("ListEvents", more=follow, follow=follow, **chosen):
            news = [found for found in answer["events"] if found["when"] > last]
            for found in news:
                sys.stdout.write((json.dumps(found) if as_json else event_line(found)) + "\n")
            last = max((found["when"] for found in news), default=last)
            sys.stdout.flush()

    def work(control: Control) -> int:
        try:
            show(control)
        except Failed as problem:
            if not follow or problem.error != "Gone":
                raise
        while follow:
            with _another() as again:
                try:
                    show(again)
                except Failed as problem:
                    if problem.error != "Gone":
                        raise
        return 0

    return run(work, as_json=as_json)


def _another() -> Control:
    """Return a connection to the panel that comes next. Raises ``Failed`` when none comes."""
    until = time.monotonic() + AWAY
    while True:
        time.sleep(PAUSE)
        try:
            return Control()
        except Failed:
            if time.monotonic() >= until:
                raise


def event_line(found: dict[str, Any]) -> str:
    """Return an event as one line, as the text log has it."""
    when = time.strftime("%H:%M:%S", time.localtime(found["when"]))
    fields = " ".join(words({safe(key): _value(value) for key, value in found["fields"].items()}))
    kind = found["event"]
    if kind in ("start", "exit", "fail", "repeats"):
        word = kind.upper()
        shown = red(word) if kind == "fail" else word
        return f"{when} {shown} {safe(found['service'])} {found['session']} {fields}".rstrip()
    level = found["level"]
    shown = red(level) if level in _BAD else yellow(level) if level == "warning" else dim(level)
    about = " ".join(safe(word) for word in (found["service"], found["session"]) if word)
    return f"{when} {shown}: {about}{': ' if about else ''}{safe(found['text'], 2000)}"


def _value(value: str | float) -> str | float:
    return safe(value, 1000) if isinstance(value, str) else value
