"""``GetCounts``: everything that metrics are made of, in one answer.

Runs in: panel. Never: names a client.
"""

from __future__ import annotations

from typing import Any

from superd.ipc import panel_messages as front
from superd.panel.gather import holds, limit, pages
from superd.panel.steps import Call, Method, Refusal, ToMaster


def get_counts(call: Call) -> Method:
    """Counts since the front began, and the state of the whole."""
    state = yield ToMaster("state")
    wishes = yield ToMaster("wishes")
    paused = yield from holds()
    rows: list[front.CountRow] = []
    whole = None
    try:
        _, found = yield front.AskFront(0)
        whole = found[0]
        rows = yield from pages(lambda after: front.AskCounts(0, after))
    except Refusal:
        pass  # the front is being replaced: its counts begin anew
    return {
        "version": state["version"],
        "started": state["started"],
        "read": state["read"],
        "reload": {key: state["reload"][key] for key in ("outcome", "when", "seconds", "done", "refused")},
        "bans": len(wishes["bans"]),
        "sensor_bans": whole.sensor if whole is not None else 0,
        "waiting": whole.waiting if whole is not None else 0,
        "log_waiting": state["log_waiting"] + (whole.log_waiting if whole is not None else 0),
        "log_lost": state["log_lost"] + (whole.log_lost if whole is not None else 0),
        "lag": whole.lag if whole is not None else 0.0,
        "rules": whole.rules if whole is not None else 0,
        "policy_seconds": whole.policy_seconds if whole is not None else 0.0,
        "lookups": whole.lookups if whole is not None else 0,
        "lookup_seconds": whole.lookup_seconds if whole is not None else 0.0,
        "counters": state["counters"],
        "processes": state["processes"],
        "services": [_service(row, state, paused) for row in rows],
    }


def _service(row: front.CountRow, state: dict[str, Any], paused: dict[str, Any]) -> dict[str, Any]:
    return {
        "service": row.service,
        "started": row.started,
        "running": row.running,
        "limit": limit(row.limit),
        "paused": row.service in paused,
        "missing": sum(missing["service"] == row.service for missing in state["missing"]),
        "refused": {reason: int(count) for reason, count in zip(row.reasons, row.refused, strict=False)},
        "seconds_bounds": list(front.SECONDS),
        "seconds": [int(count) for count in row.seconds],
        "seconds_sum": row.seconds_sum,
        "launch_bounds": list(front.LAUNCH),
        "launch": [int(count) for count in row.launch],
        "launch_sum": row.launch_sum,
        "exits": [int(count) for count in row.exits],
        "penalised": row.penalised,
        "certificate_end": row.certificate_end or None,
    }
