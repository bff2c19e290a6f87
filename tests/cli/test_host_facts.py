"""What ``superd check`` asks of this host, and what it does where no server answers."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from superd.cli import host_facts
from superd.cli.host_facts import Named, ask_all, describe
from superd.system.path_facts import program_fault


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (None, ("", "")),
        (Named(0, "a.org", ("192.0.2.1",), (), confirmed=True), ("", "")),
        (Named(socket.EAI_AGAIN), ("", "")),
        (Named(socket.EAI_NONAME), ("host `a.org` not found: it never matches", "")),
        (
            Named(0, "b.org", ("192.0.2.1",), ("b.org",)),
            ("`a.org` is an alias: clients are known by their official name", "b.org"),
        ),
        (Named(0, "A.org", ("192.0.2.1",)), ("the address of `a.org` has no name, so it never matches", "192.0.2.1")),
        (Named(0, "a.org", ("192.0.2.1", "192.0.2.2")), ("the address of `a.org` has no name, so it never matches", "")),
        (
            Named(0, "a.org", ("192.0.2.1",), ("dsl-1.net",)),
            ("the address of `a.org` is called `dsl-1.net`, so this name never matches", "dsl-1.net"),
        ),
    ],
)
def test_a_name_is_judged_by_what_the_resolver_says(found: Named | None, told: tuple[str, str]) -> None:
    assert describe("a.org", found) == told


def test_a_resolver_that_never_answers_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def ask(word: str) -> Named:
        if word == "dead":
            over.wait()
        return Named(socket.EAI_AGAIN if word == "sick" else 0, word, ("192.0.2.1",), confirmed=True)

    monkeypatch.setattr(host_facts, "ask", ask)
    found, silent = ask_all(["dead", "alive", "sick", "alive"], patience=0.2)
    over.set()
    assert {"alive"} <= set(found) <= {"alive", "sick"}
    assert silent == 2


def test_without_names_nothing_is_asked() -> None:
    assert ask_all([]) == ({}, 0)


def test_this_host_is_called_as_its_hosts_file_says() -> None:
    assert host_facts.ask("localhost").confirmed
    assert host_facts.ask("a" * 300).error


@pytest.mark.parametrize(("official", "counts"), [("h.org", True), ("other.org", False)])
def test_a_name_that_is_an_alias_is_not_confirmed_although_its_address_is_called_so(
    official: str, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, official, ("192.0.2.1", 0))]
    monkeypatch.setattr(socket, "getnameinfo", lambda *_: ("h.org", "0"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    named = host_facts.ask("h.org")
    assert named.confirmed is counts
    assert host_facts.describe("h.org", named)[1] == ("" if counts else "other.org")


def test_paths_are_judged_by_what_exists(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    plain.chmod(0o644)
    assert [program_fault(path) for path in ("/bin/sh", "/bin/", str(plain), "/no/such")] == [
        "",
        "is a folder",
        "is not executable",
        "does not exist",
    ]
    assert [host_facts.folder(path) for path in (str(tmp_path), str(plain), "/no/such")] == [
        "",
        "is not a folder",
        "does not exist",
    ]
    assert [host_facts.file(path) for path in (str(plain), "/no/such")] == ["", "does not exist"]
    assert [host_facts.mode(path) & 0o777 for path in (str(plain), "/no/such")] == [0o644, 0]


def test_a_file_that_every_user_can_write_is_reported_and_a_sticky_folder_is_none(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    file = place / "file"
    file.write_text("")
    for mode, found in ((0o755, ""), (0o1777, ""), (0o777, str(place))):
        place.chmod(mode)
        assert host_facts.writable(str(file)) == found
    file.chmod(0o666)
    assert host_facts.writable(str(file)) == str(file)


def test_users_groups_and_netgroups_that_do_not_exist_are_reported() -> None:
    assert host_facts.identity("root", "root") == ""
    assert host_facts.identity("no-such", "") == "user: `no-such` does not exist"
    assert host_facts.identity("root", "no-such") == "group: `no-such` does not exist"
    assert not host_facts.netgroup("no-such")
    assert not host_facts.netgroup("\0" + os.fsdecode(b"\xff"))
