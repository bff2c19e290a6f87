"""Why a connection was lost: which kill fell into its time, and what superd's log has of it. Reads the log and nothing else.

A kill of the front loses what that front had taken and not yet given to a program; a kill of a relay what it carried; a kill of
a launcher what it had taken and not started, which the log says. Nothing else explains a loss: not a reload, not an upgrade,
not a kill after the start of a program, and never a client that waits in vain.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

CARRIED = (7004, 7005)
"""Ports whose sessions a relay may carry."""
SLACK = 0.3
"""Seconds that the kernel and a client on a busy machine take to see the end of a process."""


class Trouble(NamedTuple):
    """What was done to the daemon, when (wall clock)."""

    when: float
    what: str


class Loss(NamedTuple):
    """A connection without its answer: to which port, from which, from when to when, and how it ended for the client."""

    port: int
    own: int
    began: float
    ended: float
    how: str


def cause(loss: Loss, troubles: Iterable[Trouble], events: Iterable[dict[str, Any]]) -> str:
    """Return what explains a loss, empty for nothing. ``events`` are what the log has of its connection."""
    if loss.how == "timeout":
        return ""
    meanwhile = {trouble.what for trouble in troubles if loss.began - SLACK <= trouble.when <= loss.ended + SLACK}
    programs = loss.port not in CARRIED and any(event["event"] == "start" for event in events)
    if "front" in meanwhile and not programs:
        return "front"
    if "relay" in meanwhile and loss.port in CARRIED:
        return "relay"
    if "launcher" in meanwhile and any(event["event"] == "fail" and event.get("reason") == "fork" for event in events):
        return "launcher"
    return ""


def judge(losses: list[Loss], troubles: list[Trouble], log: Path) -> tuple[Counter[str], list[str]]:
    """Return the number of losses by what explains them, and a line for each that nothing does."""
    wanted = {loss.own for loss in losses}
    of_port: dict[int, list[dict[str, Any]]] = {}
    if wanted:
        with log.open() as lines:
            for line in lines:
                if line.startswith("{") and '"port":' in line:
                    event = json.loads(line)
                    if event.get("port") in wanted:
                        of_port.setdefault(event["port"], []).append(event)
    counted: Counter[str] = Counter()
    rest = []
    for loss in losses:
        events = [
            event for event in of_port.get(loss.own, ())
            if loss.began - SLACK <= _moment(event["time"]) <= loss.ended + 60 and event.get("local_port", loss.port) == loss.port
        ]  # fmt: skip
        why = cause(loss, troubles, events)
        counted[why or "nothing"] += 1
        if not why:
            near = [
                f"{trouble.what} at {trouble.when - loss.began:+.3f}" for trouble in troubles
                if abs(trouble.when - loss.began) < 12
            ]  # fmt: skip
            rest.append(f"{loss.port} from {loss.own} for {loss.ended - loss.began:.3f} s: {loss.how}; {near}; {events}")
    return counted, rest


def _moment(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
