"""What a test needs from the system. In strict mode (``SUPERD_TEST_STRICT=1``, as CI runs) a missing thing is a failure."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

import pytest

missing: set[str] = set()
"""Debian packages that a skipped test needs; the closing line of the run lists them."""

STRICT = os.environ.get("SUPERD_TEST_STRICT") == "1"


@cache
def _find(name: str) -> str | None:
    if name.startswith("/"):
        return name if Path(name).exists() else None
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/games")


def needs(package: str, thing: str) -> str:
    """The path of the program (or absolute file) ``thing``; skips the test, or fails it in strict mode, without it."""
    path = _find(thing)
    if path is None:
        missing.add(package)
        reason = f"needs {thing} of the package {package}"
        if STRICT:
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def needs_root() -> None:
    """Skips the test (fails it in strict mode) where it does not run as root."""
    if os.geteuid() != 0:
        missing.add("(root)")
        if STRICT:
            pytest.fail("needs root")
        pytest.skip("needs root")
