"""Which tests run which lines: so that a change is only tried against tests that can notice it.

A module's own lines outside of functions run once, at its import: of these no test is known, and all must be tried.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""hypothesis is loaded before pytest begins, once for all."""
Reach = dict[str, dict[int, list[str]]]
"""By file and line: the tests that run it, the quickest first."""


class Tracer:
    """A plugin of pytest: notes for each test the lines of these files that it runs."""

    def __init__(self, files: set[str]) -> None:
        self._files = files
        self._now: set[tuple[str, int]] = set()
        self.seen: dict[str, tuple[float, set[tuple[str, int]]]] = {}
        self.failed: set[str] = set()
        """Tests that fail while they are traced, as those that measure time: they can notice nothing."""

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:
        return self._line if frame.f_code.co_filename in self._files and frame.f_code.co_name != "<module>" else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        self._now.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self._now = set()
        began = time.monotonic()
        sys.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(None)
        self.seen[item.nodeid] = (time.monotonic() - began, self._now)


def reach_of(tests: list[str], files: set[str]) -> Reach:
    """Return what these tests reach of these files, found in a process of its own."""
    with tempfile.NamedTemporaryFile() as result:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                null = os.open(os.devnull, os.O_RDWR)
                for number in (0, 1):
                    os.dup2(null, number)
                tracer = Tracer(files)
                pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:randomly", *QUIET, *tests], plugins=[tracer])
                status = 0 if len(tracer.seen) > 2 * len(tracer.failed) else 1
                found: Reach = {}
                for test, (_, lines) in sorted(tracer.seen.items(), key=lambda item: item[1][0]):
                    for file, line in lines if test not in tracer.failed else ():
                        found.setdefault(file, {}).setdefault(line, []).append(test)
                Path(result.name).write_text(json.dumps(found))
            finally:
                os._exit(status)
        if os.waitpid(pid, 0)[1]:
            raise RuntimeError(f"these tests fail without any change: {' '.join(tests)}")
        stored = json.loads(Path(result.name).read_text())
    return {file: {int(line): tests for line, tests in lines.items()} for file, lines in stored.items()}
