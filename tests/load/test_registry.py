"""What is read is compiled as well, so that nothing is served that the front could not decide about."""

from __future__ import annotations

from pathlib import Path

import pytest

from superd.errors import ConfigError
from superd.load import registry
from superd.load.registry import load
from superd.load.sources import Sources
from superd.policy.admission import compile_access
from superd.service import Service

ECHO = 'type = "INTERNAL"\nservice = "echo"\nlisten = ["127.0.0.1:{}"]\n'


@pytest.fixture
def folder(services_dir: Path) -> Path:
    for number, name in enumerate(("one", "two", "fine"), 7001):
        path = services_dir / f"{name}.toml"
        path.write_text(ECHO.format(number) + ("" if name == "fine" else 'no_access = ["192.0.2.7"]\n'))
        path.chmod(0o644)
    return services_dir


def test_every_service_with_the_same_wrong_list_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = compile_access

    def strict(service: Service) -> object:
        if service.no_access:
            raise ValueError("`192.0.2.7` is wrong")
        return really(service)

    monkeypatch.setattr(registry, "compile_access", strict)
    sources = Sources(services=(str(folder),))
    served, problems = load(sources, keep_going=True)
    assert set(served.services) == {"fine"}
    assert {problem.message for problem in problems} == {"`no_access`: `192.0.2.7` is wrong"}
    assert len(problems) == 2
    with pytest.raises(ConfigError, match="no_access"):
        load(sources)


def test_what_is_wrong_with_the_tables_is_reported_with_wrong_services(folder: Path) -> None:
    (folder / "bad.toml").write_text("nonsense = 1\n")
    deny = folder.parent / "hosts.deny"
    deny.write_text("ALL ALL\n")
    deny.chmod(0o644)
    with pytest.raises(ConfigError) as refused:
        load(Sources(services=(str(folder),), hosts_deny=str(deny)))
    assert {Path(problem.origin.file).name for problem in refused.value.problems} >= {"bad.toml", "hosts.deny"}
