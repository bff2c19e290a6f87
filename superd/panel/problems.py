"""What of a status needs a person, each with what to type. Pure.

Runs in: panel. Never: names what is only interesting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from superd.counted import counted

SOON = 14
"""Days before its end from which a certificate is warned about, as `superd check` does (``certificate.py``)."""
LAGGING = 100
"""Records that wait for a log target, from which on it is worth a look."""
SLOW = 0.5
"""Seconds that the front's loop is late, from which on clients notice."""


def problems(
    state: dict[str, Any],
    services: list[dict[str, Any]],
    full: dict[str, float],
    failing: dict[str, str],
    front: Any,
    now: float,
) -> list[dict[str, str]]:
    """Return the problems, errors first. ``full`` are seconds that a service's limit has refused clients; ``now`` since 1970."""
    found: list[dict[str, str]] = []

    def add(severity: str, about: str, text: str, hint: str) -> None:
        found.append({"severity": severity, "about": about, "text": text, "hint": hint})

    if front is None:
        add("error", "", "the front is being replaced: connections wait in the kernel", "superd logs")
    for missing in state["missing"]:
        text = f"cannot listen on {missing['address'].removesuffix('/stream')}: {missing['why']}"
        add("error", missing["service"], text, "superd goes on trying; free the address, or change `listen` and superd reload")
    for certificate in state["certificates"]:
        _certificate(certificate, now, add)
    for problem in state["tables"]["refused"][:1]:
        text = f"{_place(problem)}: {problem['message']}: the earlier tables stay in force"
        add("error", "", text, problem["hint"] or "fix the file: superd takes it up at once; superd check")
    broken = [problem for problem in state["tables"]["problems"] if problem["severity"] == "error"]
    if broken:
        more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
        add("error", "", f"{_place(broken[0])}: {broken[0]['message']}{more}", broken[0]["hint"] or "superd check")
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
            refused = f"{counted(service['refused_hour'], 'client')} refused in the last hour"
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


def _certificate(found: dict[str, Any], now: float, add: Callable[[str, str, str, str], None]) -> None:
    if found["end"] is None:
        text = f"its certificate cannot be used, and its clients are refused: {found['failed']}"
        add("error", found["service"], text, "superd check; superd takes the file up when it changes")
        return
    days = int((found["end"] - now) // 86400)
    if found["failed"]:
        text = f"its new certificate cannot be used, the earlier one is ({days} days left): {found['failed']}"
        add("error", found["service"], text, "superd check; superd takes the file up when it changes")
    if days < 0:
        text = f"its certificate ended {-days - 1} days ago: clients refuse it"
        add("error", found["service"], text, f"renew {found['file']}: superd takes it up by itself")
    elif days < SOON:
        add(
            "warning",
            found["service"],
            f"its certificate ends in {days} days",
            f"renew {found['file']}: superd takes it up by itself",
        )


def _place(problem: dict[str, Any]) -> str:
    return f"{problem['file']}:{problem['line']}" if problem["line"] else str(problem["file"])


def _time(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
