"""Commands that change something in the running superd, or list what operators did: kick, ban, bans, pause, drain, reload.

Runs in: the operator's commands. Never: reports success before superd has done it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from superd.cli.colours import bold, red, width
from superd.cli.control import Control, Failed, own_addresses, print_json, report, user_name
from superd.cli.table import one, span, table
from superd.counted import counted
from superd.exit_status import EX_CONFIG
from superd.safe_text import safe

RELOAD_PATIENCE = 180.0
"""Seconds that a reload may take: its reader has two minutes."""
STEP, PIPE_STEP = 1.0, 10.0
"""Seconds between two looks of a drain, and between two lines on a pipe."""


def run(work: Callable[[Control], int], *, as_json: bool, timeout: float = 60.0) -> int:
    """Connect, run ``work`` and return its status, or report why it failed."""
    try:
        with Control(timeout) as control:
            return work(control)
    except Failed as problem:
        return report(problem, as_json=as_json)
    except KeyboardInterrupt:
        return 130


def say(*lines: str) -> None:
    """Print lines."""
    sys.stdout.write("".join(line + "\n" for line in lines))
    sys.stdout.flush()


def _sessions(found: list[dict[str, Any]]) -> str:
    names = [f"{safe(one_of['service'])} {one_of['id']} ({span(one_of['age'])})" for one_of in found[:8]]
    more = f" and {len(found) - 8} more" if len(found) > 8 else ""
    return f"{counted(len(found), 'session')}{': ' if found else ''}{', '.join(names)}{more}"


def _unsaved(answer: dict[str, Any]) -> int:
    if not answer["unsaved"]:
        return 0
    sys.stderr.write(f"superd: {bold('warning', sys.stderr)}: the bans are not saved: {safe(answer['unsaved'])}\n")
    sys.stderr.write("  hint: they hold until superd ends; make room in the state folder, and ban again\n")
    return 1


# ---------------------------------------------------------------------------------------------------- sessions and bans


def kick(ids: list[str], source: str, service: str, *, now: bool, dry_run: bool, as_json: bool) -> int:
    """End sessions. Returns 0; 1 when an id is not live, or nothing fits."""

    def work(control: Control) -> int:
        answer = control.call("Kick", ids=ids or None, source=source, service=service, now=now, dry_run=dry_run)
        if as_json:
            print_json(answer)
        else:
            word = "would end" if dry_run else "killed" if now else "ending"
            say(f"{word} {_sessions(answer['ended'])}")
            for unknown in answer["unknown"]:
                sys.stderr.write(f"superd: {bold('error', sys.stderr)}: no session `{safe(unknown)}` is live\n")
        return 1 if answer["unknown"] or not answer["ended"] else 0

    return run(work, as_json=as_json)


def ban(address: str, seconds: float, service: str, because: str, *, keep: bool, yes: bool, as_json: bool) -> int:
    """Ban a source."""

    def work(control: Control) -> int:
        answer = control.call(
            "Ban", address=address, seconds=seconds or None, service=service, because=because, keep=keep, yes=yes,
            own=own_addresses() or None,
        )  # fmt: skip
        if as_json:
            print_json(answer)
            return 1 if answer["unsaved"] else 0
        made = answer["ban"]
        until = f" until {_moment(made['until'])} ({span(made['until'] - made['since'])})" if made["until"] else ""
        ended = f"; ended {_sessions(answer['ended'])}" if answer["ended"] else ""
        say(f"banned {made['prefix']}{until}, {safe(made['service']) or 'all services'}{ended}")
        of = f" --service {safe(made['service'])}" if made["service"] else ""
        say(f"undo: superd unban {made['prefix']}{of}")
        return _unsaved(answer)

    return run(work, as_json=as_json)


def _moment(when: float) -> str:
    now, then = time.localtime(), time.localtime(when)
    return time.strftime("%H:%M" if now[:3] == then[:3] else "%Y-%m-%d %H:%M", then)


def unban(address: str, service: str, *, as_json: bool) -> int:
    """Take a ban back."""

    def work(control: Control) -> int:
        answer = control.call("Unban", address=address, service=service)
        if as_json:
            print_json(answer)
            return 1 if answer["unsaved"] else 0
        names = [answer["ban"]["prefix"]] if answer["ban"] else []
        for name in names:
            say(f"{safe(name)} is not banned any more")
        for row in answer["lifted"]:
            of = f"service {safe(row['service'])}" if row["service"] else "all services"
            say(f"{safe(row['source'])} has no penalty with {of} any more ({safe(row['why'])})")
        return _unsaved(answer)

    return run(work, as_json=as_json)


def bans(*, as_json: bool) -> int:
    """List the bans."""

    def work(control: Control) -> int:
        found: list[dict[str, Any]] = []
        penalties: list[dict[str, Any]] = []
        after = ""
        while True:
            answer = control.call("ListBans", after=after, limit=1000)
            found += answer["bans"]
            penalties += answer.get("penalties", ())  # only the first page has them
            after = answer["next"]
            if not after:
                break
        if as_json:
            print_json({"bans": found, "penalties": penalties})
        else:
            tables = [lines for lines in (ban_lines(found, width()), penalty_lines(penalties, width())) if lines]
            say(*(line for number, lines in enumerate(tables) for line in ([""] if number else []) + lines))
            if not tables:
                say("no client is banned, and none has penalties")
        return 0

    return run(work, as_json=as_json)


def penalty_lines(found: list[dict[str, Any]], columns: int) -> list[str]:
    """Return the sources that have penalties or touched a sensor as a table, or nothing."""
    if not found:
        return []
    rows = [
        [
            safe(row["source"]), safe(row["service"]) or "all", span(row["left"]) if row["left"] else "for ever",
            str(row["refused"]), one(row["why"], 60),
        ]
        for row in found
    ]  # fmt: skip
    lines = table(["PENALISED", "SERVICE", "LEFT", "REFUSED", "FOR"], rows, frozenset({2, 3}), columns)
    return [bold(lines[0]), *lines[1:]]


def ban_lines(found: list[dict[str, Any]], columns: int) -> list[str]:
    """Return the bans as a table, or nothing."""
    if not found:
        return []
    rows = [
        [
            ban["prefix"], safe(ban["service"]) or "all", _moment(ban["until"]) if ban["until"] else "for ever",
            str(ban["hits"]), user_name(ban["by"]), one(ban["because"], 60),
        ]
        for ban in found
    ]  # fmt: skip
    lines = table(["BANNED", "SERVICE", "UNTIL", "HITS", "BY", "BECAUSE"], rows, frozenset({3}), columns)
    return [bold(lines[0]), *lines[1:]]


# ---------------------------------------------------------------------------------------------------- pauses


def pause(services: list[str], because: str, *, refuse: bool, as_json: bool) -> int:
    """Pause services: clients wait in the kernel's queue, or are refused."""

    def work(control: Control) -> int:
        answer = control.call("Pause", services=services, refuse=refuse, because=because)
        if as_json:
            print_json(answer)
        else:
            what = "clients are refused" if refuse else "clients wait in the kernel's queue"
            names = " ".join(answer["services"])
            say(f"paused {safe(names, 2000)}; {what}", f"undo: superd resume {safe(names, 2000)}")
        return 0

    return run(work, as_json=as_json)


def resume(services: list[str], *, as_json: bool) -> int:
    """Resume services; all that are paused where none is named."""

    def work(control: Control) -> int:
        answer = control.call("Resume", services=services)
        if as_json:
            print_json(answer)
        else:
            names = " ".join(answer["services"])
            say(f"resumed {safe(names, 2000)}" if names else "nothing was paused")
        return 0

    return run(work, as_json=as_json)


def drain(services: list[str], seconds: float | None, *, as_json: bool) -> int:
    """Stop accepting, and wait for the sessions. Returns 0 when all are over, 1 when some are left at the end."""

    def work(control: Control) -> int:
        names = control.call("Pause", services=services, drain=True, because="drain")["services"]
        began = time.monotonic()
        if not as_json:
            say(f"not accepting since {time.strftime('%H:%M:%S')} ({counted(len(names), 'service')})")
        told = 0.0
        while True:
            left = sorted(_left(control, names), key=lambda session: -session["age"])
            waited = time.monotonic() - began
            over = seconds is not None and waited >= seconds
            if not left or over:
                break
            if not as_json and (sys.stdout.isatty() or not told or waited - told >= PIPE_STEP):
                told = waited or 0.001
                _progress(left, waited, seconds)
            time.sleep(min(STEP, seconds - waited) if seconds is not None else STEP)
        if as_json:
            print_json({"services": names, "left": left})
        else:
            if told and sys.stdout.isatty():
                sys.stdout.write("\r\x1b[K")
            say(f"{red('left')}: {_sessions(left)}" if left else "all sessions are over")
            say(f"undo: superd resume {safe(' '.join(names), 2000) if services else ''}".rstrip())
        return 1 if left else 0

    return run(work, as_json=as_json)


def _left(control: Control, names: list[str]) -> list[dict[str, Any]]:
    wanted = set(names)
    return [session for session in all_sessions(control) if session["service"] in wanted]


def _progress(left: list[dict[str, Any]], waited: float, seconds: float | None) -> None:
    oldest = left[0]
    text = f"{counted(len(left), 'session')} left, oldest {safe(oldest['service'])} {oldest['id']}, {span(oldest['age'])}"
    if seconds is not None:
        done = min(16, int(16 * waited / seconds))
        text += f"   {'█' * done}{'░' * (16 - done)}  {int(waited)} s of {span(seconds)}"
    sys.stdout.write(f"\r\x1b[K{text}" if sys.stdout.isatty() else text + "\n")
    sys.stdout.flush()


def all_sessions(control: Control, **chosen: Any) -> list[dict[str, Any]]:
    """Return all live sessions that fit, page by page."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        answer = control.call("ListSessions", after=after, limit=1000, **chosen)
        found += answer["sessions"]
        after = answer["next"]
        if not after:
            return found


# ---------------------------------------------------------------------------------------------------- reload


def reload(*, dry_run: bool, diff: bool, as_json: bool) -> int:
    """Reload, and wait until it is in force. Returns 0; 78 with the problems when it is refused."""

    def work(control: Control) -> int:
        answer = control.call("Reload", dry_run=dry_run)
        refused = answer["outcome"] != "done"
        if as_json:
            print_json(answer)
        elif refused:
            say(f"{red('reload refused')}: {safe(answer['summary'], 400)}, nothing has changed")
        else:
            say(*reload_lines(answer, width(), dry_run=dry_run, diff=diff or dry_run))
        if not as_json:
            _problems(answer["problems"], only_errors=not refused)
        return EX_CONFIG if refused else 0

    return run(work, as_json=as_json, timeout=RELOAD_PATIENCE)


def _problems(problems: list[dict[str, Any]], *, only_errors: bool) -> None:
    for problem in problems:
        if only_errors and problem["severity"] != "error":
            continue
        where = f"{problem['file']}:{problem['line']}" if problem["line"] else problem["file"]
        sys.stderr.write(f"{safe(where)}: {problem['severity']}: {safe(problem['message'], 4000)}\n")
        if problem["hint"]:
            sys.stderr.write(f"  hint: {safe(problem['hint'], 4000)}\n")


def reload_lines(answer: dict[str, Any], columns: int, *, dry_run: bool, diff: bool) -> list[str]:
    """Return what a reload did: the counts, and with ``diff`` each service."""
    changes = answer["changes"] or {"opened": [], "changed": [], "closed": [], "kept": 0}
    counts = [f"{len(changes[word])} {word}" for word in ("opened", "changed", "closed") if changes[word]]
    counts.append(f"{changes['kept']} kept")
    word = "reload would be" if dry_run else "reload"
    lines = [f"{word}: {', '.join(counts)}"]
    if not diff:
        return lines
    for mark, key in (("+", "opened"), ("-", "closed")):
        for found in changes[key]:
            lines.append(f"{mark} {safe(found['service']).ljust(11)} {safe(' '.join(found['addresses']), 400)}")
    for found in changes["changed"]:
        for number, changed in enumerate(found["keys"]):
            name = safe(found["service"]) if not number else ""
            lines.append(f"{'~' if not number else ' '} {name.ljust(11)} {change_text(changed)}")
    return [line if len(line) <= columns else line[: columns - 1] + "…" for line in lines]


def change_text(changed: dict[str, Any]) -> str:
    """Return one key that changed: of a list what came and went, else the old and the new value."""
    old, new, key = changed["old"], changed["new"], safe(changed["key"])
    if isinstance(old, list) and isinstance(new, list):
        came = [f"+ {safe(str(item))}" for item in new if item not in old]
        went = [f"- {safe(str(item))}" for item in old if item not in new]
        if came or went:
            return f"{key} {', '.join(came + went)}"
    return f"{key} {_value(old)} → {_value(new)}"


def _value(value: object) -> str:
    return "none" if value is None or value == "" else safe(str(value), 100)
