"""What a configuration serves, or its problems on stderr."""

from __future__ import annotations

from pathlib import Path

import pytest

from superd.cli.served import served
from superd.load.sources import Sources


def sources(folder: Path, deny: str = "ALL : 192.0.2.1\n") -> Sources:
    (folder / "deny").write_text(deny)
    return Sources(services=(str(folder),), hosts_allow="", hosts_deny=str(folder / "deny"))


def test_services_come_with_the_tables_in_force(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('server = "/bin/cat"\nuser = "nobody"\nlisten = ["127.0.0.1:7"]\n')
    found = served(sources(tmp_path))
    assert found is not None
    registry, files = found
    assert (list(registry.services), files.deny) == (["a"], b"ALL : 192.0.2.1\n")


@pytest.mark.parametrize(
    ("service", "deny", "problem"),
    [("server = 5\n", "", "a.toml:1: error: "), ('server = "/bin/cat"\nuser = "nobody"\nport = 7\n', "ALL\n", "deny:1: error: ")],
)
def test_errors_of_services_and_of_tables_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], service: str, deny: str, problem: str
) -> None:
    (tmp_path / "a.toml").write_text(service)
    assert served(sources(tmp_path, deny)) is None
    assert problem in capsys.readouterr().err
