"""What editors and reviews use next to superd itself: the schemas under the tools of the trade, and the hooks of pre-commit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.needs import needs

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
SCHEMA = ROOT / "packaging/schema/superd-service.json"
SERVICES = [*sorted((ROOT / "services.d").glob("*.toml")), *sorted((ROOT / "examples").glob("*/*.toml"))]
WRONG = ["waite = true", "instances = -1", 'socket_type = "tcp"', "port = [1]", 'limits.idle = "soon"']


def done(*command: str | Path) -> tuple[int, str]:
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"RUST_LOG": "error"})
    return ended.returncode, ended.stdout + ended.stderr


def taplo(*files: Path, schema: Path | None = SCHEMA) -> tuple[int, str]:
    program = needs("taplo", str(BIN / "taplo"))
    return done(program, "lint", *(["--schema", f"file://{schema}"] if schema else []), *files)


def check_jsonschema(*files: Path) -> tuple[int, str]:
    return done(needs("check-jsonschema", str(BIN / "check-jsonschema")), "--schemafile", SCHEMA, *files)


@pytest.mark.parametrize("tool", [taplo, check_jsonschema])
def test_the_tools_take_every_service_of_the_project(tool: object) -> None:
    assert callable(tool)
    status, said = tool(*SERVICES)
    assert status == 0, said


@pytest.mark.parametrize("tool", [taplo, check_jsonschema])
@pytest.mark.parametrize("line", WRONG)
def test_the_tools_refuse_a_wrong_line(tool: object, line: str, tmp_path: Path) -> None:
    assert callable(tool)
    (tmp_path / "wrong.toml").write_text(f'server = "/bin/cat"\n{line}\n')
    assert tool(tmp_path / "wrong.toml")[0] != 0


def test_an_editor_finds_the_schema_by_the_first_line_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(f'#:schema {SCHEMA}\nserver = "/bin/cat"\nwaite = true\n')
    assert "waite" in taplo(path, schema=None)[1]
    path.write_text(f'#:schema {SCHEMA}\nserver = "/bin/cat"\nwait = true\n')
    assert taplo(path, schema=None) == (0, "")


def test_the_schemas_are_schemas() -> None:
    program = needs("check-jsonschema", str(BIN / "check-jsonschema"))
    status, said = done(program, "--check-metaschema", *sorted((ROOT / "packaging/schema").glob("*.json")))
    assert status == 0, said


@pytest.mark.parametrize(("text", "status"), [('server = "/bin/cat"\nport = 7000\nuser = "nobody"\n', 0), ("waite = true\n", 78)])
def test_the_hooks_of_pre_commit_end_as_superd_check_does(text: str, status: int, tmp_path: Path) -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    folder = tmp_path / "services.d"
    folder.mkdir(mode=0o755)
    (folder / "one.toml").write_text(text)
    environ = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    for hook in hooks:
        files = ["services.d/one.toml"] if hook.get("pass_filenames", True) else []
        command = ["sh", "-c", f'{hook["entry"]} "$@"', "hook", *files]
        ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
        assert ended.returncode == status, (hook["id"], ended.stdout + ended.stderr)
