"""Other daemons' files, read next to superd's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from superd.config.foreign import Foreign
from superd.load.foreign import read_foreign, wrong_here
from superd.load.settings import Main
from superd.problem import Origin, Problem
from superd.service import Service
from superd.settings import Settings
from superd.system.trusted_file import trusted_files

XINETD = "service daytime\n{\n type = INTERNAL\n id = day\n socket_type = stream\n wait = no\n user = root\n}\n"


@pytest.fixture
def files(services_dir: Path) -> dict[str, Path]:
    paths = {"xinetd": services_dir / "xinetd.conf", "inetd": services_dir / "inetd.conf"}
    paths["xinetd"].write_text(XINETD)
    paths["inetd"].write_text("echo stream tcp nowait root internal\n")
    for path in paths.values():
        path.chmod(0o644)
    return paths


def test_both_kinds_are_read_and_an_absent_inetd_conf_is_a_warning(files: dict[str, Path]) -> None:
    services: dict[str, Service] = {}
    problems: list[Problem] = []
    main = Main(settings=Settings(xinetd=(str(files["xinetd"]),)))
    with trusted_files(strict=False) as reader:
        names = read_foreign(main, (str(files["inetd"]), "/no/such/inetd.conf"), reader, services, {}, problems)
    assert set(services) == {"day", "echo"}
    assert {str(path) for path in files.values()} <= names
    assert [p.message for p in problems if p.severity.value == "warning"] == ["does not exist, so nothing is read from it"]


def test_an_id_that_is_taken_is_an_error_that_names_both_places(files: dict[str, Path]) -> None:
    mine = Service.model_validate({"name": "day", "server": "/bin/cat", "port": 1})
    services, origins, problems = {"day": mine}, {("day", ""): Origin("day.toml", 1)}, list[Problem]()
    with trusted_files(strict=False) as reader:
        read_foreign(Main(foreign=str(files["xinetd"])), (), reader, services, origins, problems)
    assert services == {"day": mine}
    assert any("is already defined (day.toml:1)" in problem.message for problem in problems)


def test_what_this_host_lacks_is_wrong_here() -> None:
    service = Service.model_validate({"name": "a", "server": "/no/such/program", "port": 1, "user": "no-such-user"})
    messages = [problem.message for problem in wrong_here(Foreign((service,)))]
    assert messages == ["user `no-such-user` does not exist", "`/no/such/program` does not exist"]


def test_a_part_of_an_xinetd_conf_is_reported_since_its_defaults_are_missing(services_dir: Path) -> None:
    folder = services_dir / "xinetd.d"
    folder.mkdir()
    (folder / "day").write_text(XINETD)
    (services_dir / "xinetd.conf").write_text(f"defaults\n{{\nonly_from = 192.0.2.7\n}}\nincludedir {folder}\n")
    problems: list[Problem] = []
    services: dict[str, Service] = {}
    with trusted_files(strict=False) as reader:
        read_foreign(Main(settings=Settings(xinetd=(str(folder / "day"),))), (), reader, services, {}, problems)
    (problem,) = problems
    assert f"a part of `{services_dir}/xinetd.conf`, whose `defaults` do not reach it" in problem.message
    assert problem.hint == f"name `{services_dir}/xinetd.conf` instead"


def test_all_that_is_wrong_with_an_entry_is_said_in_one_run(files: dict[str, Path]) -> None:
    lines = ["port = abc", "wait = maybe", "user = nobdy", "group = nogrp", "server = /no/such"]
    files["xinetd"].write_text("\n".join(["service x", "{", "type = UNLISTED", "socket_type = stream", *lines, "}", ""]))
    files["inetd"].write_text("7301 nonsense tcp nowait nobdy /no/such x\n")
    problems: list[Problem] = []
    main = Main(settings=Settings(xinetd=(str(files["xinetd"]),)))
    with trusted_files(strict=False) as reader:
        read_foreign(main, (str(files["inetd"]),), reader, {}, {}, problems)
    errors = [(Path(p.origin.file).name, p.origin.line) for p in problems if p.severity.value == "error"]
    assert sorted(errors) == [("inetd.conf", 1)] * 3 + [("xinetd.conf", line) for line in range(5, 10)]
