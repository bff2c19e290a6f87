"""What lies at the top of the project: what README.md speaks of, and nothing that a run of a test or a script has left."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.needs import needs

ROOT = Path(__file__).parent.parent
KNOWN = {
    ".ci", ".github", ".gitignore", ".pre-commit-hooks.yaml", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "docs",
    "examples", "mkdocs.yml", "packaging", "pyproject.toml", "scripts", "services.d", "superd", "tests",
}  # fmt: skip


def test_nothing_else_lies_at_the_top() -> None:
    needs("git", "git")
    done = subprocess.run(["git", "-c", "safe.directory=*", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True)
    assert {path.partition("/")[0] for path in done.stdout.splitlines()} <= KNOWN
