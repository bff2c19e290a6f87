"""The layers of docs/ARCHITECTURE.md, read from the imports themselves: what may use what, and who may touch the system."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

WORDS = ""
MAY_USE = {
    WORDS: set(),
    "config": set(),
    "policy": set(),
    "lint": {"policy"},
    "wire": set(),
    "system": set(),
    "ipc": {"system"},
    "net": {"wire", "system"},
    "log": {"wire", "system"},
    "load": {"config", "policy", "system"},
    "internal": {"wire", "net"},
    "relay": {"ipc", "wire", "system"},  # confined, and loaded in milliseconds as launchers are
    "panel": {"ipc", "wire", "system"},  # confined; the log's events reach it as records of ipc/panel_messages.py
    "launcher": {"ipc", "system"},  # loaded in milliseconds, by a user who may be unable to read what is installed
    # never load: it reads no configuration; it parses the bytes of the tables that the master read
    "front": {"log", "net", "internal", "policy", "ipc", "wire", "system", "config/hosts"},
    # never front: root loads nothing that parses a peer's bytes
    "master": {"load", "log", "net", "ipc", "wire", "system", "config/hosts"},
    "daemon": {"front", "master", "load", "log", "net", "ipc", "system"},  # introduces front and master to each other
    "cli": {"daemon", "load", "config", "lint", "policy", "net", "log", "system", "ipc", "wire"},
}
"""Folder → the folders (or one room of a folder) that its modules may import from, besides itself and the words in superd/."""

SYSTEM = {"trio", "socket", "os", "subprocess", "time", "logging", "signal", "select", "threading", "asyncio"}
PURE = {WORDS, "config", "policy", "lint", "wire"}
TOUCH = {
    "__main__.py": set(),
    "errors.py": {"os"},  # strerror
    "launch_spec.py": {"os"},  # os.path
    "relay_count.py": {"os"},  # processors
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
                target = folder_of(name, package)
                room = "/".join(name.split(".")[1:3])
                if target in ("", folder) or {target, room} & MAY_USE[folder]:
                    continue
                if inside.name != "__main__.py":
                    found.append(f"{inside}:{line}: {name}")
            elif folder in PURE and top in SYSTEM and top not in TOUCH.get(str(inside), set()):
                found.append(f"{inside}:{line}: {name}")
    return found


def test_nothing_is_imported_against_the_layers() -> None:
    assert breaches(ROOT / "superd") == []


@pytest.mark.parametrize(
    ("module", "text", "found"),
    [
        ("policy/bad.py", "from superd.load.services import read\n", "policy/bad.py:1: superd.load.services.read"),
        ("config/bad.py", "def f():\n    import socket\n", "config/bad.py:2: socket"),
        ("wire/bad.py", "import os.path\n", "wire/bad.py:1: os.path"),
        ("net/bad.py", "from superd.launcher import process\n", "net/bad.py:1: superd.launcher.process"),
        ("daemon/bad.py", "import superd.cli.app\n", "daemon/bad.py:1: superd.cli.app"),
        ("bad.py", "from superd.policy import rate\n", "bad.py:1: superd.policy.rate"),
        ("front/bad.py", "from superd.config.toml import render\n", "front/bad.py:1: superd.config.toml.render"),
        ("front/good.py", "from superd.config.hosts.policy import parse_policy\n", ""),
        ("net/good.py", "import os\nfrom superd.wire import ident\n", ""),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, module: str, text: str, found: str) -> None:
    for folder in MAY_USE:
        (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / "config" / "toml").mkdir()
    (tmp_path / module).write_text(text)
    assert breaches(tmp_path) == ([found] if found else [])


IN_ROOTS_PROCESS = ("master", "load", "daemon", "log", "net/bind.py", "net/inherited.py", "cli/run.py", "cli/xinetd.py")
"""What the master runs: each path that it touches goes through system/paths.py and its neighbours."""
_ON_PATHS = {
    *("open", "chmod", "lchmod", "chown", "lchown", "unlink", "remove", "rmdir", "mkdir", "makedirs", "mkfifo", "mknod", "stat"),
    *("lstat", "link", "symlink", "readlink", "rename", "replace", "listdir", "scandir", "walk", "truncate", "utime", "access"),
    *("statvfs", "getxattr", "setxattr", "chdir", "chroot"),
}
_ON_PATHS_OF_PATH = {"exists", "lexists", "isfile", "isdir", "islink", "ismount", "realpath", "samefile", "getmtime", "getsize"}
_MODULES = {"pathlib", "shutil", "tempfile", "glob", "fileinput"}
_PATHS_ALL_THE_SAME = {("daemon/background.py", "os.chdir")}  # to /


def paths_touched(package: Path) -> list[str]:
    """Every call in root's process that acts on a path by itself."""
    found = []
    for path in sorted(package.rglob("*.py")):
        inside = str(path.relative_to(package))
        if not inside.startswith(tuple(f"{room}/" for room in IN_ROOTS_PROCESS)) and inside not in IN_ROOTS_PROCESS:
            continue
        found += [f"{inside}:{line}: {name}" for line, name in imports(path) if name.split(".")[0] in _MODULES]
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            own = name == "open" or (name.startswith("os.") and name[3:] in _ON_PATHS)
            if (own or name in {f"os.path.{word}" for word in _ON_PATHS_OF_PATH}) and (inside, name) not in _PATHS_ALL_THE_SAME:
                found.append(f"{inside}:{node.lineno}: {name}")
    return found


def test_roots_process_touches_no_path_but_through_system() -> None:
    assert paths_touched(ROOT / "superd") == []


@pytest.mark.parametrize("call", ["open('/x')", "os.chmod('/x', 0)", "os.path.exists('/x')", "os.unlink('/x')"])
def test_a_touched_path_is_found(tmp_path: Path, call: str) -> None:
    (tmp_path / "master").mkdir()
    (tmp_path / "master" / "a.py").write_text(f"import os\n{call}\n")
    (tmp_path / "front").mkdir()
    (tmp_path / "front" / "a.py").write_text(f"import os\n{call}\n")
    assert paths_touched(tmp_path) == [f"master/a.py:2: {call.partition('(')[0]}"]
    (tmp_path / "master" / "a.py").write_text("from pathlib import Path\n")
    assert paths_touched(tmp_path) == ["master/a.py:1: pathlib.Path"]


def circles(package: Path) -> list[set[str]]:
    """Every set of modules that import one another in a circle, imports for types included."""
    modules = {".".join(path.relative_to(package).with_suffix("").parts): path for path in package.rglob("*.py")}
    uses = {
        name: {".".join(parts[1:]) for _, full in imports(path) for parts in (full.split("."), full.split(".")[:-1])}
        & modules.keys()
        for name, path in modules.items()
    }
    order: list[str] = []
    seen: set[str] = set()
    reached: dict[str, set[str]] = {}
    for start in modules:
        found, todo = set[str](), [start]
        while todo:
            for used in uses[todo.pop()] - found:
                found.add(used)
                todo.append(used)
        reached[start] = found
    order = [name for name in modules if name in reached[name]]
    result: list[set[str]] = []
    for name in order:
        if name not in seen:
            circle = {other for other in order if other in reached[name] and name in reached[other]}
            seen |= circle
            result.append(circle)
    return result


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert circles(ROOT / "superd") == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from superd.b import x\n")
    (tmp_path / "b.py").write_text("from superd import a\n")
    (tmp_path / "c.py").write_text("from superd.a import y\n")
    assert circles(tmp_path) == [{"a", "b"}]


SMALL = {
    "launcher": {"errors", "expansion", "safe_text"},
    "relay": {"errors", "exit_status"},
    "panel": {"counted", "errors", "exit_status", "frozen", "metrics", "operators", "record", "wishes"},
}
"""Process → the words that it may load. What real ones have loaded is looked at in trips/test_loaded.py."""


@pytest.mark.parametrize("process", SMALL)
def test_a_small_process_loads_its_folders_and_few_words(process: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import superd.{process}.process; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    parts = {tuple(name.split(".")[1:]) for name in loaded if name.startswith("superd.")}
    assert {part[0] for part in parts if part[0] in MAY_USE} <= MAY_USE[process] | {process}
    assert {part[0] for part in parts if part[0] not in MAY_USE} <= SMALL[process]


@pytest.mark.parametrize("process", ["master", "front"])
def test_a_process_loads_nothing_that_its_folder_may_not_reach(process: str) -> None:
    """What the imports of imports bring; what each process runs of it is watched in trips/test_who_runs_what.py."""
    code = f"import sys, superd.{process}.process; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    rooms = {"/".join(name.split(".")[1:3]) for name in loaded if name.startswith("superd.")}
    never = {
        "master": (
            "front",
            "internal",
            "launcher",
            "relay",
            "lint",
            "cli",
            "net/listener",
            "net/resolve",
            "net/ident",
            "wire/ident",
        ),
        "front": (
            "master",
            "load",
            "launcher",
            "relay",
            "lint",
            "cli",
            "config/toml",
            "config/xinetd",
            "config/inetd",
            "net/bind",
        ),
    }
    assert [
        room for room in sorted(rooms) if room.startswith(tuple(name if "/" in name else f"{name}/" for name in never[process]))
    ] == []


def test_a_launcher_loads_the_standard_library_alone_and_little_of_that() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import superd.launcher.process; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.split(".")[0] for name in loaded} <= sys.stdlib_module_names | {"superd", "__main__"}
    assert not {"typing", "dataclasses", "inspect", "ipaddress", "subprocess", "logging", "pydantic", "trio"} & set(loaded)


def test_a_relay_loads_the_standard_library_alone_and_little_of_that() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import superd.relay.process; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.split(".")[0] for name in loaded} <= sys.stdlib_module_names | {"superd", "__main__"}
    assert not {"typing", "dataclasses", "inspect", "json", "re", "subprocess", "logging", "pydantic", "trio"} & set(loaded)


def test_check_loads_no_event_loop() -> None:
    code = (
        "import sys; from superd.load.sources import Sources; from superd.cli.check import check; "
        "check(Sources(services=('services.d',)), strict=False, form='json'); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert "trio" not in loaded
