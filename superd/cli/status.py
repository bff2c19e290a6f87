"""``superd status``: everything on one screen, or all of one service. Problems first, each with what to type.

Runs in: the operator's commands. Never: calls something well that it did not ask about.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from superd.certificate import days_left
from superd.cli.colours import bold, dim, red, width, yellow
from superd.cli.control import Control, Failed, print_json, report, user_name
from superd.cli.table import one, size, span
from superd.counted import counted
from superd.safe_text import safe
from superd.system.tcp_facts import queues

RIGHT = frozenset({2, 3, 4})
QUIET = 3
"""Idle services up to this many are shown all the same."""


def status(service: str | None, *, everything: bool = False, as_json: bool = False) -> int:
    """Print the state. Returns 0; 1 when something needs a person; sysexits' codes when it cannot be asked."""
    try:
        with Control() as control:
            answer = control.call("GetService", service=service) if service else control.call("GetStatus")
    except Failed as problem:
        return report(problem, as_json=as_json)
    if as_json:
        print_json(answer)
    else:
        lines = service_screen(answer, width()) if service else screen(answer, width(), everything=everything)
        sys.stdout.write("\n".join(lines) + "\n")
    return 1 if answer["problems"] else 0


def screen(answer: dict[str, Any], columns: int, *, everything: bool = False) -> list[str]:
    """Return the screen of all services as lines."""
    lines = [head(answer, columns)]
    lines += problem_lines(answer["problems"])
    if len(lines) > 1:
        lines.append("")
    shown: list[dict[str, Any]] = []
    idle: list[dict[str, Any]] = []
    for found in answer["services"]:
        busy = found["sessions"] or found["started_hour"] or found["refused_hour"] or found["missing"] or found["paused"]
        (shown if busy or everything else idle).append(found)
    if len(idle) <= QUIET or not shown:
        shown, idle = shown + idle, []
    if shown:
        lines += rows_of(shown, columns)
    if idle:
        lines.append(dim(f"({counted(len(idle), 'more service')} without clients in the last hour: superd status --all)"))
    if not answer["services"]:
        lines.append("no service is configured: superd check")
    if ungrouped := [found for found in answer["services"] if found["no_group"]]:
        names = ", ".join(safe(found["name"]) for found in ungrouped[:3]) + (", …" if len(ungrouped) > 3 else "")
        lines.append(dim(f"no limits by groups of processes for {names}: superd status {safe(ungrouped[0]['name'])}"))
    if answer["tables"]["rules"] or answer["tables"]["warnings"]:
        lines.append(dim(tables_text(answer["tables"])))
    if answer["bans"]:
        lines.append(dim(f"{counted(answer['bans'], 'ban')} in force: superd bans"))
    return lines


def tables_text(tables: dict[str, Any]) -> str:
    """Return what is in force of hosts.allow and hosts.deny."""
    warnings = f"; {counted(tables['warnings'], 'thing')} to look at: superd check" if tables["warnings"] else ""
    return f"{counted(tables['rules'], 'rule')} in {safe(' and '.join(tables['files']))}{warnings}"


def head(answer: dict[str, Any], columns: int) -> str:
    """Return the first line."""
    daemon = answer["daemon"]
    processes = daemon["processes"]
    memory = sum(found.get("memory", 0) for found in processes)
    parts = [f"up {span(daemon['uptime'])}"]
    if columns >= 100:
        parts.append(daemon["kernel"])
    parts.append(f"{counted(len(processes), 'process').replace('processs', 'processes')}, {size(memory)}B")
    parts.append(f"files read {span(max(0.0, time.time() - daemon['config_read']))} ago")  # noqa: TID251 - shown to people
    return bold(f"superd {safe(daemon['version'])}") + "   " + "   ".join(parts)


def problem_lines(problems: list[dict[str, Any]]) -> list[str]:
    """Return what needs a person, each with what to type."""
    if not problems:
        return []
    count = len(problems)
    lines = [f"{counted(count, 'thing')} {'needs' if count == 1 else 'need'} you:"]
    wide = min(16, max(len(problem["about"]) for problem in problems))
    for problem in problems:
        mark = red("✗") if problem["severity"] == "error" else yellow("!")
        about = f"{one(problem['about'], 16).ljust(wide)}  " if wide else ""
        lines.append(f"  {mark} {about}{safe(problem['text'], 400)}")
        if problem["hint"]:
            lines.append(f"    {' ' * (wide + 2 if wide else 0)}hint: {safe(problem['hint'], 400)}")
    return lines


def rows_of(services: list[dict[str, Any]], columns: int) -> list[str]:
    """Return the table of services."""
    wide = columns >= 110
    rows = []
    for found in services:
        most = found["limit"]
        now = f"{found['sessions']}/{most}" if most is not None else str(found["sessions"])
        row = [one(found["name"], 20), one(where(found), 36 if wide else 24)]
        if found["paused"]:
            row += [pause_text(found["paused"])]
        else:
            refused = f"{found['refused_hour']} {found['most_refused']}".strip() if found["refused_hour"] else "0"
            row += [now, str(found["started_minute"]), str(found["started_hour"]), refused]
            if wide:
                row.append(one(found["runs"], 40))
        rows.append(row)
    heads = ["SERVICE", "LISTENS ON", "NOW", "1 MIN", "1 H", "REFUSED 1 H", *(["RUNS"] if wide else [])]
    return aligned(heads, rows, columns)


def aligned(heads: list[str], rows: list[list[str]], columns: int) -> list[str]:
    """Return the table; a row that has fewer cells ends with a text that goes over the rest."""
    whole = [row for row in rows if len(row) == len(heads)]
    widths = [max(len(row[column]) for row in [heads, *whole]) for column in range(len(heads))]
    for column in (0, 1):
        widths[column] = max(widths[column], *(len(row[column]) for row in rows))
    lines = []
    for row in [heads, *rows]:
        cells = []
        for column, cell in enumerate(row):
            over = len(row) < len(heads) and column == len(row) - 1
            cells.append(cell if over else cell.rjust(widths[column]) if column in RIGHT else cell.ljust(widths[column]))
        line = "  ".join(cells).rstrip()
        lines.append(line if len(line) <= columns else line[: columns - 1] + "…")
    lines[0] = bold(lines[0])
    return lines


def where(found: dict[str, Any]) -> str:
    """Return where a service listens, in a few words."""
    addresses, missing = found["addresses"], found["missing"]
    if not addresses:
        return "through tcpmux"
    first = next((address for address in addresses if address not in missing), addresses[0]).removesuffix("/stream")
    if missing:
        return f"{first} ({len(addresses) - len(missing)} of {len(addresses)})"
    return f"{first} +{len(addresses) - 1}" if len(addresses) > 1 else str(first)


def pause_text(paused: dict[str, Any]) -> str:
    """Return who paused a service, since when and why."""
    word = "drained" if paused["drain"] else "refused" if paused["refuse"] else "paused"
    since = span(max(0.0, time.time() - paused["since"]))  # noqa: TID251 - shown to people
    because = f': "{safe(paused["because"])}"' if paused["because"] else ""
    return f"{word} by {user_name(paused['by'])}, {since}{because}"


def service_screen(answer: dict[str, Any], columns: int) -> list[str]:
    """Return the screen of one service as lines."""
    found = answer["service"]
    user = f"   user {safe(found['user'])}" if found["user"] else ""
    lines = [f"{bold(safe(found['name']))}   {safe(found['runs'])}{user}", *problem_lines(answer["problems"])]

    def add(key: str, text: str) -> None:
        line, most = f"  {key.ljust(10)} {text}", max(columns, 40)
        lines.append(line if len(line) <= most else line[: most - 1] + "…")

    for number, address in enumerate(found["addresses"] or ["through tcpmux"]):
        lost = "   not open" if address in found["missing"] else queue_text(address)
        add("listens" if not number else "", f"{safe(address)}{lost}")
    if found["paused"]:
        word, _, text = pause_text(found["paused"]).partition(" ")
        add(word, f"{text}; superd resume {found['name']}")
    most = f"{found['sessions']} of {found['limit']}" if found["limit"] is not None else f"{found['sessions']}, without a limit"
    add("sessions", most)
    for number, limit in enumerate(answer["limits"]):
        add("limits" if not number else "", limit_text(limit))
    if found["no_group"]:
        add("no groups", f"memory, pids and quotas do not hold: {safe(found['no_group'])}")
    if found["certificate_end"]:
        add("tls", certificate_text(found["certificate_end"]))
    if found["leftovers"]:
        add("leftovers", f"{found['leftovers']} processes that programs left")
    add("started", f"{found['started_minute']} in the last minute, {found['started_hour']} in the last hour")
    if any(answer["served"]):
        add("", spark(answer["served"]))
    if answer["refusals"]:
        add("refused", f"{found['refused_minute']} in the last minute, {found['refused_hour']} in the last hour")
    if any(answer["refused"]):
        add("", spark(answer["refused"]))
    for refusal in answer["refusals"]:
        text = f"{refusal['hour']:>5} {refusal['reason'].ljust(12)} {one(refusal['last_peer'], 39)} last, "
        add("", f"{text}{span(refusal['last_ago'])} ago")
    for number, event in enumerate(answer["last"]):
        add(f"last {len(answer['last'])}" if not number else "", event_text(event))
    return lines


def limit_text(limit: dict[str, Any]) -> str:
    """Return how full a limit is."""
    who = safe(limit["who"])
    if limit["limit"] is not None:
        return f"{limit['key'].ljust(18)} {limit['used']} of {limit['limit']}{f', {who}' if who else ''}"
    held = (
        f"{counted(limit['used'], 'source')} at it" if who != "have penalties" else f"{counted(limit['used'], 'source')} refused"
    )
    return f"{limit['key'].ljust(18)} {held}{f'; {who}' if who != 'have penalties' else ''}"


def certificate_text(end: float) -> str:
    """Return until when a certificate is good."""
    days = days_left(end, time.time())  # noqa: TID251 - shown to people
    left = f"{counted(days, 'day')} left" if days >= 0 else "ended"
    return f"certificate until {time.strftime('%Y-%m-%d', time.localtime(end))}, {left}"


def queue_text(address: str) -> str:
    """Return how full the kernel's queue of a TCP listener is; "" where it does not say."""
    host, _, port = address.removesuffix("/stream").rpartition(":")
    known = queues() if address.endswith("/stream") and port.isdecimal() else {}
    wildcard = (("0.0.0.0", int(port)), ("::", int(port))) if known and host in ("*", "[::]") else ()  # noqa: S104 - compared
    found = next((known[key] for key in (*wildcard, (host.strip("[]"), int(port))) if key in known), None) if known else None
    return f"   queue {found[0]} of {found[1]}" if found is not None else ""


def spark(counts: list[int]) -> str:
    """Return counts as bars of eight heights."""
    most = max(counts, default=0)
    return "".join("▁▂▃▄▅▆▇█"[min(7, count * 8 // (most + 1))] if count else " " for count in counts) if most else ""


def event_text(event: dict[str, Any]) -> str:
    """Return an event of a session as one line."""
    when = time.strftime("%H:%M:%S", time.localtime(event["when"]))
    fields = event["fields"]
    peer = f"{fields.get('peer', '')}:{fields['port']}" if "port" in fields else str(fields.get("peer", "-"))
    if event["event"] == "exit":
        result = fields.get("result", f"exit {fields['status']}" if "status" in fields else "served")
        text = f"{span(fields.get('duration', 0.0))}, {result}"
    else:
        limit = f" ({fields['now']} of {fields['limit']})" if "now" in fields and "limit" in fields else ""
        again = f", {fields['count']} times" if "count" in fields else ""
        text = f"refused: {fields.get('reason', '')}{limit}{again}"
    return f"{when}  {one(peer, 46).ljust(21)}  {safe(text)}"
