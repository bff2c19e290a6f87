"""What `doctor` shows: problems first, each with its remedy, on 80 columns."""

from __future__ import annotations

import io

from superd.cli.finding import Finding, Level, write

FOUND = [
    Finding(Level.FINE, "kernel", "6.12"),
    Finding(Level.ODD, "nofile", "1024 of this shell: " + "many words " * 12, "LimitNOFILE=65536"),
    Finding(Level.BAD, "port 873", "held by rsyncd (pid 411, rsync.service)", "systemctl disable --now rsync"),
]


def shown(found: list[Finding], *, everything: bool = False) -> list[str]:
    out = io.StringIO()
    write(found, out, everything=everything)
    return out.getvalue().splitlines()


def test_problems_come_first_each_with_its_remedy() -> None:
    lines = shown(FOUND)
    assert lines[0] == "✗ port 873  held by rsyncd (pid 411, rsync.service)"
    assert lines[1] == "            fix: systemctl disable --now rsync"
    assert lines[2].startswith("! nofile    1024")
    assert lines[-1] == "✓ 1 more check passed; --all lists them"
    assert max(map(len, lines)) <= 80


def test_everything_lists_what_passed() -> None:
    assert shown(FOUND, everything=True)[-1] == "✓ kernel    6.12"


def test_without_a_problem_one_line_is_enough() -> None:
    assert shown(FOUND[:1]) == ["✓ 1 check passed; --all lists them"]


def test_a_text_of_another_process_does_not_reach_the_terminal_as_it_is() -> None:
    assert "\x1b" not in "".join(shown([Finding(Level.BAD, "port 1", "held by \x1b[31mevil", "\x1b]0;x")]))
