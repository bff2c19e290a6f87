"""What the running superd knows about a client besides its files: bans, pauses, what runs. For ``superd explain``.

Runs in: the operator's commands. Never: asks a superd that serves another configuration than the one that is explained.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from superd.cli.control import Control, Failed, print_json, user_name
from superd.cli.status import pause_text
from superd.frozen import frozen
from superd.safe_text import safe
from superd.verdict import Reason

if TYPE_CHECKING:
    from superd.load.sources import Sources

PATIENCE = 3.0


@frozen
class Live:
    """What it said, as lines, and the reason for which it refuses the client now, or ""."""

    lines: tuple[str, ...]
    refuses: str


def ask(sources: Sources, service: str, address: str) -> Live | None:
    """Return the running superd's answer; None where none runs, it serves other files, or your user may not ask."""
    try:
        with Control(PATIENCE) as control:
            answer = control.call("Explain", service=service, address=address)
    except Failed:
        return None
    return live(answer) if answer["configuration"] == sources.digest else None


def live(answer: dict[str, Any]) -> Live:
    """Return an answer in words."""
    lines, refuses = [], ""
    ban = answer["ban"]
    if ban is not None:
        until = f" until {time.strftime('%Y-%m-%d %H:%M', time.localtime(ban['until']))}" if ban["until"] else ""
        because = f': "{safe(ban["because"])}"' if ban["because"] else ""
        lines.append(f"bans: {ban['prefix']} is banned by {user_name(ban['by'])}{until}{because}")
        refuses = refuses or Reason.BANNED.value
    if answer["sensor"]:
        lines.append(f"penalties: a sensor banned the client {safe(answer['sensor'])}")
        refuses = refuses or Reason.PENALTY.value
    paused = answer["paused"]
    if paused is not None:
        lines.append(f"pauses: {pause_text(paused)}" + ("" if paused["refuse"] else "; clients wait in the kernel's queue"))
        refuses = refuses or (Reason.PAUSED.value if paused["refuse"] else "")
    counts = (
        (answer["sessions"], answer["limit"], "", Reason.INSTANCES),
        (answer["of_source"], answer["source_limit"], " of this source", Reason.PER_SOURCE),
    )
    for running, most, of, reason in counts:
        if most is not None:
            lines.append(f"limits: {running} of {most} programs run{of}")
            if running >= most and answer["waits"]:
                lines.append("the client waits in the queue (`at_limit`)")
            elif running >= most:
                refuses = refuses or reason.value
    if answer["refused"]:
        detail = f": {safe(answer['detail'])}" if answer["detail"] else ""
        lines.append(f"limits: {safe(answer['refused'])} refuses this source now{detail}")
        refuses = refuses or safe(answer["refused"])
    lines.append(f"asked the running superd (pid {answer['pid']})")
    return Live(tuple(lines), refuses)


def as_json(service: str, address: str, explain: Callable[[], int]) -> int:
    """Run ``explain``, which prints lines, and print a JSON value in their place; return its status.

    Without an answer, at a wrong use, it prints what ``explain`` said on stderr and nothing else.
    """
    with contextlib.redirect_stdout(io.StringIO()) as said:
        status = explain()
    if status in (0, 1):
        print_json({"service": service, "address": address, "admitted": not status, "steps": said.getvalue().splitlines()})
    return status
