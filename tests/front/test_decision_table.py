"""The table of docs/SECURITY.md, "When a question has no answer": each of its rows is decided here, in both tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from superd.front.stream import facts
from superd.net import ident
from superd.wire.ident import Identity
from tests.front.fakes import service
from tests.front.fakes_of_connections import Front

PAGE = Path(__file__).parent.parent.parent / "docs" / "SECURITY.md"


def rows() -> list[tuple[str, str, str, str]]:
    """(what went wrong, rule, verdict in hosts.allow, verdict in hosts.deny) as the page has them."""
    section = PAGE.read_text().partition("## When a question has no answer\n")[2].partition("\n## ")[0]
    found: list[tuple[str, str, str, str]] = []
    wrong = ""
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or len(cells) != 4 or cells[0] == "What went wrong":
            continue
        wrong = cells[0] or wrong
        found.append((wrong, cells[1].strip("`"), cells[2], cells[3]))
    return found


async def no_user(*_: object) -> Identity:
    return Identity(failure="timeout")


async def no_member(*_: object) -> bool:
    return False


def silent_names(front: Front) -> None:
    front.names.name = None


def paranoid(front: Front) -> None:
    front.names.name = "paranoid"


def unended(front: Front) -> None:
    front.launchers.status = None


def failing(front: Front) -> None:
    front.launchers.status = 1


def nothing(front: Front) -> None:
    front.names.name = "a" * 120 + ".example.org"


WRONG: dict[str, Callable[[Front], None]] = {
    "the name server does not answer": silent_names,
    "the name does not lead back to the address": paranoid,
    "the ident server does not answer": nothing,
    "the netgroup cannot be asked": nothing,
    "a command does not end in time, or cannot be run": unended,
    "a command fails": failing,
    "an option is not valid": nothing,
    "an expansion is too long": nothing,
    "no launcher can become the rule's user": nothing,
    "a banner cannot be read": nothing,
    "the client does not read its banner": nothing,
}


def test_the_page_has_every_fault() -> None:
    assert {wrong for wrong, *_ in rows()} == set(WRONG)


@pytest.mark.parametrize("table", ["hosts.allow", "hosts.deny"])
@pytest.mark.parametrize(("wrong", "rule", "allowing", "denying"), rows())
async def test_a_question_without_an_answer_is_decided_as_the_page_says(
    wrong: str, rule: str, allowing: str, denying: str, table: str, nursery: trio.Nursery, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock,
) -> None:  # fmt: skip
    monkeypatch.setattr(ident, "ask", no_user)
    monkeypatch.setattr(facts, "member", no_member)
    folder = tmp_path / "banners"
    folder.mkdir()
    if wrong == "the client does not read its banner":
        (folder / "cat").write_bytes(b"x" * (1 << 20))
        autojump_clock.autojump_threshold = 0.02
    elif wrong == "a banner cannot be read":
        (folder / "cat").mkdir()
    rule = rule.replace("/etc/banners", str(folder)).replace("…", "%n" * 800)
    line = f"cat: {rule}"
    allow, deny = (line, "ALL: ALL") if table == "hosts.allow" else ("", line)
    front = Front(nursery, allow, deny, policy={"decide_timeout": 1, "banner_timeout": 1})
    WRONG[wrong](front)
    await front.connect(service())
    verdict = "admitted" if front.launchers.handed else "refused"
    assert verdict == (allowing if table == "hosts.allow" else denying), re.sub("%n" * 10, "", line)
