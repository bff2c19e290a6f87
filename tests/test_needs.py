"""CI's list of packages is whole: on a new machine no test and no build lacks a program."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.docs_examples import HOST_PAGES, blocks, steps

ROOT = Path(__file__).parent.parent
ESSENTIAL = {"bash", "coreutils", "libc-bin", "python3"}
"""Packages that are there before: of every Debian, and of python3-venv."""

FROM_PYPI = {
    "ansible-core", "ansible-lint", "build", "check-jsonschema", "gpep517", "kubernetes-validate", "pkglint", "taplo",
    "termux-language-server",
}  # fmt: skip
"""What pyproject.toml names, so that scripts/venv installs it."""


def given() -> set[str]:
    """The packages that .ci/run installs."""
    command = re.search(r"apt-get install (.*?)</dev/null", (ROOT / ".ci/run").read_text(), re.DOTALL)
    assert command is not None
    return {word for word in command[1].split() if re.fullmatch("[a-z0-9][a-z0-9.+-]+", word)}


def test_ci_installs_each_package_that_a_test_needs() -> None:
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        found |= set(re.findall(r'\bneeds\(\s*"([^"]+)"', path.read_text()))
    assert found - ESSENTIAL - FROM_PYPI - given() == set()


def test_ci_installs_each_package_that_a_page_installs() -> None:
    found: set[str] = set()
    for page in (*HOST_PAGES, *(ROOT / "examples").glob("*/README.md")):
        commands = [step.command for block in blocks(page) if block.tag == "console" for step in steps(block)]
        found |= {word for command in commands if command.startswith("apt install ") for word in command.split()[2:]}
    assert found - ESSENTIAL - given() == set()


def test_ci_installs_what_the_builds_of_packages_need() -> None:
    for path in ("packaging/test-deb", "packaging/oci/build"):
        line = re.search(r"^# Needs root, (.*?) and a Debian mirror", (ROOT / path).read_text(), re.MULTILINE)
        assert line is not None, path
        assert set(re.split(", | and ", line[1])) - given() == set()


def test_what_comes_from_pypi_is_named() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert [name for name in FROM_PYPI if f'"{name}>=' not in text] == []


def test_ci_is_a_script_that_bash_reads() -> None:
    assert subprocess.run(["bash", "-n", ROOT / ".ci/run"], capture_output=True).returncode == 0
