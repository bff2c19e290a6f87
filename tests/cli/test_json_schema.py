"""The schemas take what the readers take, and find what an editor should underline."""

from __future__ import annotations

import importlib
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from superd.cli.json_schema import IDS, KINDS, print_schema, schema_line, schema_of
from superd.key_examples import LIMITS, LOG, POLICY, SERVICE, SETTINGS

ROOT = Path(__file__).parent.parent.parent


def faults(kind: str, text: str) -> list[str]:
    jsonschema = importlib.import_module("jsonschema")
    checker: Any = jsonschema.Draft7Validator(schema_of(kind))
    return [error.message for error in checker.iter_errors(tomllib.loads(text))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_one(kind: str) -> None:
    importlib.import_module("jsonschema").Draft7Validator.check_schema(schema_of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_its_name_never_changes(kind: str) -> None:
    assert schema_of(kind)["$id"] == f"https://json.schemastore.org/superd-{kind}.json"


@pytest.mark.parametrize("key", SERVICE)
def test_it_takes_the_example_of_each_key(key: str) -> None:
    assert faults("service", f"{key} = {SERVICE[key]}\n") == []
    assert faults("config", f"[defaults]\n{key} = {SERVICE[key]}\n") == []


def test_it_takes_the_example_of_each_key_of_a_table() -> None:
    for key, value in LIMITS.items():
        assert faults("service", f"[limits]\n{key} = {value}\n") == []
    for table, keys in (("policy", POLICY), ("log", LOG)):
        for key, value in keys.items():
            assert faults("config", f"[{table}]\n{key} = {value}\n") == []
    for key, value in SETTINGS.items():
        assert faults("config", f"{key} = {value}\n") == []


@pytest.mark.parametrize(
    "line",
    [
        'instances = "unlimited"',
        'type = ["internal"]',
        'flags = "Sensor"',
        "cps = [0, 0]",
        "deny_time = 5",
        'deny_time = "FOREVER"',
        'port = "http"',
        "limits.session = 90",
        'rlimit_as = "unlimited"',
        "socket_mode = 0o660",
        'no_access_add = "192.0.2.1"',
        "only_from = []",
        'groups = ["adm"]',
    ],
)
def test_it_takes_what_the_reader_takes(line: str) -> None:
    assert faults("service", f"{line}\n") == []


@pytest.mark.parametrize(
    "line",
    [
        'sever = "/bin/cat"',
        'name = "x"',
        'wait = "yes"',
        "port = true",
        "instances = -1",
        'instances = "fifty"',
        'socket_type = "tcp"',
        'flags = "SENSR"',
        'limits.idle = "5 minutes"',
        "limits.idel = 5",
        "backlog = 0",
        "cps = [1]",
        "disable_add = true",
    ],
)
def test_it_finds_what_is_wrong(line: str) -> None:
    assert faults("service", f"{line}\n") != []


@pytest.mark.parametrize("path", sorted((ROOT / "services.d").glob("*.toml")), ids=lambda path: path.name)
def test_it_takes_the_examples_of_the_repository(path: Path) -> None:
    assert faults("service", path.read_text()) == []


def test_what_is_printed_is_the_file_in_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_schema("service") == 0
    assert json.loads(capsys.readouterr().out) == json.loads((ROOT / "packaging/schema/superd-service.json").read_text())


def test_schemastores_entry_names_both() -> None:
    entry = json.loads((ROOT / "packaging/schemastore.json").read_text())
    assert [schema["url"] for schema in entry] == [IDS[kind] for kind in KINDS]


def test_the_line_names_an_installed_schema_or_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    assert schema_line("service") == f"#:schema {IDS['service']}"
    path = tmp_path / "share/superd/schema/superd-service.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert schema_line("service") == f"#:schema file://{path}"
