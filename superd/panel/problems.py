"""What of a status needs a person, each with what to type. Pure.

Runs in: panel. Never: names what is only interesting.
"""

from __future__ import annotations

from typing import Any

LAGGING = 100
"""Records that wait for a log target, from which on it is worth a look."""
SLOW = 0.5
"""Seconds that the front's loop is late, from which on clients notice."""


def problems(
    state: dict[str, Any], services: list[dict[str, Any]], full: dict[str, float], failing: dict[str, str], front: Any
) -> list[dict[str, str]]:
    """Return the problems, errors first. ``full`` are seconds that a service's limit has refused clients."""
    found: list[dict[str, str]] = []

    def add(severity: str, about: str, text: str, hint: str) -> None:
        found.append({"severity": severity, "about": about, "text": text, "hint": hint})

    if front is None:
        add("error", "", "the front is being replaced: connections wait in the kernel", "superd logs")
    for missing in state["missing"]:
        text = f"cannot listen on {missing['address'].removesuffix('/stream')}: {missing['why']}"
        add("error", missing["service"], text, "superd goes on trying; free the address, or change `listen` and superd reload")
    last = state["reload"]
    if last["outcome"] == "refused":
        first = next((problem for problem in last["problems"] if problem["severity"] == "error"), None)
        where = f": {first['file']}:{first['line']}: {first['message']}" if first is not None else f": {last['summary']}"
        add("error", "", f"the last reload was refused{where}", "superd check; superd reload")
    for name, why in failing.items():
        add("error", name, f"its last start failed: {why}", f"superd logs {name}")
    for service in services:
        name = service["name"]
        if full.get(name):
            refused = f"{service['refused_hour']} clients refused in the last hour"
            text = f"at its limit of {service['limit']} for {_time(full[name])}, {refused}"
            add("warning", name, text, f"superd status {name}; superd sessions {name} --sort age")
    if front is not None and (front.log_waiting > LAGGING or state["log_waiting"] > LAGGING):
        waiting = front.log_waiting + state["log_waiting"]
        add("warning", "", f"a log target lags: {waiting} records wait for it", "look at the log's targets: superd logs")
    lost = state["log_lost"] + (front.log_lost if front is not None else 0)
    if lost:
        add("warning", "", f"{lost} log records were lost: a target did not take them", "superd logs --event log_lost")
    if front is not None and front.lag > SLOW:
        add("warning", "", f"the front's loop is {front.lag:.1f} s late", "superd top")
    return sorted(found, key=lambda problem: problem["severity"] != "error")


def _time(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
