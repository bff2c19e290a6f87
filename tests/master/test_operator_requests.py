"""What the master answers operators."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import pytest

from superd.ipc.panel_requests import Request
from superd.log.ring import Ring
from superd.master.operator_requests import OperatorRequests
from superd.master.wishes_store import WishesStore
from superd.problem import Origin, error
from tests.master.parts import Lines, in_service, registry


class Control:
    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = []

    def answer(self, number: int, value: object) -> None:
        self.answers.append((number, value))

    def refuse(self, number: int, name: str, text: str = "") -> None:
        self.answers.append((number, name))


class Log(Lines):
    recent = Ring()

    def backlog(self) -> tuple[int, int]:
        return 1, 2

    def message(self, level: str, text: str, service: str = "", **more: Any) -> None:
        self.lines.append(f"{level}: {text}")


class Orders:
    number = 0

    def wishes(self) -> int:
        self.number += 1
        return self.number


class Sockets:
    def missing(self) -> dict[Any, str]:
        return {}


class Fixture:
    def __init__(self) -> None:
        self.control, self.log, self.store = Control(), Log(), WishesStore()
        self.asked: list[str] = []
        self.requests = OperatorRequests(
            cast("Any", Orders()), in_service(registry(a="127.0.0.1:1", b="127.0.0.1:2")), cast("Any", Sockets()), self.store,
            cast("Any", self.log), lambda: [("master", os.getpid())],
            lambda: self.asked.append("reload"), lambda: self.asked.append("dry run"),
        )  # fmt: skip
        self.requests.control = cast("Any", self.control)

    def ask(self, word: str, number: int = 7, uid: int = 5, **fields: Any) -> None:
        self.requests.on_request(Request(word, number, fields), uid)


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fixture:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    return Fixture()


BAN: dict[str, Any] = {"prefix": "192.0.2.0/24", "service": "", "seconds": 60, "because": "loop"}


def test_the_state_has_processes_and_the_last_reload(there: Fixture) -> None:
    there.requests.on_reloaded("refused", "1 problem", (error(Origin("x.toml", 3), "bad", "good"),), None)
    there.ask("state")
    number, state = there.control.answers[0]
    assert number == 7
    assert state["processes"][0]["memory"] > 1 << 20
    assert state["reload"]["outcome"] == "refused"
    assert state["reload"]["problems"] == [{"file": "x.toml", "line": 3, "severity": "error", "message": "bad", "hint": "good"}]
    assert (state["services"], state["log_waiting"], state["log_lost"]) == (2, 1, 2)


def test_a_ban_is_answered_once_the_front_has_applied_it_and_names_who(there: Fixture) -> None:
    there.ask("ban", **BAN)
    assert there.control.answers == []
    there.requests.on_applied(4711)
    assert there.control.answers == []
    there.requests.on_applied(1)
    ((_, answer),) = there.control.answers
    assert (answer["ban"]["prefix"], answer["ban"]["by"], answer["unsaved"]) == ("192.0.2.0/24", 5, "")
    assert "uid 5 banned 192.0.2.0/24 from all services for 60 s" in there.log.lines[0]


def test_a_new_front_answers_for_the_old_one(there: Fixture) -> None:
    there.ask("ban", **BAN)
    there.requests.on_front_ready()
    assert len(there.control.answers) == 1


def test_a_full_state_folder_is_reported_and_the_ban_holds(there: Fixture, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    there.ask("ban", **BAN)
    there.requests.on_applied(1)
    assert there.control.answers[0][1]["unsaved"]
    assert len(there.store.wishes.bans) == 1
    assert any(line.startswith("error: bans cannot be saved") for line in there.log.lines)


def test_unban_of_nothing_is_refused(there: Fixture) -> None:
    there.ask("unban", prefix="::1", service="")
    assert there.control.answers == [(7, "NotFound")]
    there.ask("ban", **BAN)
    there.ask("unban", prefix="192.0.2.0/24", service="")
    there.requests.on_applied(2)
    assert there.control.answers[-1][1]["ban"]["because"] == "loop"


def test_an_empty_list_is_all_services_and_unknown_ones_are_left_out(there: Fixture) -> None:
    there.ask("hold", services=[], refuse=False, drain=True, because="")
    there.requests.on_applied(1)
    assert there.control.answers[-1][1] == {"services": ["a", "b"]}
    there.ask("release", services=["a", "zz"])
    there.requests.on_applied(2)
    assert there.control.answers[-1][1] == {"services": ["a"]}
    there.ask("release", services=[])
    there.requests.on_applied(3)
    assert there.control.answers[-1][1] == {"services": ["b"]}


def test_reloads_are_answered_when_they_are_over(there: Fixture) -> None:
    there.ask("reload", 1, dry_run=False)
    there.ask("reload", 2, dry_run=True)
    assert there.asked == ["reload", "dry run"]
    there.requests.on_dry_run("refused", "1 problem", (), None)
    assert [(number, value["outcome"]) for number, value in there.control.answers] == [(2, "refused")]
    there.requests.on_reloaded("done", "1 opened", (), {"kept": 3})
    assert there.control.answers[-1] == (1, {"outcome": "done", "summary": "1 opened", "problems": [], "changes": {"kept": 3}})
    assert (there.requests.last.done, there.requests.last.refused) == (1, 0)


def test_another_panel_gets_no_answers_of_this_one(there: Fixture) -> None:
    there.ask("reload", 1, dry_run=False)
    there.ask("ban", 2, **BAN)
    there.requests.forget()
    there.requests.on_reloaded("done", "", (), None)
    there.requests.on_applied(1)
    assert there.control.answers == []
