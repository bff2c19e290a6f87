"""The layers of docs/ARCHITECTURE.md, read from the imports themselves: who may use whom, and who may touch the system."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

MAY_USE = {
    "": {""},
    "config": {"", "config"},
    "policy": {"", "policy"},
    "wire": {"", "wire"},
    "net": {"", "wire", "net"},
    "launch": {"", "wire", "launch"},
    "internal": {"", "wire", "internal"},
    "daemon": {"", "config", "policy", "wire", "net", "launch", "internal", "daemon"},
    "cli": {"", "config", "policy", "wire", "net", "launch", "internal", "daemon", "cli"},
}
"""Folder → the folders of the package that its modules may import from; ``""`` are the words, directly under superd/."""

SYSTEM = {"trio", "socket", "os", "subprocess", "time", "logging", "signal", "select", "threading", "asyncio"}
PURE = {"", "config", "policy", "wire"}
TOUCH = {
    "config/read.py": {"os", "socket"},  # reads the files, asks passwd and /etc/services
    "config/trust.py": {"os"},  # who owns a file
    "__main__.py": set(),
    "errors.py": {"os"},  # strerror
    "record.py": {"trio"},  # a type alone
}
"""Pure modules that may touch these all the same, and why."""


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, those inside functions and for types among them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def folder_of(name: str, package: Path) -> str:
    """The folder of the package that ``superd.x.y`` is in."""
    part = name.split(".")[1] if "." in name else ""
    return part if (package / part).is_dir() and part else ""


def breaches(package: Path) -> list[str]:
    """Every import that its layer forbids."""
    found = []
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        folder = inside.parts[0] if len(inside.parts) > 1 else ""
        for line, name in imports(path):
            top = name.split(".")[0]
            if top == "superd":
                if folder_of(name, package) not in MAY_USE[folder] and inside.name != "__main__.py":
                    found.append(f"{inside}:{line}: {name}")
            elif folder in PURE and top in SYSTEM and top not in TOUCH.get(str(inside), set()):
                found.append(f"{inside}:{line}: {name}")
    return found


def test_nothing_is_imported_against_the_layers() -> None:
    assert breaches(ROOT / "superd") == []


@pytest.mark.parametrize(
    ("module", "text", "found"),
    [
        ("policy/bad.py", "from superd.config.read import read\n", "policy/bad.py:1: superd.config.read.read"),
        ("config/bad.py", "def f():\n    import socket\n", "config/bad.py:2: socket"),
        ("wire/bad.py", "import os.path\n", "wire/bad.py:1: os.path"),
        ("net/bad.py", "from superd.launch import spawn\n", "net/bad.py:1: superd.launch.spawn"),
        ("daemon/bad.py", "import superd.cli.app\n", "daemon/bad.py:1: superd.cli.app"),
        ("bad.py", "from superd.policy import rate\n", "bad.py:1: superd.policy.rate"),
        ("launch/good.py", "import os\nfrom superd.wire import ident\n", ""),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, module: str, text: str, found: str) -> None:
    for folder in MAY_USE:
        (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / module).write_text(text)
    assert breaches(tmp_path) == ([found] if found else [])


def test_a_launcher_loads_the_standard_library_alone_and_little_of_that() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import superd.launch.launcher; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.split(".")[0] for name in loaded} <= sys.stdlib_module_names | {"superd", "__main__"}
    assert not {"typing", "dataclasses", "inspect", "ipaddress", "subprocess", "logging", "pydantic", "trio"} & set(loaded)


def test_check_loads_no_event_loop() -> None:
    code = (
        "import sys; from superd.config.read import Sources; from superd.cli.check import check; "
        "check(Sources(services=('services.d',)), strict=False, as_json=True); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert "trio" not in loaded
