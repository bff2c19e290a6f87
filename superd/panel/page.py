"""The status page: one HTML page without scripts and without anything from elsewhere. Pure.

Runs in: panel. Never: shows text of others unescaped.
"""

from __future__ import annotations

import time
from html import escape
from typing import Any

from superd.ipc import panel_messages as front
from superd.panel.gather import pages
from superd.panel.gather import session as shown_session
from superd.panel.queries import all_bans, get_status
from superd.panel.steps import Call, Method, Refusal

REFRESH = 15
"""Seconds after which a browser asks again."""
SESSIONS = 50
"""Sessions that the page shows."""

STYLE = """
:root{color-scheme:light dark;--fg:#1c2430;--dim:#5c6675;--bg:#f6f7f9;--card:#fff;--line:#dde1e7;--good:#1f7a3d;--bad:#b3261e;
--warn:#9a6200;--bar:#3b6fb6;--no:#c8553d}
@media(prefers-color-scheme:dark){:root{--fg:#e6e9ee;--dim:#9aa4b2;--bg:#12161c;--card:#1b212a;--line:#2c3440;--good:#5fca84;
--bad:#ff8a80;--warn:#f0b94d;--bar:#6fa3e8;--no:#e58a70}}
*{box-sizing:border-box}body{margin:0;font:15px/1.45 system-ui,sans-serif;color:var(--fg);background:var(--bg)}
header{padding:14px 20px;border-bottom:1px solid var(--line);background:var(--card);display:flex;flex-wrap:wrap;gap:4px 18px;
align-items:baseline}h1{font-size:18px;margin:0}header .state{margin-left:auto;font-weight:600}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}.dim{color:var(--dim)}
main{max-width:1200px;margin:0 auto;padding:16px 20px 40px}
h2{font-size:15px;margin:26px 0 8px}
.problem{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--warn);border-radius:6px;
padding:10px 14px;margin:8px 0}.problem.error{border-left-color:var(--bad)}
code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:7px 12px;border-top:1px solid var(--line);
white-space:nowrap}tr:first-child th{border-top:0}th{font-weight:600;color:var(--dim);font-size:13px}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}svg{display:block}rect.s{fill:var(--bar)}rect.r{fill:var(--no)}
.two{display:grid;gap:0 24px}.two>*{min-width:0}
@media(min-width:900px){.two{grid-template-columns:1fr 1fr}}
@media(max-width:700px){main{padding:8px 10px 30px}th,td{padding:6px 8px}.far{display:none}}
@media print{body{background:#fff}.scroll{overflow:visible}}
"""


def collect() -> Method:
    """Return everything that the page shows."""
    status = yield from get_status(Call({}, -1))
    sessions: list[dict[str, Any]] = []
    minutes: list[front.MinutesRow] = []
    more = False
    try:
        answer, rows = yield front.AskSessions(0, "", -1)
        sessions = [shown_session(row) for row in rows[:SESSIONS]]
        more = bool(answer.more) or len(rows) > SESSIONS
        minutes = yield from pages(lambda after: front.AskMinutes(0, after))
    except Refusal:
        pass  # the front is being replaced, which is one of the problems
    bans = yield from all_bans()
    hour = {row.service: (row.served, row.refused) for row in minutes}
    return {"status": status, "sessions": sessions, "more": more, "bans": bans, "hour": hour}


def render(facts: dict[str, Any], host: str) -> tuple[bytes, str]:
    """Return the page and its content type."""
    status = facts["status"]
    body = [
        _header(status, host),
        "<main>",
        *(_problem(problem) for problem in status["problems"]),
        "<h2>Services</h2>",
        _services(status["services"], facts["hour"]),
        '<div class="two"><section>',
        f"<h2>Sessions ({status['daemon']['sessions']})</h2>",
        _sessions(facts["sessions"], more=facts["more"]),
        "</section><section>",
        f"<h2>Bans ({len(facts['bans'])})</h2>",
        _bans(facts["bans"][:SESSIONS]),
        "<h2>Last reload</h2>",
        _reload(status),
        "</section></div></main>",
    ]
    title = f"superd on {escape(host)}"
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="{REFRESH}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body>"
    )
    return (head + "\n".join(body) + "</body></html>\n").encode("utf-8", "replace"), "text/html; charset=utf-8"


def _header(status: dict[str, Any], host: str) -> str:
    daemon, problems = status["daemon"], status["problems"]
    errors = sum(problem["severity"] == "error" for problem in problems)
    word = "bad" if errors else "warn" if problems else "good"
    count = len(problems)
    state = (
        f"{count} thing{'s' if count > 1 else ''} need{'' if count > 1 else 's'} a person" if count else "nothing needs a person"
    )
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(daemon["started"]))
    return (
        f'<header><h1>superd on {escape(host)}</h1><span class="dim">{escape(daemon["version"])}, since {since}, '
        f'{len(daemon["processes"])} processes</span><span class="state {word}">{state}</span></header>'
    )


def _problem(problem: dict[str, Any]) -> str:
    about = f"<b>{escape(problem['about'])}</b>: " if problem["about"] else ""
    return (
        f'<div class="problem {escape(problem["severity"])}">{about}{escape(problem["text"])}<br>'
        f'<span class="dim">hint:</span> <code>{escape(problem["hint"])}</code></div>'
    )


def _table(
    heads: list[str], rows: list[list[str]], numbers: frozenset[int] = frozenset(), empty: str = "none", far: int = -1
) -> str:
    """Return a table; cells are HTML. Column ``far`` is left out on a phone."""
    if not rows:
        return f'<p class="dim">{empty}</p>'

    def line(tag: str, cells: list[str]) -> str:
        marked = []
        for column, cell in enumerate(cells):
            words = " ".join(word for word, is_so in (("n", column in numbers), ("far", column == far)) if is_so)
            marked.append(f'<{tag} class="{words}">{cell}</{tag}>' if words else f"<{tag}>{cell}</{tag}>")
        return f"<tr>{''.join(marked)}</tr>"

    return f'<div class="scroll"><table>{line("th", heads)}{"".join(line("td", row) for row in rows)}</table></div>'


def _services(services: list[dict[str, Any]], hour: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]) -> str:
    rows = []
    for found in services:
        most = f" of {found['limit']}" if found["limit"] is not None else ""
        paused = found["paused"]
        state = ""
        if paused:
            state = f'<span class="warn">{"drained" if paused["drain"] else "paused"}</span>'
        elif found["missing"]:
            state = f'<span class="bad">{len(found["missing"])} of {len(found["addresses"])} not open</span>'
        refused = f"{found['refused_hour']} {escape(found['most_refused'])}" if found["refused_hour"] else "0"
        where = ", ".join(address.removesuffix("/stream") for address in found["addresses"][:3])
        rows.append(
            [
                f"<b>{escape(found['name'])}</b>", escape(where), f"{found['sessions']}{most}",
                str(found["started_hour"]), refused, _chart(*hour.get(found["name"], ((), ()))), state,
            ]
        )  # fmt: skip
    heads = ["Service", "Listens on", "Now", "Started 1 h", "Refused 1 h", "Last hour", ""]
    return _table(heads, rows, frozenset({2, 3}), "no service is configured", far=1)


def _chart(served: tuple[str, ...], refused: tuple[str, ...]) -> str:
    """Return the last hour as bars: started above the line, refused below."""
    up = [int(count) for count in served if count.isdecimal()]
    down = [int(count) for count in refused if count.isdecimal()]
    most = max([*up, *down, 1])
    bars = []
    for counts, name, below in ((up, "s", False), (down, "r", True)):
        for minute, count in enumerate(counts[:60]):
            if count:
                high = max(1, round(13 * count / most))
                bars.append(f"<rect class={name} x={2 * minute} y={15 if below else 14 - high} width=2 height={high} />")
    label = f"{sum(up)} started, {sum(down)} refused"
    return (
        f'<svg width=120 height=29 role=img aria-label="{label}"><title>{label}</title>'
        f'<line x1=0 x2=120 y1=14.5 y2=14.5 stroke="currentColor" stroke-opacity=.25 />{"".join(bars)}</svg>'
    )


def _sessions(sessions: list[dict[str, Any]], *, more: bool) -> str:
    rows = [
        [
            f"<code>{escape(found['id'])}</code>", escape(found["service"]), escape(found["peer"] or "-"),
            str(found["pid"] or "-"), _span(found["age"]),
        ]
        for found in sessions
    ]  # fmt: skip
    note = f'<p class="dim">the first {len(sessions)}; all: <code>superd sessions</code></p>' if more else ""
    return _table(["Id", "Service", "Client", "Pid", "Age"], rows, frozenset({3, 4}), far=3) + note


def _bans(bans: list[dict[str, Any]]) -> str:
    rows = [
        [
            f"<code>{escape(ban['prefix'])}</code>", escape(ban["service"] or "all"),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(ban["until"])) if ban["until"] else "for ever",
            str(ban["hits"]), escape(ban["because"]),
        ]
        for ban in bans
    ]  # fmt: skip
    return _table(["Banned", "Service", "Until", "Hits", "Because"], rows, frozenset({3}))


def _reload(status: dict[str, Any]) -> str:
    reload = status["reload"]
    if not reload["outcome"]:
        return '<p class="dim">none since the start</p>'
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(reload["when"]))
    word, outcome = ("good", "in force") if reload["outcome"] == "done" else ("bad", "refused, nothing has changed")
    return f'<p>{when}: <span class="{word}">{outcome}</span>, {escape(reload["summary"])}</p>'


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{int(seconds)} s"
    return f"{int(seconds // 60)} min" if seconds < 7200 else f"{int(seconds // 3600)} h"
