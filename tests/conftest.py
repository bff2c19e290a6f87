"""Fixtures of the whole suite, and its closing line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.daemon_process import Superd
from tests.needs import missing

# Neither says anything about superd: how long an example takes depends on what else the machine does.
settings.register_profile("superd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("superd")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line: which packages skipped tests need."""
    if missing:
        terminalreporter.write_line(f"skipped for want of: {', '.join(sorted(missing))}")


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """pytest's own, which makes folders for their owner alone: the front is another user and watches the tables in them."""
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    return tmp_path


@pytest.fixture
def services_dir(tmp_path: Path) -> Path:
    """An empty folder for service files that root too may trust."""
    folder = tmp_path / "services.d"
    folder.mkdir(mode=0o755)
    return folder


@pytest.fixture
def superd(services_dir: Path, tmp_path: Path) -> object:
    """A daemon that is not started yet: write files, then ``start()``; stopped at the end of the test."""
    daemon = Superd(services_dir, tmp_path)
    yield daemon
    daemon.stop()
