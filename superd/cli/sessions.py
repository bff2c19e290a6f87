"""``superd sessions``: who is connected, with what their programs use.

Runs in: the operator's commands. Never: ends anything.
"""

from __future__ import annotations

from typing import Any

from superd.cli.colours import bold, width
from superd.cli.control import Control, print_json
from superd.cli.operate import all_sessions, run, say
from superd.cli.table import one, size, span, table
from superd.system.process_usage import usage_of
from superd.system.tcp_facts import flows

SORTS = {
    "age": lambda session: -session["age"],
    "service": lambda session: (session["service"], -session["age"]),
    "peer": lambda session: session["peer"],
    "memory": lambda session: -(session["memory"] or 0),
    "cpu": lambda session: -(session["cpu"] or 0.0),
    "idle": lambda session: -(session["idle"] or 0.0),
    "id": lambda session: session["id"],
}
"""Words of --sort: the largest first where that is what one looks for."""


def sessions(service: str | None, source: str, older_than: float, sort: str, *, as_json: bool) -> int:
    """List the live sessions."""

    def work(control: Control) -> int:
        found = with_usage(all_sessions(control, service=service, source=source, older_than=older_than or None))
        found.sort(key=SORTS[sort])
        if as_json:
            print_json({"sessions": found})
        else:
            say(*session_lines(found, width()))
        return 0

    return run(work, as_json=as_json)


def with_usage(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add ``memory`` (bytes) and ``cpu`` (seconds) of each session's program and what it started; null where unknown.

    And of its connection ``idle`` (seconds), ``bytes_in`` and ``bytes_out``, as the kernel of this network namespace has them.
    """
    known = flows() if found else {}
    usage = usage_of({session["pid"] for session in found if session["pid"]})
    for session in found:
        memory, cpu = usage.get(session["pid"], (None, None))
        session["memory"], session["cpu"] = memory, cpu
        host, _, port = session["peer"].rpartition(":")
        flow = known.get((host.strip("[]").partition("%")[0], int(port) if port.isdecimal() else 0))
        session["idle"] = flow.idle if flow is not None else None
        session["bytes_in"], session["bytes_out"] = (flow.received, flow.sent) if flow is not None else (None, None)
    return found


def session_lines(found: list[dict[str, Any]], columns: int) -> list[str]:
    """Return the sessions as a table that fits."""
    if not found:
        return ["no session is live"]
    wide = columns >= 110
    rows = []
    for session in found:
        peer = session["peer"]
        if session["name"] not in ("", "unknown", "paranoid"):
            peer = f"{session['name']}:{peer.rpartition(':')[2]}"
        cells = [session["id"], one(session["service"], 16), one(peer or "-", 44 if wide else 26)]
        cells += [str(session["pid"] or "-"), span(session["age"])]
        cells.append(span(session["idle"]) if session["idle"] is not None else "-")
        cells.append(size(session["memory"]) if session["memory"] is not None else "-")
        if wide:
            moved = (session["bytes_in"], session["bytes_out"])
            cells.append(" / ".join(size(count) for count in moved) if None not in moved else "-")
            cells += [f"{session['cpu']:.1f} s" if session["cpu"] is not None else "-", one(session["rule"] or "-", 30)]
        rows.append(cells)
    heads = ["ID", "SERVICE", "PEER", "PID", "AGE", "IDLE", "MEM", *(["IN / OUT", "CPU", "RULE"] if wide else [])]
    lines = table(heads, rows, frozenset({3, 4, 5, 6, 7, 8}), columns)
    return [bold(lines[0]), *lines[1:]]
