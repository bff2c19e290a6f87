"""Fixtures of several tests of paths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.needs import needs_root

ALICE, BOB = 54901, 54902


@pytest.fixture
def top(services_dir: Path) -> Path:
    """A folder of root's with a secret file, and a folder `alice` of hers."""
    needs_root()
    top = services_dir.parent
    (top / "secret").write_bytes(b"secret\n")
    (top / "secret").chmod(0o600)
    (top / "alice").mkdir()
    os.chown(top / "alice", ALICE, ALICE)
    return top
