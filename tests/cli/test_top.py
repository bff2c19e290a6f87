"""The live screen: its keys, its picture, and the whole on a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from superd.cli.top import Screen, keys_of, lines_of
from superd.panel import queries
from superd.panel.gather import session
from superd.panel.steps import Call
from tests.daemon_process import WAIT, Superd
from tests.panel.script import World
from tests.panel.script import session as row
from tests.trips.test_control import connect, serve


def made(count: int) -> list[dict[str, Any]]:
    found = [
        session(row(number, f"192.0.2.{number}:5", "git" if number % 2 else "rsync", float(number))) for number in range(count)
    ]
    return [{**each, "memory": 1 << 20, "cpu": 1.0, "idle": 3.0, "bytes_in": 1, "bytes_out": 2} for each in found]


def view(count: int = 4) -> Screen:
    shown = Screen("age")
    shown.take(made(count))
    return shown


def test_a_session_is_marked_and_the_mark_moves_and_stays() -> None:
    shown = view()
    ids = [each["id"] for each in shown.shown]
    assert shown.marked == ids[0]
    for key in "jjjjjn":
        shown.press(key)
    assert shown.marked == ids[2]
    shown.take(made(4))
    assert shown.marked == ids[2]
    shown.take([])
    assert (shown.marked, shown.press("k"), shown.press("j")) == ("", "", "")


def test_a_kick_needs_a_yes() -> None:
    shown = view()
    assert shown.press("k") == ""
    assert "y ends it" in shown.prompt()
    assert shown.press("n") == ""
    shown.press("k")
    assert shown.press("y") == "kick"
    assert shown.asking == ""


def test_a_session_that_ended_is_not_kicked_in_the_place_of_another() -> None:
    shown = view()
    shown.press("k")
    shown.take(made(2))
    assert shown.press("y") == ""


def test_a_filter_takes_letters_until_enter() -> None:
    shown = view()
    for key in ("/", "g", "i", "x", "\x7f", "q", "\x7f", "\r"):
        assert shown.press(key) == ""
    shown.take(made(4))
    assert {each["service"] for each in shown.shown} == {"git"}
    assert "filter: gi" in shown.prompt()
    assert shown.press("q") == "quit"


def test_what_is_typed_at_once_is_several_keys() -> None:
    keys = ["/", "g", "\r", "\x1b[B", "\x1bOA", "k", "\x1b[1;5C", "é", "\x1b"]
    assert keys_of("".join(keys)) == keys
    assert keys_of("") == []


def test_a_filter_counts_at_once_takes_no_arrows_and_goes_with_the_next() -> None:
    shown = view()
    for key in keys_of("/rs\x1b[By"):
        shown.press(key)
    assert (shown.filter, {each["service"] for each in shown.shown}) == ("rsy", {"rsync"})
    status = World().run(queries.get_status(Call({}, 0)))
    for key in "nothing":
        shown.press(key)
    assert "no session has `rsynothing`" in lines_of(status, shown, 78, 24)
    for key in "\r/":
        shown.press(key)
    assert len(shown.shown) == 4


def test_every_column_sorts_in_turn() -> None:
    shown = view()
    seen = []
    for _ in range(7):
        shown.press("s")
        seen.append(shown.sort)
    assert seen == ["service", "peer", "memory", "cpu", "idle", "id", "age"]


def test_the_picture_fits_and_shows_the_marked_session() -> None:
    status = World().run(queries.get_status(Call({}, 0)))
    shown = view(50)
    for _ in range(40):
        shown.press("j")
    for columns, height in ((78, 24), (118, 40)):
        lines = lines_of(status, shown, columns, height)
        assert len(lines) <= height
        assert max(map(len, lines)) <= columns + 2
        assert any(line.startswith("▶") and shown.marked in line for line in lines)


def test_on_a_pipe_it_is_plain_text_once(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    with connect(port):
        done = superd.command("top")
        assert done.returncode == 0
        assert "\x1b" not in done.stdout
        assert "127.0.0.1" in done.stdout
        answer = json.loads(superd.command("top", "--json").stdout)
        assert [session["service"] for session in answer["sessions"]] == ["cat"]
        assert answer["status"]["daemon"]["sessions"] == 1


def test_on_a_terminal_it_kicks_after_a_yes_and_ends(superd: Superd) -> None:
    port = serve(superd)
    superd.start()
    ours, theirs = pty.openpty()
    with connect(port) as sock:
        process = subprocess.Popen(
            [sys.executable, "-m", "superd", "top", "--interval", "0.2s"],
            env=superd.environment | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=Path(__file__).parent.parent.parent,
        )  # fmt: skip
        os.close(theirs)
        wait_for(ours, "▶")
        os.write(ours, b"k")
        wait_for(ours, "y ends it")
        os.write(ours, b"y")
        sock.settimeout(WAIT)
        assert sock.recv(1) == b""
        wait_for(ours, "no session is live")
        os.write(ours, b"q")
        wait_for(ours, "")
        assert process.wait(WAIT) == 0
    os.close(ours)


def wait_for(terminal: int, part: str) -> None:
    seen, deadline = "", time.monotonic() + WAIT
    while select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
        try:
            seen += os.read(terminal, 65536).decode("utf-8", "replace")
        except OSError:
            break  # its program has ended
        if part and part in seen:
            return
    assert not part, f"no {part!r} in {seen[-2000:]!r}"
