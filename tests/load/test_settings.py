"""The main file, whose it is, and what the command line puts over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from superd.load.settings import read_main, tables_of
from superd.load.sources import Sources
from superd.problem import Problem
from superd.system.credentials import is_root
from superd.system.trusted_file import trusted_files


def main_of(path: Path, **more: str) -> tuple[object, list[Problem]]:
    problems: list[Problem] = []
    with trusted_files(strict=is_root()) as files:
        return read_main(Sources(config=str(path), **more), files, problems), problems  # type: ignore[arg-type]


@pytest.fixture
def file(services_dir: Path) -> Path:
    return services_dir.parent / "superd.toml"


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)


def test_settings_and_defaults_come_with_their_places_and_the_command_line_wins(file: Path) -> None:
    write(file, '[policy]\nhosts_allow = "/a"\nhosts_deny = "/d"\n[defaults]\nnice = 3\n')
    main, problems = main_of(file, hosts_deny="/other")
    assert (main.settings.policy.hosts_allow, main.settings.policy.hosts_deny) == ("/a", "/other")  # type: ignore[attr-defined]
    assert (main.defaults, main.origins["nice"].line, problems) == ({"nice": 3}, 5, [])  # type: ignore[attr-defined]
    assert tables_of(Sources(config=str(file))) == ("/a", "/d")


def test_a_folder_alone_is_a_try_out_that_no_table_of_etc_decides() -> None:
    assert tables_of(Sources(services=("/x",))) == ("", "")
    assert tables_of(Sources(services=("/x",), hosts_deny="/d")) == ("", "/d")


def test_a_front_that_would_be_root_is_an_error_at_its_line(file: Path) -> None:
    for user in ("root", "0"):
        write(file, f'stop_grace = 5\nuser = "{user}"\n')
        _, problems = main_of(file)
        assert [(p.origin.line, p.severity.value, p.message) for p in problems] == [
            (2, "error", "`user`: the front must not run as root")
        ]


def test_an_empty_file_serves_nothing_by_mistake(file: Path) -> None:
    empty = file.with_name("xinetd.conf")
    write(empty, "\n")
    assert "is empty" in main_of(empty)[1][0].message
    write(empty, "service x\n{\n}\n")
    main, problems = main_of(empty)
    assert (main.foreign, main.settings.stop_sessions, problems) == (str(empty), "keep", [])  # type: ignore[attr-defined]
    assert "cannot be read" in main_of(file.with_name("none.toml"))[1][0].message
