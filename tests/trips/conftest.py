"""Fixtures of several trips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.xinetd_process import XinetdCommand


@pytest.fixture
def xinetd(tmp_path: Path) -> Iterator[XinetdCommand]:
    """`superd xinetd` in a folder of its own, ended with the test."""
    daemon = XinetdCommand(tmp_path)
    yield daemon
    daemon.stop()
