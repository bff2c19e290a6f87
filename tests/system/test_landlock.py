"""Landlock as this kernel has it: what is not named cannot be opened, and what cannot be held is an error."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from superd.system import landlock, prctl
from superd.system.landlock import make_rules, restrict, version
from tests.in_child import in_child


def outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except OSError as problem:
        return errno.errorcode[problem.errno or 0]
    return "ok"


def enter(rules: int) -> None:
    prctl.prctl(prctl.SET_NO_NEW_PRIVS, 1)
    restrict(rules)


def test_only_what_is_named_can_be_opened_written_and_executed(tmp_path: Path) -> None:
    for name in ("read", "write", "closed"):
        tmp_path.joinpath(name).mkdir()
        tmp_path.joinpath(name, "file").write_text("x")
    single = tmp_path / "closed" / "single"
    single.write_text("x")
    rules = make_rules(
        [(str(tmp_path / "read"), False, False), (str(tmp_path / "write"), True, False), (str(single), True, False),
         (str(tmp_path / "none"), True, True)], [], [],
    )  # fmt: skip

    def look() -> dict[str, str]:
        enter(rules)
        return {
            "read": outcome((tmp_path / "read" / "file").read_text),
            "read write": outcome(lambda: (tmp_path / "read" / "file").write_text("y")),
            "read empty": outcome(lambda: os.truncate(tmp_path / "read" / "file", 0)),
            "write": outcome(lambda: (tmp_path / "write" / "new").write_text("y")),
            "write remove": outcome((tmp_path / "write" / "file").unlink),
            "closed": outcome((tmp_path / "closed" / "file").read_text),
            "closed list": outcome(lambda: os.listdir(tmp_path / "closed")),
            "single": outcome(lambda: single.write_text("y")),
            "execute": outcome(lambda: os.execv("/bin/true", ["true"])),
        }

    assert in_child(look) == {
        "read": "ok", "read write": "EACCES", "read empty": "EACCES", "write": "ok", "write remove": "ok", "closed": "EACCES",
        "closed list": "EACCES", "single": "ok", "execute": "EACCES",
    }  # fmt: skip
    os.close(rules)


def test_ports_are_refused_only_where_some_are_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        first, second = one.getsockname()[1], other.getsockname()[1]

        def connect(port: int) -> str:
            return outcome(lambda: socket.create_connection(("127.0.0.1", port), 5).close())

        def look(connects: list[int], binds: list[int]) -> list[str]:
            enter(make_rules([("/", True, False)], connects, binds))
            return [connect(first), connect(second), outcome(lambda: socket.create_server(("127.0.0.1", 0)).close())]

        assert in_child(lambda: look([first], [])) == ["ok", "EACCES", "EACCES"]
        assert in_child(lambda: look([], [0])) == ["EACCES", "EACCES", "ok"]
        assert in_child(lambda: look([], [])) == ["ok", "ok", "ok"]


def test_a_path_that_does_not_exist_is_an_error_and_leaves_no_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="`/no/such` of `landlock` does not exist"):
        make_rules([("/no/such", False, False)], [], [])
    assert len(os.listdir("/proc/self/fd")) == before
    assert version() >= 1


@pytest.mark.parametrize(
    ("has", "ports", "words"), [(2, [], "before Linux 6.2"), (3, [443], "cannot refuse TCP ports before Linux 6.7")]
)
def test_a_kernel_that_cannot_refuse_all_of_it_is_an_error(
    monkeypatch: pytest.MonkeyPatch, has: int, ports: list[int], words: str
) -> None:
    monkeypatch.setattr(landlock, "version", lambda: has)
    with pytest.raises(OSError, match=words):
        make_rules([("/", True, False)], ports, [])
