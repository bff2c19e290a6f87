"""scripts/run and scripts/test on a machine that lacks something: what they say, with a PATH that has nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FAKE = """#!/bin/sh
case "$*" in
    --version) echo "Python {version}" ;;
    *version_info*) exit {old} ;;
    *ensurepip*) exit {without_venv} ;;
    "-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; cp "$0" .venv/bin/pip ;;
    *) echo "no network" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone, as far as the scripts look at it, and a folder ``bin`` with the few tools they call."""
    shutil.copytree(ROOT / "scripts", tmp_path / "clone/scripts")
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "clone")
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname", "tr", "touch", "mkdir", "cp"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin" / name).symlink_to(found)
    return tmp_path / "clone"


def python(clone: Path, name: str, version: str, *, without_venv: bool = False) -> None:
    """A Python that answers what the scripts ask it, and installs nothing."""
    old = int(tuple(int(part) for part in version.split(".")) < (3, 11))
    path = clone.parent / "bin" / name
    path.write_text(FAKE.format(version=version, old=old, without_venv=int(without_venv)))
    path.chmod(0o755)


def run(clone: Path, script: str, **environ: str) -> tuple[int, str]:
    done = subprocess.run(
        [clone / "scripts" / script], env={"PATH": str(clone.parent / "bin"), **environ}, capture_output=True, text=True
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


both = pytest.mark.parametrize("script", ["run", "test"])


@both
def test_without_python_they_say_what_to_install(clone: Path, script: str) -> None:
    assert run(clone, script) == (
        69,
        "superd: error: no python3\n"
        "  hint: install Python 3.11 or newer with venv (Debian: apt-get install python3 python3-venv)\n",
    )


@both
def test_with_an_old_python_they_say_which_is_needed(clone: Path, script: str) -> None:
    python(clone, "python3", "3.9.2")
    assert run(clone, script) == (
        69,
        "superd: error: Python 3.11 or newer is needed; python3 is Python 3.9.2\n"
        "  hint: install one with venv next to it, and set PYTHON if it has another name\n",
    )


@both
def test_without_venv_they_name_the_package(clone: Path, script: str) -> None:
    python(clone, "python3", "3.11.2", without_venv=True)
    assert run(clone, script) == (
        69,
        "superd: error: python3 has no venv\n  hint: install it (Debian: apt-get install python3-venv)\n",
    )


@both
def test_without_the_network_they_say_that_it_is_needed_once(clone: Path, script: str) -> None:
    python(clone, "python3", "3.11.2")
    status, said = run(clone, script)
    assert status == 69
    assert said.endswith(
        "superd: error: pip could not install what superd needs into .venv\n  hint: this once it needs the network\n"
    )


def test_a_newer_python_next_to_an_old_one_is_found(clone: Path) -> None:
    python(clone, "python3", "3.9.2")
    python(clone, "python3.12", "3.12.1")
    assert "superd: installing into .venv (once)\n" in run(clone, "run")[1]


def test_the_python_that_is_asked_for_is_the_only_one_tried(clone: Path) -> None:
    python(clone, "python3", "3.12.1")
    assert run(clone, "run", PYTHON="python3.11")[1].startswith("superd: error: no python3.11\n")


def test_a_venv_that_was_broken_off_is_made_again(clone: Path) -> None:
    python(clone, "python3", "3.12.1")
    (clone / ".venv/bin").mkdir(parents=True)
    run(clone, "run")
    assert (clone / ".venv/bin/pip").exists()
