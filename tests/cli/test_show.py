"""What ``show`` prints is TOML that reads back as the same service, with the place of each value."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from superd.cli.key_facts import TABLES, Key, keys_of
from superd.cli.show import show, text_of
from superd.load.sources import Sources
from superd.registry import Registry
from superd.service import Service


def service_with(key: Key) -> Service | None:
    """Return a service with the example of one key, None where this means something with other keys alone."""
    inside = key.table.title.partition("[[")[2].partition("]]")[0]
    line = f"[[{inside}]]\n{key.name} = {key.example}" if inside else f"{key.path} = {key.example}"
    more = {"redirect": "10.0.0.5:80"} if key.path in ("redirect", "send_proxy") else {"server": "/bin/cat"}
    try:
        return Service.model_validate({"name": "a", "service": "a", **more, **tomllib.loads(line)})
    except ValidationError:
        return None


KEYS = [key for table in TABLES if table.file != "superd.toml" for key in keys_of(table) if key.example]
SERVICES = {key.path: service for key in KEYS if (service := service_with(key)) is not None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "services.d").mkdir()
    return tmp_path


def shown(folder: Path, capsys: pytest.CaptureFixture[str], name: str | None = None) -> str:
    assert show(Sources(services=(str(folder / "services.d"),)), name, as_json=False) == 0
    return capsys.readouterr().out


FILE = (
    'server = "/bin/cat"\nuser = "nobody"\nport = 7\nenv = { LANG = "C", "A B" = "x" }\ninstances = 5\ncps = [0, 0]\n'
    'only_from = ["10.0.0.0/8", "[2001:db8::]/32"]\n[limits]\nidle = "5m"\n'
)


def test_what_is_shown_is_toml_that_makes_the_same_service(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "services.d" / "a.toml").write_text(FILE)
    keys = tomllib.loads(shown(folder, capsys))["a"]
    assert Service.model_validate({"name": "a", **keys}) == Service.model_validate({"name": "a", **tomllib.loads(FILE)})


@pytest.mark.parametrize("key", SERVICES)
def test_every_key_is_shown_as_it_reads_back(key: str) -> None:
    service = SERVICES[key]
    read = tomllib.loads(text_of(service, Registry({"a": service})))["a"]
    assert Service.model_validate({"name": "a", **read}) == service


def test_nearly_every_key_has_an_example_that_works_alone() -> None:
    assert len(SERVICES) > 100


def test_each_value_has_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "services.d" / "telnet.toml").write_text('server = "/bin/cat"\nuser = "nobody"\nlimits.idle = 5\n')
    lines = shown(folder, capsys).splitlines()
    place = f"{folder}/services.d/telnet.toml"
    assert f'server = "/bin/cat"  # {place}:1' in lines
    assert "port = 23  # /etc/services" in lines
    assert f"idle = 5.0  # {place}:3" in lines


def test_a_value_of_another_daemons_file_has_its_line_and_none_is_called_a_default(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "xinetd.conf").write_text(
        "service x\n{\n type = UNLISTED\n flags = IPv4\n socket_type = stream\n protocol = tcp\n wait = no\n user = nobody\n"
        " server = /bin/cat\n port = 4000\n}\n"
    )
    assert show(Sources(config=str(folder / "xinetd.conf")), "x", as_json=False) == 0
    out = capsys.readouterr().out
    assert "default" not in out
    assert f'protocol = "tcp"  # {folder}/xinetd.conf:6' in out
    assert tomllib.loads(out)["x"]["server"] == "/bin/cat"


def test_a_disabled_service_is_called_disabled(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "services.d" / "a.toml").write_text(f"disable = true\n{FILE}")
    assert show(Sources(services=(str(folder / "services.d"),)), "a", as_json=False) == 1
    assert "service `a` is disabled" in capsys.readouterr().err


def test_no_variable_of_a_file_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "secrets").write_text("TOKEN=hidden\n")
    (folder / "services.d" / "a.toml").write_text(f'env_file = "{folder}/secrets"\n{FILE}')
    assert "hidden" not in shown(folder, capsys)
