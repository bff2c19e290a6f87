"""Whatever files contain, a reading is a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from superd.errors import ConfigError
from superd.master.configuration import Configuration, Tables, Unusable
from superd.master.reading import read_configuration, read_tables
from superd.policy_snapshot import PolicySnapshot
from superd.problem import Origin, Problem, error
from superd.registry import Registry
from superd.settings import Settings
from tests.master.parts import registry


def with_tables(tmp_path: Path, deny: str = "") -> Registry:
    (tmp_path / "deny").write_text(deny)
    (tmp_path / "deny").chmod(0o644)
    policy = {"hosts_allow": "", "hosts_deny": str(tmp_path / "deny")}
    return Registry(registry(a="127.0.0.1:7").services, Settings.model_validate({"policy": policy}))


NOTHING = PolicySnapshot(())


def test_a_table_that_is_being_written_leaves_those_in_force(tmp_path: Path) -> None:
    services = with_tables(tmp_path, "ALL: 192.0.2.1\n")
    before = read_configuration(lambda: (services, ()))
    assert isinstance(before, Configuration)
    elsewhere = services.settings.policy.model_copy(update={"hosts_allow": str(tmp_path / "allow")})
    other = Registry(services.services, services.settings.model_copy(update={"policy": elsewhere}))
    with (tmp_path / "deny").open("w"):
        found = read_tables(services, before.policy)
        assert isinstance(found, Unusable)
        assert found.unsettled
        again = read_configuration(lambda: (services, ()), before=before.policy)
        assert isinstance(again, Configuration)
        assert again.policy is before.policy
        assert "another process is writing it" in again.policy_problems[0].message
        # Other tables than those in force: nothing can stay.
        assert isinstance(read_configuration(lambda: (other, ()), before=before.policy), Unusable)


def test_services_and_tables_are_one_value(tmp_path: Path) -> None:
    services = with_tables(tmp_path, "ALL: 192.0.2.1\n")
    found = read_configuration(lambda: (services, ()))
    assert isinstance(found, Configuration)
    assert (found.policy.deny, set(found.assignment.launchers_of)) == (b"ALL: 192.0.2.1\n", {"a"})
    tables = read_tables(services, found.policy)
    assert isinstance(tables, Tables)
    assert tables.policy.deny == b"ALL: 192.0.2.1\n"


def test_errors_of_files_are_its_problems(tmp_path: Path) -> None:
    wrong = error(Origin("x.toml", 3), "wrong")

    def read() -> tuple[Registry, tuple[Problem, ...]]:
        raise ConfigError((wrong,))

    assert read_configuration(read) == Unusable((wrong,))


@pytest.mark.parametrize("fault", [RecursionError("deep"), MemoryError(), ValueError("embedded null byte"), KeyError("carol")])
def test_an_exception_that_no_reader_expected_is_one_problem(fault: Exception) -> None:
    def read() -> tuple[Registry, tuple[Problem, ...]]:
        raise fault

    found = read_configuration(read)
    assert isinstance(found, Unusable)
    (problem,) = found.problems
    word = "carol" if isinstance(fault, KeyError) else type(fault).__name__
    assert word in problem.message


def test_a_missing_list_names_the_file_that_would_change_it(tmp_path: Path) -> None:
    inner = tmp_path / "list"
    inner.mkdir()
    found = read_tables(with_tables(tmp_path, f"ALL: {inner}\n"), NOTHING)
    assert isinstance(found, Unusable)
    assert str(inner) in found.looked_at
